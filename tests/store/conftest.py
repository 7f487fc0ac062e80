"""A store in a directory of its own, and tasks to fill it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.locations import Locations
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Mode
from core.store import NewTask, Store

SETTINGS = ExportSettings(connection="shop", all_objects=True)


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations(tmp_path / "home")


@pytest.fixture
def store(locations: Locations) -> Iterator[Store]:
    with Store.open(locations) as opened:
        opened.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
        yield opened


def new_task(name: str = "export", **values: object) -> NewTask:
    base: dict[str, object] = {
        "name": name, "settings": SETTINGS, "output": "/data/out", "mode": Mode.SQLITE, "owner": "ann",
    }  # fmt: skip
    return NewTask(**(base | values))  # type: ignore[arg-type]


@pytest.fixture
def add(store: Store) -> Callable[..., Task]:
    def make(name: str = "export", **values: object) -> Task:
        return store.tasks.add(new_task(name, **values))

    return make


@pytest.fixture
def epoch(store: Store) -> int:
    """A lease on the store, as an engine would have it."""
    taken = store.lease.acquire(store.lease.state(), "a test")
    assert taken is not None
    return taken
