"""Attempts that are aborted, cut off or killed at any point: nothing of them is left, nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from core import faults
from core.faults import Point
from core.model.into import Existing, Into
from core.model.secret import EnvironmentSecret
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, TaskStatus
from tests.faults.supervised import Step, Supervised
from tests.into.places import Place, new_place, nothing_of_ours, task_of
from tests.into.shop import TRACKS

DATA = {"content": Content.DATA, "objects": ("artist", "track")}
MADE = (
    "CREATE TABLE artist (id bigint PRIMARY KEY, name varchar(300))",
    "INSERT INTO artist VALUES (1000, 'own')",
)
SECONDS = 200
# The worker dies at each of these in the life of one task; every attempt takes some seconds.
DEATHS: tuple[Step, ...] = (
    ("CHUNK_WRITTEN", 1, "die"), ("PUBLISHING", 1, "die"), ("RENAMED", 1, "both"), ("FORWARDED", 1, "die"),
    ("FINISH_NEXT", 1, "die"),
)  # fmt: skip


def settings(existing: Existing) -> ExportSettings:
    return ExportSettings(connection="shop", into=Into(connection="target", existing=existing), **DATA)


@pytest.fixture
def bench(lite: Place, target: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervised:
    monkeypatch.setenv("TARGET_PASSWORD", target.password or "")
    connection = target.connection
    if target.password:
        connection = msgspec.structs.replace(connection, secret=EnvironmentSecret("TARGET_PASSWORD"))
    return Supervised(tmp_path / "home", [lite.connection, connection])


@pytest.mark.timeout(600)
def test_added_once(bench: Supervised, target: Place) -> None:
    """Rows that are added aren't added again by the attempt after one that died when they were."""
    if target.product == "oceanbase":
        pytest.skip("the same code as MariaDB's, and the longest of these tests")
    target.run(
        "CREATE TABLE artist (id bigint, name varchar(300))", "CREATE TABLE track AS SELECT * FROM artist"
    )
    try:
        only = msgspec.structs.replace(settings(Existing.APPEND), objects=("artist",), retry_limit=10)
        number = bench.add(only, Path("connection:target"), DEATHS)
        assert bench.until(lambda: bench.settled(number), SECONDS), bench.log(number)
        assert bench.task(number).status is TaskStatus.COMPLETED, (
            bench.task(number).error,
            bench.log(number),
        )
        assert len(target.rows("artist")) == 20
        assert all(bench.befell(str(number), step) for step in range(len(DEATHS)))
        assert nothing_of_ours(target)
    finally:
        bench.close()


@pytest.mark.timeout(600)
def test_a_killed_abort_leaves_nothing(bench: Supervised, target: Place) -> None:
    """The worker hangs and is killed by force: what it had begun there is removed by the engine's sweep."""
    if target.product == "oceanbase":
        pytest.skip("the same code as MariaDB's, and the longest of these tests")
    try:
        number = bench.add(
            settings(Existing.CREATE), Path("connection:target"), [("CHUNK_WRITTEN", 2, "hang")]
        )
        assert bench.until(lambda: bench.befell(str(number)), SECONDS)
        bench.store.tasks.request_abort(number, force=True)
        assert bench.until(lambda: bench.settled(number), SECONDS)
        assert bench.task(number).status is TaskStatus.ABORTED
        assert bench.until(lambda: target.tables() == [], SECONDS), target.tables()
    finally:
        bench.close()


def test_aborted_while_loading(lite: Place, target: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(target, **DATA)

    def reached(point: Point) -> None:
        if point is Point.CHUNK_WRITTEN:
            monkeypatch.setattr(faults, "reached", lambda _point: None)
            task.cancel.request()

    monkeypatch.setattr(faults, "reached", reached)
    task.attempt(lite.source, target.elsewhere())
    assert task.error is not None
    assert task.error.code == "aborted"
    assert target.tables() == []
    assert {item.data_status for item in task.journal.objects()} == {"killed"}


def test_aborted_while_the_server_makes_it_wait(lite: Place, target: Place) -> None:
    """A table that somebody else holds: the statement is ended on the server, too."""
    if target.product in ("sqlite", "oceanbase"):
        pytest.skip("nobody can be made to wait there for so long")
    target.run(*MADE)
    import pymysql

    holder = None
    if target.product == "postgresql":
        import psycopg

        c = target.connection
        holder = psycopg.connect(
            host=c.unix_socket, port=c.port, user=c.user, password=target.password, dbname=c.database
        )
        holder.execute("LOCK TABLE artist IN ACCESS EXCLUSIVE MODE")
    else:
        c = target.connection
        holder = pymysql.connect(
            unix_socket=c.unix_socket,
            user=c.user,
            password=(target.password or "").encode(),
            database=c.database,
        )
        holder.cursor().execute("LOCK TABLES artist WRITE")
    task = task_of(target, Existing.REPLACE, content=Content.DATA, objects=("artist",))
    timer = threading.Timer(2.0, task.cancel.pursue)
    timer.start()
    try:
        task.attempt(lite.source, target.elsewhere())
    finally:
        timer.join(30)
        holder.close()
    assert task.error is not None
    assert task.error.code == "aborted", task.error
    assert [row[0] for row in target.rows("artist")] == [1000]
    assert nothing_of_ours(target)


@pytest.mark.mariadb
def test_a_connection_that_is_cut_is_transient(
    lite: Place, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next attempt begins clean."""
    target = new_place("mariadb", request, tmp_path / "none", "target")
    task = task_of(target, **DATA)
    server = request.getfixturevalue("mariadb")

    def reached(point: Point) -> None:
        if point is Point.CHUNK_WRITTEN:
            monkeypatch.setattr(faults, "reached", lambda _point: None)
            for row in server.processlist():
                if row["db"] == target.database:
                    server.run(f"KILL {row['Id']}")

    monkeypatch.setattr(faults, "reached", reached)
    task.attempt(lite.source, target.elsewhere())
    assert task.error is not None
    assert task.error.transient, task.error
    assert nothing_of_ours(target), "what its own connection couldn't remove, another did"
    task.attempt(lite.source, target.elsewhere("offramp attempt 2"))
    assert task.error is None, task.log
    assert len(target.rows("track")) == TRACKS


HALF = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN")
database.execute("CREATE TABLE half (x)")
database.executemany("INSERT INTO half VALUES (?)", [("x" * 1000,)] * 2000)
os._exit(9)
"""


def test_a_file_that_a_killed_attempt_has_half_written(
    lite: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Nobody can read it until somebody who may write takes that back."""
    target = new_place("sqlite", request, tmp_path / "target.db", "target")
    target.run("CREATE TABLE own (x)")
    subprocess.run([sys.executable, "-c", HALF, tmp_path / "target.db"], check=False)
    assert (tmp_path / "target.db-journal").stat().st_size > 0
    task = task_of(target, **DATA).attempt(lite.source, target.elsewhere())
    assert task.error is None, task.log
    assert sorted(target.tables()) == ["artist", "own", "track"]
