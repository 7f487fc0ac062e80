"""A shop to take rows from, of each kind, and empty databases for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.sources import PRODUCTS
from tests.into.places import Place, new_place
from tests.into.shop import fill


@pytest.fixture(scope="module", params=PRODUCTS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Each kind in turn, with artists, albums and tracks. Nobody changes it."""
    place = new_place(request.param, request, tmp_path_factory.mktemp("shop") / "shop.db")
    fill(place)
    return place


@pytest.fixture(scope="module")
def lite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The shop in SQLite."""
    place = new_place("sqlite", request, tmp_path_factory.mktemp("lite") / "shop.db")
    fill(place)
    return place


@pytest.fixture(params=PRODUCTS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database of each kind in turn."""
    return new_place(request.param, request, tmp_path / "target.db", "target")
