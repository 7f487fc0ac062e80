"""What is looked into before a cluster reads anything: a real scheduler, real workers, real servers."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.base import Session, Source
from connectors.elsewhere import Elsewhere
from core.cluster.checks import ClusterCheck
from core.connectors import open_destination, open_source
from core.errors import (
    NotWritable,
    OfframpError,
    PreflightFailed,
    SecretError,
    SnapshotUnavailable,
    Unreachable,
    Unsupported,
    UsageError,
)
from core.model.connection import Connection
from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret, KeyringSecret
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, Engine, Mode
from tests.servers import s3
from tests.servers.dask import BARE, DaskCluster, without
from tests.servers.mariadb import free_port

VARIABLE = "OFFRAMP_TEST_DATABASE_PASSWORD"
S3_VARIABLE = "OFFRAMP_TEST_S3_SECRET"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, postgresql) -> Iterator[DaskCluster]:
    directory = tmp_path_factory.mktemp("dask")
    (directory / "password").write_text(postgresql.password + "\n")
    environment = {VARIABLE: postgresql.password, S3_VARIABLE: s3.SECRET}
    with DaskCluster(directory, 2, environment=environment) as made:
        yield made


@pytest.fixture(scope="module")
def session(postgresql) -> Iterator[Session]:
    with _source(postgresql).connect() as opened:
        yield opened


def _source(server) -> Source:
    return open_source(server.connection(), server.credentials())


def settings(address: str, **more) -> ExportSettings:
    chosen = {"files": FileSettings(single=False), "engine": Engine.DASK, "dask_scheduler": address, **more}
    return ExportSettings(connection="test", all_objects=True, **chosen)


def connection(postgresql, **more) -> Connection:
    return postgresql.connection(secret=EnvironmentSecret(variable=VARIABLE), **more)


def refused(kind: type[OfframpError], check: ClusterCheck, session: Session, directory: Path) -> str:
    with pytest.raises(kind) as raised:
        check(session, directory)
    assert list(directory.iterdir()) == []
    assert "it's a 'test'" not in str(raised.value)
    return str(raised.value)


def test_a_cluster_that_can_do_it_is_told_of_and_nothing_stays(cluster, postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    (note,) = check(session, tmp_path)
    assert f"{cluster.address}: 2 workers with 2 threads on 1 machine, 2 at once." in note
    few = ClusterCheck(connection(postgresql, session_limit=2), settings(cluster.address))
    assert "2 threads on 1 machine, 1 at once." in few(session, tmp_path)[0]
    assert list(tmp_path.iterdir()) == []


def test_a_command_is_run_on_the_workers(cluster, postgresql, session, tmp_path):
    # Relative: it is there where the workers stand, and not here.
    for command, fails in (("cat password", False), ("cat ../nowhere", True)):
        way = postgresql.connection(secret=CommandSecret(command=command))
        check = ClusterCheck(way, settings(cluster.address))
        if fails:
            words = refused(SecretError, check, session, tmp_path)
            assert words.startswith("On all 2 workers of the Dask cluster (tcp://127.0.0.1:")
            assert "password of connection 'test' can't be had there: The password command ended" in words
        else:
            assert check(session, tmp_path)


def test_a_variable_that_no_worker_has_is_named(cluster, postgresql, session, tmp_path):
    way = postgresql.connection(secret=EnvironmentSecret(variable="NOBODY_HAS_IT"))
    words = refused(SecretError, ClusterCheck(way, settings(cluster.address)), session, tmp_path)
    assert "'NOBODY_HAS_IT'" in words
    assert "Set it where the workers are started." in words


@pytest.mark.parametrize("secret", [FileSecret(key="k"), KeyringSecret(user="me")])
def test_passwords_of_this_machine_are_refused(postgresql, session, tmp_path, secret):
    # No cluster is asked: there is none at this address.
    nowhere = settings(f"tcp://127.0.0.1:{free_port()}")
    words = refused(
        SecretError, ClusterCheck(postgresql.connection(secret=secret), nowhere), session, tmp_path
    )
    assert "kept on this machine" in words
    assert "--password-env" in words


def test_a_wrong_password_and_a_silent_database_are_told_as_the_workers_met_them(
    cluster, postgresql, session, tmp_path
):
    wrong = postgresql.connection(secret=CommandSecret(command="echo wrong"))
    words = refused(OfframpError, ClusterCheck(wrong, settings(cluster.address)), session, tmp_path)
    assert words.startswith("On 1 of 2 workers")
    nobody = connection(postgresql, tcp=True, port=free_port())
    words = refused(Unreachable, ClusterCheck(nobody, settings(cluster.address)), session, tmp_path)
    assert "On 1 of 2 workers" in words


def test_a_scheduler_that_isnt_there_and_one_without_workers(postgresql, session, tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    words = refused(
        Unreachable,
        ClusterCheck(connection(postgresql, connect_timeout=2), settings(address)),
        session,
        tmp_path,
    )
    assert f"No Dask scheduler answers at {address}" in words
    assert Unreachable.transient
    with DaskCluster(tmp_path.parent / "idle", 0) as idle:
        check = ClusterCheck(connection(postgresql), settings(idle.address))
        words = refused(Unreachable, check, session, tmp_path)
        assert f"has no workers. Start some: dask worker {idle.address}" in words


def test_one_that_takes_the_connection_and_says_nothing_isnt_waited_for(postgresql, session, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        check = ClusterCheck(connection(postgresql, connect_timeout=1), settings(address))
        assert "nothing is heard" in refused(Unreachable, check, session, tmp_path)


def test_a_workers_address_is_told_from_a_schedulers(cluster, postgresql, session, tmp_path):
    with cluster.client() as client:
        address = next(iter(client.nthreads()))
    check = ClusterCheck(connection(postgresql), settings(address))
    assert "what is there is a worker" in refused(Unreachable, check, session, tmp_path)


def test_without_an_address_it_is_said_where_one_goes(postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(None))
    assert "--dask-scheduler" in refused(UsageError, check, session, tmp_path)


# Workers that lack something. Each comes and goes beside two that lack nothing.


def _lacking(cluster, check, session, tmp_path, kind, **worker) -> str:
    made = cluster.add_worker(**worker)
    try:
        (tmp_path / "out").mkdir()
        return refused(kind, check, session, tmp_path / "out")
    finally:
        cluster.kill(made)
        cluster.wait(len(cluster.workers))


def test_workers_need_offramp(cluster, postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    more = {"environment": without(tmp_path, offramp=False), "python": BARE}
    words = _lacking(cluster, check, session, tmp_path, PreflightFailed, **more)
    assert "Offramp isn't installed on 1 of 3 workers" in words
    assert "pip install 'offramp==" in words


def test_workers_need_the_same_offramp_and_the_same_python(cluster, postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    other = tmp_path / "other"
    (other / "offramp-9.9.9.dist-info").mkdir(parents=True)
    (other / "offramp-9.9.9.dist-info" / "METADATA").write_text("Name: offramp\nVersion: 9.9.9\n")
    more = {"environment": {"PYTHONPATH": str(other)}}
    words = _lacking(cluster, check, session, tmp_path, PreflightFailed, **more)
    assert "Offramp is 9.9.9 on 1 of 3 workers" in words
    (tmp_path / "out").rmdir()
    # Another interpreter can't be had: this one says that it is one.
    python = tmp_path / "python"
    python.mkdir()
    (python / "sitecustomize.py").write_text("import platform\nplatform.python_version = lambda: '3.10.1'\n")
    more = {"environment": {"PYTHONPATH": str(python)}}
    words = _lacking(cluster, check, session, tmp_path, PreflightFailed, **more)
    assert "Python is 3.10 on 1 of 3 workers" in words


def test_workers_need_the_driver(cluster, postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    more = {"environment": without(tmp_path, "psycopg", offramp=True), "python": BARE}
    words = _lacking(cluster, check, session, tmp_path, Unsupported, **more)
    assert words.startswith("On 1 of 3 workers")
    assert "connector for postgresql can't be loaded" in words


def _with_mounts(tmp_path, mounting):
    """Python with mounts of its own, made by a command. Skips where that isn't allowed."""
    if os.system(f"unshare -m mount -t tmpfs none {tmp_path} 2>/dev/null"):
        pytest.skip("Mounts of its own need the rights of an administrator.")
    script = f'{mounting} && exec "$@"'
    return ("unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-P")


def test_a_directory_that_a_worker_doesnt_share_is_found(cluster, postgresql, session, tmp_path):
    """A worker with mounts of its own, as on another machine: the same path, and other files."""
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    python = _with_mounts(tmp_path, f"mount -t tmpfs none {tmp_path} && mkdir {tmp_path}/out")
    words = _lacking(cluster, check, session, tmp_path, NotWritable, python=python)
    assert words.startswith("On 1 of 3 workers")
    assert f"{tmp_path}/out is another directory there" in words
    assert "S3" in words


def test_what_a_worker_may_not_write_is_found(cluster, postgresql, session, tmp_path):
    check = ClusterCheck(connection(postgresql), settings(cluster.address))
    python = _with_mounts(tmp_path, f"mount --bind -o ro {tmp_path} {tmp_path}")
    words = _lacking(cluster, check, session, tmp_path, NotWritable, python=python)
    assert f"{tmp_path}/out can't be written there: Read-only file system" in words


# Sources


def test_a_file_here_cant_be_read_there(cluster, session, tmp_path):
    way = Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db")
    words = refused(UsageError, ClusterCheck(way, settings(cluster.address)), session, tmp_path)
    assert "/data/shop.db is a file on this machine" in words


@pytest.mark.mariadb
def test_sessions_that_cant_come_to_one_point_in_time_read_parts_of_their_own(cluster, mariadb, tmp_path):
    way = Connection(
        name="m", mode=Mode.MARIADB, unix_socket=mariadb.socket, user=mariadb.user,
        secret=CommandSecret(command=f"cat {tmp_path}.password"),
    )  # fmt: skip
    Path(f"{tmp_path}.password").write_text(mariadb.password + "\n")
    with _source(mariadb).connect() as opened:
        for level in (Consistency.TASK, Consistency.OBJECT):
            check = ClusterCheck(way, settings(cluster.address, consistency=level))
            assert "--consistency part" in refused(SnapshotUnavailable, check, opened, tmp_path)
        assert ClusterCheck(way, settings(cluster.address, consistency=Consistency.PART))(opened, tmp_path)


# Destinations


@pytest.fixture
def lake(tmp_path) -> Iterator[tuple[s3.S3, Elsewhere]]:
    server = s3.S3()
    options = {"endpoint": server.endpoint, "key": s3.KEY, "region": "us-east-1", "timeout": "20"}
    place = Destination(
        name="lake",
        url=f"s3://{s3.BUCKET}/in",
        options=options,
        secret=EnvironmentSecret(variable=S3_VARIABLE),
    )
    yield server, open_destination(place, s3.SECRET)
    server.close()


def test_a_bucket_is_shown_to_be_the_same_from_everywhere(cluster, postgresql, session, tmp_path, lake):
    server, elsewhere = lake
    before = server.keys()  # all servers of a process have one memory
    check = ClusterCheck(connection(postgresql), settings(cluster.address), elsewhere, "out/dump")
    assert "2 workers" in check(session, tmp_path)[0]
    assert server.keys() == before
    assert list(tmp_path.iterdir()) == []


def test_a_destinations_password_counts_on_the_workers(cluster, postgresql, session, tmp_path, lake):
    _, elsewhere = lake
    for secret, words in (
        (FileSecret(key="k"), "kept on this machine"),
        (EnvironmentSecret(variable="NO"), "'NO'"),
    ):
        place = Destination(name="lake", url=f"s3://{s3.BUCKET}/in", secret=secret)
        check = ClusterCheck(
            connection(postgresql), settings(cluster.address), _Said(elsewhere, place), "out"
        )
        assert words in refused(SecretError, check, session, tmp_path)


class _Said(Elsewhere):
    """The same place, said to have another password."""

    def __init__(self, real: Elsewhere, destination: Destination) -> None:
        super().__init__(destination, real.password)
        self._real = real

    def connect(self):
        return self._real.connect()
