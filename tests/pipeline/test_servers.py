"""Whole tasks on real servers of the MySQL family, loaded again by their own client."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sources.mysql import MysqlSource
from core.chunk import TextChunk
from core.errors import ConnectionLost
from core.model.settings import ExportSettings, SchemaSettings
from core.model.vocabulary import Consistency, Content, Format
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.run import run_task
from core.pipeline.verify import verify, verify_against_source
from core.pipeline.writer import DataFile
from tests.pipeline.conftest import tree
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.family import MysqlFamilyServer

SHOP = (
    "CREATE TABLE parent (id INT PRIMARY KEY, child INT, name VARCHAR(50), KEY (child))",
    "CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, price DECIMAL(18,4), at TIMESTAMP(6) NULL,"
    " raw VARBINARY(20), twice INT GENERATED ALWAYS AS (parent * 2) STORED,"
    " CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id))",
    "ALTER TABLE parent ADD CONSTRAINT to_child FOREIGN KEY (child) REFERENCES child (id)",
    "INSERT INTO parent VALUES (1, NULL, 'it''s; 中文')",
    "INSERT INTO child (parent, price, at, raw) VALUES (1, 12.3456, '2026-01-01 00:00:00.5', X'00FF27'),"
    " (NULL, NULL, NULL, NULL)",
    "UPDATE parent SET child = 1",
    "CREATE TABLE big (id INT PRIMARY KEY, note VARCHAR(40))",
    "INSERT INTO big SELECT a.n + 10 * b.n + 100 * c.n, CONCAT('note ', a.n) FROM"
    " (SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6"
    " UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a,"
    " (SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6"
    " UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b,"
    " (SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6"
    " UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) c",
    "CREATE TABLE `odd ``name; 100%` (`a b` INT PRIMARY KEY)",
    "INSERT INTO `odd ``name; 100%` VALUES (7)",
    "CREATE TABLE log (what VARCHAR(40))",
    "CREATE VIEW z_view AS SELECT id, price FROM child",
    "CREATE VIEW a_view AS SELECT * FROM z_view",
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE TRIGGER after_child AFTER INSERT ON child FOR EACH ROW BEGIN INSERT INTO log VALUES ('ran;'); END",
)


class ServerTask:
    """A task over one database of a server, to be run as often as a test likes."""

    def __init__(self, server: MysqlFamilyServer, output: Path) -> None:
        self.server = server
        self.database = server.new_database()
        server.run(*SHOP, database=self.database)
        self.source = MysqlSource(server.connection("shop", self.database), server.credentials())
        self.output = output
        self.log: list[str] = []
        self.journal: MemoryJournal | None = None

    def run(self, disk: Callable[[Path], Disk] = Disk, **settings: Any) -> MemoryJournal:
        if self.journal is None:
            chosen = ExportSettings(connection="shop", all_objects=True, **settings)
            self.journal = MemoryJournal(make_task(self.output, chosen))
        log = logging.Logger("task")
        handler = logging.Handler()
        handler.emit = lambda record: self.log.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        run_task(self.journal.again(), self.source, log=log, cancel=Cancel(), disk=disk)
        return self.journal

    def good(self, **settings: Any) -> Manifest:
        journal = self.run(**settings)
        assert journal.outcome == (None, True), (journal.outcome, self.log)
        return manifests.load(Disk(self.output), "")

    def load(self, script: str) -> str:
        """Load into an empty database with one command, started in the task's directory."""
        target = self.server.new_database()
        with (self.output / script).open("rb") as text:
            self.server.client(target, stdin=text, cwd=self.output)
        return target

    def rows(self, database: str) -> dict[str, list[tuple[Any, ...]]]:
        names = ["parent", "child", "big", "odd `name; 100%", "log", "a_view", "z_view"]
        quoted = ["`" + name.replace("`", "``") + "`" for name in names]
        return {
            name: sorted(map(repr, self.server.run(f"SELECT * FROM {name}", database=database)))
            for name in quoted
        }


@pytest.fixture
def task(mysql_family: MysqlFamilyServer, tmp_path: Path) -> ServerTask:
    return ServerTask(mysql_family, tmp_path / "out")


@pytest.mark.parametrize("consistency", list(Consistency))
def test_one_command_loads_the_sql_output_into_an_equal_database(
    task: ServerTask, consistency: Consistency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 300)
    manifest = task.good(format=Format.SQL, consistency=consistency)
    assert verify(task.output).ok
    copy = task.load("load.sql")
    assert task.rows(copy) == task.rows(task.database)
    assert task.server.run("CALL p()", database=copy) is not None
    assert task.server.run("SHOW TRIGGERS", database=copy)
    with task.source.connect() as session:
        report = verify_against_source(task.output, session)
    assert report.ok, report.problems
    if consistency is Consistency.TASK:
        assert manifest.snapshot is not None


def test_the_merged_schema_loads_in_one_go(task: ServerTask) -> None:
    task.good(content=Content.SCHEMA, schema=SchemaSettings(merge=True, drop=True))
    copy = task.load("schema.sql")
    assert set(task.rows(copy)) == set(task.rows(task.database))


@pytest.mark.parametrize("consistency", [Consistency.OBJECT, Consistency.TASK])
def test_a_connection_that_is_cut_is_gone_on_from(
    task: ServerTask, consistency: Consistency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 300)
    real = DataFile.write

    def cut(file: DataFile, chunk: TextChunk) -> None:
        if file.rows + chunk.rows > 600:
            monkeypatch.setattr(DataFile, "write", real)
            raise ConnectionLost("Cut.")
        real(file, chunk)

    monkeypatch.setattr(DataFile, "write", cut)
    error = task.run(format=Format.SQL, consistency=consistency).error
    assert error is not None
    assert error.transient
    task.server.run("INSERT INTO big VALUES (5000, 'late')", database=task.database)
    task.good()
    reopens = task.server.product == "oceanbase"
    assert (b"late" in tree(task.output)["TABLE/big.sql"]) != reopens
    assert any("goes on after 600 rows" in line for line in task.log) == reopens
    assert verify(task.output).ok
