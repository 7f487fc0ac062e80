"""Dask clusters and databases for the tests of parts that are read elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.model.destination import Destination
from core.model.secret import EnvironmentSecret
from tests.cluster.running import KEY, Shop, variable_of
from tests.servers import s3
from tests.servers.dask import DaskCluster
from tests.servers.oceanbase import OceanbaseServer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.sshd import Sshd

# What workers need for the secrets of the shops and of the lake.
ENVIRONMENT = {
    variable_of(PostgresqlServer): PostgresqlServer.password,
    variable_of(OceanbaseServer): OceanbaseServer.password,
    KEY: s3.SECRET,
}


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


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask"), 2, environment=ENVIRONMENT) as made:
        yield made


@pytest.fixture
def cluster(two_workers: DaskCluster) -> Iterator[DaskCluster]:
    """Two workers, and as many for the next test."""
    yield two_workers
    while len(two_workers.workers) > 2:
        two_workers.kill(two_workers.workers[-1])
    while len(two_workers.workers) < 2:
        two_workers.add_worker(wait=False)
    two_workers.wait(2)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.S3]:
    made = s3.S3()
    yield made
    made.close()


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    made = Sshd(tmp_path_factory.mktemp("ssh") / "sshd")
    yield made
    made.close()


@pytest.fixture
def sftp(sshd: Sshd, tmp_path: Path) -> Destination:
    """An empty directory, `there`, on a server that renames."""
    (tmp_path / "there").mkdir()
    options = {"known_hosts": str(sshd.known_hosts), "identity": str(sshd.identity), "timeout": "20"}
    return Destination(name="lake", url=f"sftp://127.0.0.1:{sshd.port}{tmp_path}/there", options=options)


@pytest.fixture
def lake(s3_server: s3.S3, tmp_path: Path) -> Destination:
    """An empty place on a server that speaks like S3 over HTTP."""
    return Destination(
        name="lake",
        url=f"s3://{s3.BUCKET}/{tmp_path.name}",
        options={"endpoint": s3_server.endpoint, "key": s3.KEY, "region": "us-east-1", "timeout": "20"},
        secret=EnvironmentSecret(variable=KEY),
    )
