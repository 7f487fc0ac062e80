"""Metadata locks and schema changes: an ALTER waits for nobody longer than for the object that is being read,
and one that falls into the checks costs another look."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.base import TableShape
from connectors.sources.mysql import MysqlSource
from connectors.sources.mysql.catalog import Catalog
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, ObjectRef, ObjectType, SchemaFlavour
from core.pipeline.cancel import Cancel
from core.pipeline.run import run_task
from core.pipeline.writer import DataFile
from tests.connectors.mysql_helpers import session_of
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer


def run(server: MysqlFamilyServer, database: str, output: Path, **settings: object) -> MemoryJournal:
    chosen = ExportSettings(connection="shop", all_objects=True, **settings)  # type: ignore[arg-type]
    journal = MemoryJournal(make_task(output, chosen))
    source = MysqlSource(server.connection("shop", database), server.credentials())
    run_task(journal, source, log=logging.Logger("task"), cancel=Cancel())
    return journal


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE t ADD COLUMN b INT",
        "ALTER TABLE t DROP COLUMN gone",
        "RENAME TABLE t TO old, other TO t",
    ],
)
def test_a_change_amid_the_checks(
    mysql_family: MysqlFamilyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Between the description of an object and the question whether it can be read."""
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE t (a INT PRIMARY KEY, gone INT)",
        "CREATE TABLE other (a INT PRIMARY KEY, x INT)",
        "INSERT INTO t VALUES (1, 2)",
        "INSERT INTO other VALUES (1, 2)",
        database=database,
    )
    real = Catalog.check_readable
    pending = [change]

    def check(catalog: Catalog, database_: str, shape: TableShape, *more: Any) -> None:
        if shape.ref.name == "t" and pending:
            mysql_family.run(pending.pop(), database=database)
        real(catalog, database_, shape, *more)

    monkeypatch.setattr(Catalog, "check_readable", check)
    # What the change is about, and nothing that comes or goes with it.
    journal = run(mysql_family, database, tmp_path / "out", exclude=("old", "other"))
    assert journal.outcome == (None, True), journal.outcome
    header = (tmp_path / "out" / "TABLE" / "t.csv").read_text().splitlines()[0]
    assert header == {"ALTER TABLE t A": "a,gone,b", "ALTER TABLE t D": "a"}.get(change[:15], "a,x")


@pytest.mark.mariadb
def test_schemas_read_within_a_transaction_hold_no_lock(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run(
        "CREATE SEQUENCE s",
        "CREATE TABLE t (a INT PRIMARY KEY)",
        "CREATE VIEW v AS SELECT a FROM t",
        database=database,
    )
    with session_of(mariadb) as session:
        session.begin()
        for kind, name in ((ObjectType.SEQUENCE, "s"), (ObjectType.TABLE, "t"), (ObjectType.VIEW, "v")):
            session.ddl(database, ObjectRef(kind, name), SchemaFlavour.NATIVE)
        shape = session.describe(database, ObjectRef(ObjectType.TABLE, "t"))
        session.split(database, shape, 1)
        began = time.monotonic()
        mariadb.run(
            "SET lock_wait_timeout = 3",
            "ALTER SEQUENCE s INCREMENT 2",
            "ALTER TABLE t ADD COLUMN b INT, ALGORITHM=COPY",
            "DROP VIEW v",
            database=database,
        )
        assert time.monotonic() - began < 2
        session.end()


@pytest.mark.mariadb
def test_a_task_does_not_hold_up_a_change_of_what_it_has_read(
    mariadb: MariadbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the second object is being read as of the same point in time."""
    database = mariadb.new_database()
    mariadb.run(
        "CREATE TABLE a (a INT PRIMARY KEY)", "INSERT INTO a VALUES (1)",
        "CREATE TABLE b (a INT PRIMARY KEY)", "INSERT INTO b VALUES (1)",
        database=database,
    )  # fmt: skip
    real = DataFile.write
    took: list[float] = []

    def write(file: DataFile, chunk: object) -> None:
        if took == [] and reading.is_set():
            began = time.monotonic()
            mariadb.run("SET lock_wait_timeout = 3", "ALTER TABLE a ADD COLUMN n INT", database=database)
            took.append(time.monotonic() - began)
        reading.set()
        real(file, chunk)  # type: ignore[arg-type]

    reading = threading.Event()
    monkeypatch.setattr(DataFile, "write", write)
    journal = run(mariadb, database, tmp_path / "out", consistency=Consistency.TASK)
    assert journal.outcome == (None, True), journal.outcome
    assert took[0] < 2
