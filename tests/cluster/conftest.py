"""Dask clusters and databases for the tests of parts that are read elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.running import KEY, PASSWORD, Shop
from tests.servers import s3
from tests.servers.dask import DaskCluster


def environment_of(server: Any) -> dict[str, str]:
    """What workers need for the secrets of a shop on that server, and of the lake."""
    return {PASSWORD: server.password, KEY: s3.SECRET}


@pytest.fixture(
    params=[
        pytest.param("oceanbase", marks=pytest.mark.oceanbase),
        pytest.param("postgresql", marks=pytest.mark.postgresql),
    ]
)
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def shop(server: Any) -> Shop:
    return Shop(server, 4500)


@pytest.fixture
def cluster(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask"), 2, environment=environment_of(server)) as made:
        yield made
