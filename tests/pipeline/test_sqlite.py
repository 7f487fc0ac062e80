"""Whole tasks on a real SQLite file, loaded again by its own client."""

from __future__ import annotations

import csv
import logging
import math
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Credentials
from connectors.sources.sqlite import SqliteSource
from core.model.connection import Connection
from core.model.settings import ExportSettings, SchemaSettings, SqlSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Mode
from core.pipeline import manifest as manifests
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest
from core.pipeline.names import decode
from core.pipeline.run import run_task
from core.pipeline.verify import verify, verify_against_source
from tests.pipeline.conftest import tree
from tests.pipeline.memory import MemoryJournal, make_task

VALUES: list[Any] = [
    None, "", "NULL", "\\N", 0, 1, -1, 2**63 - 1, -(2**63), 0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf,
    -math.inf, "plain", "it's", 'quo"te', "a,b;c:d\te", "line\nfeed", "carriage\rreturn", "both\r\n", "back\\slash",
    "nul\0inside", "\x1a", "\ufeffbom", "   ", "中文", "\U0001f600", b"", b"\x00\xff\x27", b"bytes", "--", "#", ";",
    "=1+1", "0x41", "1e5", "00012",
]  # fmt: skip

NAMES = [
    "orders", "Orders", "order items", "../x", "a/b", "back\\slash", 'quo"te', "it's", "semi;colon", "100%",
    "订单", "é", "e\u0301", "CON", "-dash", ".dot", "select", "a\nb", "   ", "x-schema", "x",
]  # fmt: skip


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database with every value, hostile names, keys of all kinds, views on views, triggers."""
    path = tmp_path / "shop.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE vals (id INTEGER PRIMARY KEY, v, w TEXT)")
    db.executemany("INSERT INTO vals (v, w) VALUES (?, ?)", [(v, None) for v in VALUES])
    names = [n for n in NAMES if n not in ("Orders", "CON", "e\u0301")] + ["CON"]
    for name in names:
        db.execute(f"CREATE TABLE {ident(name)} (k TEXT PRIMARY KEY, {ident(name + ' c')} INT) WITHOUT ROWID")
        db.execute(f"INSERT INTO {ident(name)} VALUES (?, 1)", (name,))
    db.executescript(
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY, child INT REFERENCES child(id));
        CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INT REFERENCES parent(id),
                            twice GENERATED ALWAYS AS (parent * 2) VIRTUAL);
        INSERT INTO parent VALUES (1, 2);
        INSERT INTO child (id, parent) VALUES (2, 1);
        CREATE TABLE keyless (a, b);
        INSERT INTO keyless VALUES (1, 1), (1, 1), (NULL, NULL);
        CREATE TABLE empty (a, b);
        CREATE TABLE log (what);
        CREATE UNIQUE INDEX by_a ON keyless (a) WHERE a > 5;
        CREATE VIEW b_view AS SELECT id, parent FROM child; -- a comment
        CREATE VIEW a_view AS SELECT * FROM b_view -- ends in a comment
        ;
        CREATE TRIGGER after_child AFTER INSERT ON child BEGIN INSERT INTO log VALUES ('ran; once'); END;
        CREATE TRIGGER on_view INSTEAD OF INSERT ON a_view BEGIN SELECT 1; END;
        """
    )
    db.commit()
    db.close()
    return path


class Shop:
    def __init__(self, path: Path, output: Path) -> None:
        self.source = SqliteSource(
            Connection(name="shop", mode=Mode.SQLITE, path=str(path)), Credentials(), sys_account=None
        )
        self.output = output
        self.records: list[logging.LogRecord] = []

    def run(self, disk: Callable[[Path], Disk] = Disk, **settings: Any) -> MemoryJournal:
        chosen = ExportSettings(connection="shop", all_objects=True, **settings)
        journal = MemoryJournal(make_task(self.output, chosen))
        log = logging.Logger("task")
        handler = logging.Handler()
        handler.emit = self.records.append  # type: ignore[method-assign]
        log.addHandler(handler)
        run_task(journal, self.source, log=log, cancel=Cancel(), disk=disk)
        return journal

    def good(self, **settings: Any) -> Manifest:
        journal = self.run(**settings)
        assert journal.outcome == (None, True), (journal.outcome, [r.getMessage() for r in self.records])
        return manifests.load(Disk(self.output), "")


@pytest.fixture
def task(shop: Path, tmp_path: Path) -> Shop:
    return Shop(shop, tmp_path / "out")


def load(directory: Path, script: str, target: Path) -> None:
    """What a person would do: one command, started in the task's directory."""
    with (directory / script).open("rb") as text:
        done = subprocess.run(
            ["sqlite3", "-bail", str(target)], stdin=text, cwd=directory, capture_output=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def content(path: Path) -> dict[str, Any]:
    """Every row of every table, with its storage classes, and all definitions."""
    db = sqlite3.connect(path)
    db.text_factory = bytes
    tables = [n.decode() for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    result: dict[str, Any] = {}
    for name in tables:
        columns = [r[1].decode() for r in db.execute(f"PRAGMA table_info({ident(name)})")]
        typed = ", ".join(f"typeof({ident(c)}), {ident(c)}" for c in columns)
        rows = [tuple(map(repr, row)) for row in db.execute(f"SELECT {typed} FROM {ident(name)}")]
        result[name] = sorted(rows)
    definitions = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    result["definitions"] = sorted((t, n, o, s.strip()) for t, n, o, s in definitions)
    db.close()
    return result


@pytest.mark.parametrize("consistency", list(Consistency))
@pytest.mark.parametrize("batch", [None, 3])
def test_one_command_loads_the_sql_output_into_an_equal_database(
    task: Shop, shop: Path, tmp_path: Path, consistency: Consistency, batch: int | None
) -> None:
    task.good(format=Format.SQL, consistency=consistency, sql=SqlSettings(batch_commit=batch))
    load(task.output, "load.sql", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(shop)


def test_the_schema_loads_again_over_itself_with_drop(task: Shop, shop: Path, tmp_path: Path) -> None:
    task.good(format=Format.SQL, schema=SchemaSettings(drop=True))
    for _ in range(2):
        load(task.output, "load.sql", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(shop)


@pytest.mark.parametrize("drop", [False, True])
def test_the_merged_schema_loads_in_one_go(task: Shop, shop: Path, tmp_path: Path, drop: bool) -> None:
    manifest = task.good(content=Content.SCHEMA, schema=SchemaSettings(merge=True, drop=drop))
    assert [entry.path for entry in manifest.files] == ["schema.sql"]
    for _ in range(1 + drop):
        load(task.output, "schema.sql", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db")["definitions"] == content(shop)["definitions"]


def test_schema_only_loads_by_its_script(task: Shop, shop: Path, tmp_path: Path) -> None:
    task.good(content=Content.SCHEMA)
    load(task.output, "load.sql", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db")["definitions"] == content(shop)["definitions"]


def test_csv_gives_every_value_back(task: Shop, shop: Path) -> None:
    manifest = task.good()
    (entry,) = [e for e in manifest.files if e.object == "TABLE:vals" and e.kind == "data"]
    text = (task.output / entry.path).read_bytes().decode()
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True)) if "\0" not in text else None
    assert entry.rows == len(VALUES)
    if rows is not None:
        assert len(rows) == len(VALUES) + 1
    for value in VALUES:
        if isinstance(value, str) and value.isascii() and value.isalnum():
            assert value in text


def test_file_names_lead_back_to_true_names(task: Shop) -> None:
    manifest = task.good()
    for entry in manifest.files:
        kind, _, name = (entry.object or "").partition(":")
        directory, _, stem = entry.path.partition("/")
        assert directory == kind
        assert decode(stem.removesuffix(".csv").removesuffix("-schema.sql")) == name
    assert len({entry.path.casefold() for entry in manifest.files}) == len(manifest.files)


def test_output_verifies_and_matches_its_source(task: Shop, shop: Path) -> None:
    task.good(format=Format.SQL)
    assert verify(task.output).ok
    with task.source.connect() as session:
        report = verify_against_source(task.output, session)
    assert report.ok, report.problems
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM keyless WHERE a IS NULL")
    db.commit()
    db.close()
    with task.source.connect() as session:
        report = verify_against_source(task.output, session)
    assert [verdict.name for verdict in report.problems] == ["TABLE:keyless"]


def test_a_writer_between_two_objects_isnt_seen_as_of_one_time(task: Shop, shop: Path) -> None:
    db = sqlite3.connect(shop)
    db.execute("PRAGMA journal_mode = WAL")

    class Writing(Disk):
        def make_directory(self, path: str) -> None:
            super().make_directory(path)
            if path.endswith("/TABLE"):
                db.execute("INSERT INTO vals (v) VALUES ('late')")
                db.commit()

    task.run(Writing, consistency=Consistency.TASK)
    (data,) = [v for k, v in tree(task.output).items() if k == "TABLE/vals.csv"]
    assert b"late" not in data
    db.close()


@pytest.mark.parametrize("encoding", [Encoding.UTF_16, Encoding.GB18030, Encoding.UTF_32])
def test_other_encodings_load_after_the_conversion_that_the_head_names(
    task: Shop, shop: Path, tmp_path: Path, encoding: Encoding
) -> None:
    manifest = task.good(format=Format.SQL, encoding=encoding)
    assert any("convert" in note.lower() for note in manifest.notes)
    for entry in manifest.files:
        if entry.kind != "load":
            path = task.output / entry.path
            path.write_text(path.read_bytes().decode(encoding), "utf-8", newline="")
    load(task.output, "load.sql", tmp_path / "copy.db")
    assert content(tmp_path / "copy.db") == content(shop)
