"""The pytest fixtures of the test servers: started once a run, when the first test asks, but for OceanBase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import tool
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer
from tests.servers.postgresql import PostgresqlServer


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    server = MariadbServer()
    yield server
    server.close()


OCEANBASE = pytest.StashKey[OceanbaseServer]()
ASKING = pytest.StashKey[set[Path]]()


@pytest.fixture(scope="module")
def oceanbase(request: pytest.FixtureRequest) -> OceanbaseServer:
    """One after another: it takes a seventh of a processor while nobody uses it, and is started in seconds. So
    it ends where the next file doesn't ask for it."""
    stash = request.config.stash
    stash[ASKING].add(request.node.path)  # some ask as they go
    if OCEANBASE not in stash:
        stash[OCEANBASE] = OceanbaseServer()
        request.config.add_cleanup(lambda: _end_oceanbase(request.config))
    return stash[OCEANBASE]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[ASKING] = {item.path for item in items if item.get_closest_marker("oceanbase")}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # Not when the last test that asked is over: it may be run again, with the server that it had.
    if item.path not in item.config.stash[ASKING]:
        _end_oceanbase(item.config)


def _end_oceanbase(config: pytest.Config) -> None:
    if OCEANBASE in config.stash:
        config.stash[OCEANBASE].close()
        del config.stash[OCEANBASE]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite3_client() -> str:
    return tool("sqlite3")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("oceanbase", marks=pytest.mark.oceanbase),
    ],
)
def mysql_family(request: pytest.FixtureRequest) -> MariadbServer | OceanbaseServer:
    """Each server of the MySQL family in turn."""
    server: MariadbServer | OceanbaseServer = request.getfixturevalue(request.param)
    return server
