"""The pytest fixtures of the test servers: started once a run, when the first test asks."""

from __future__ import annotations

from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def oceanbase() -> Iterator[OceanbaseServer]:
    server = OceanbaseServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite3_client() -> str:
    return tool("sqlite3")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("oceanbase", marks=pytest.mark.oceanbase),
    ],
)
def mysql_family(request: pytest.FixtureRequest) -> MariadbServer | OceanbaseServer:
    """Each server of the MySQL family in turn."""
    server: MariadbServer | OceanbaseServer = request.getfixturevalue(request.param)
    return server
