"""One point in time, while others write: money that moves is neither lost nor counted twice.

`left` and `right` give to each other, within one transaction each time; the rows of `within` give only among
themselves. The writer works between any two pieces that the export writes.
"""

from __future__ import annotations

import csv
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Source
from connectors.sources.postgresql import PostgresqlSource
from core.chunk import TextChunk
from core.model.vocabulary import Consistency, Content
from core.pipeline.writer import DataFile
from tests.roundtrip.running import Export, export, file_source, server_source
from tests.servers.postgresql import PostgresqlServer

ROWS, EACH = 600, 100
TABLES = ("left_side", "right_side", "within")
TRANSFERS = (
    ("UPDATE left_side SET money = money - 7 WHERE id = {a}", "UPDATE right_side SET money = money + 7 WHERE id = {b}"),
    ("UPDATE within SET money = money - 5 WHERE id = {a}", "UPDATE within SET money = money + 5 WHERE id = {b}"),
)  # fmt: skip


class Writer:
    """Transfers in a thread; `wait` until some more of them have been committed."""

    def __init__(self, execute: Callable[[str], Any]) -> None:
        self._execute = execute
        self._stop = threading.Event()
        self._moved = threading.Condition()
        self._count = 0
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            at = self._count * 37 % ROWS + 1
            for transfer in TRANSFERS:
                self._execute("BEGIN")
                for statement in transfer:
                    self._execute(statement.format(a=at, b=ROWS + 1 - at))
                self._execute("COMMIT")
            with self._moved:
                self._count += 1
                self._moved.notify_all()

    def wait(self, more: int = 3) -> None:
        with self._moved:
            until = self._count + more
            assert self._moved.wait_for(lambda: self._count >= until, timeout=30)

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(params=["sqlite", "mariadb", "oceanbase", "postgresql"])
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Source, Callable[[str], Any]]]:
    """A source, and what executes a statement there."""
    make = [f"CREATE TABLE {name} (id INT PRIMARY KEY, money INT NOT NULL)" for name in TABLES]
    if request.param == "sqlite":
        connection: Any = sqlite3.connect(
            tmp_path / "bank.db", isolation_level=None, check_same_thread=False, timeout=30
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        execute, source = connection.execute, file_source(tmp_path / "bank.db")
    elif request.param == "postgresql":
        postgres: PostgresqlServer = request.getfixturevalue("postgresql")
        database = postgres.new_database()
        connection = postgres.admin(database)
        source = PostgresqlSource(postgres.connection("shop", database), postgres.credentials())

        def execute(statement: str) -> None:
            connection.execute(statement.encode())

    else:
        server = request.getfixturevalue(request.param)
        database = server.new_database()
        connection, source = server.admin(database), server_source(server, database)

        def execute(statement: str) -> None:
            with connection.cursor() as cursor:
                cursor.execute(statement)

    for statement in make:
        execute(statement)
    for name in TABLES:
        values = ", ".join(f"({i}, {EACH})" for i in range(1, ROWS + 1))
        execute(f"INSERT INTO {name} VALUES {values}")
    yield source, execute
    connection.close()


@contextmanager
def others_writing(execute: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    writer, real = Writer(execute), DataFile.write

    def slow(file: DataFile, chunk: TextChunk) -> None:
        writer.wait()
        real(file, chunk)

    monkeypatch.setattr(DataFile, "write", slow)
    # Parts of a few rows, so that a table is read by several statements.
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", ROWS // 4)
    try:
        writer.wait(1)
        yield
    finally:
        writer.end()


def money(done: Export, name: str) -> int:
    with done.path(f"TABLE:{name}").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # PostgreSQL's rows come in the order in which they lie.
    assert sorted(int(row["id"]) for row in rows) == list(range(1, ROWS + 1))
    return sum(int(row["money"]) for row in rows)


@pytest.mark.parametrize("consistency", [Consistency.TASK, Consistency.OBJECT])
def test_no_transfer_is_seen_by_half(
    bank: tuple[Source, Callable[[str], Any]],
    tmp_path: Path,
    consistency: Consistency,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, execute = bank
    with others_writing(execute, monkeypatch):
        done = export(source, tmp_path / "out", consistency=consistency, content=Content.DATA)
    found = {name: money(done, name) for name in TABLES}
    assert found["within"] == ROWS * EACH
    both = found["left_side"] + found["right_side"]
    if consistency is Consistency.TASK:
        assert both == 2 * ROWS * EACH
        assert done.manifest.snapshot is not None
    else:
        # Each as of its own time: what the writer did in between shows.
        assert both > 2 * ROWS * EACH
    assert found["left_side"] < ROWS * EACH, "the writer had begun"
