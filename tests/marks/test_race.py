"""Rows that are inserted, changed and committed late while an export of new rows runs again and again: in the end
its files together hold what the table holds."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Source
from connectors.sources.postgresql import PostgresqlSource
from core.model.vocabulary import TaskStatus
from tests.marks.running import Runs
from tests.roundtrip.running import file_source, server_source
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer
from tests.servers.postgresql import PostgresqlServer

WRITERS = 4
# How long a transaction stays open, in seconds: most of them hardly, some over many runs.
WAITS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.3, 1.0)
# Rows that were committed late, and rows that were read again: of each at least so many.
ENOUGH = 20
# How long the writers may take beyond the runs, before something is thought to be wrong.
SECONDS = 300

Connect = Callable[[], Any]


class Writers:
    """Threads that write into `orders` in transactions of their own until `stop`."""

    def __init__(self, connect: Connect, seed: int) -> None:
        self._stop = threading.Event()
        self.errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(connect, random.Random(f"{seed} {n}")))
            for n in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, connect: Connect, chance: random.Random) -> None:
        try:
            connection = connect()
            try:
                while not self._stop.is_set():
                    self._write(connection, chance)
            finally:
                connection.close()
        except BaseException as error:  # noqa: BLE001 - looked at by `stop`
            self.errors.append(error)

    def _write(self, connection: Any, chance: random.Random) -> None:
        cursor = connection.cursor()
        for _ in range(chance.randrange(1, 4)):
            cursor.execute("INSERT INTO orders(what) VALUES(%s)", (f"n{chance.randrange(10**9)}",))
            time.sleep(chance.choice(WAITS[:4]))
        time.sleep(chance.choice(WAITS))
        if chance.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()
        time.sleep(chance.choice((0.01, 0.05, 0.1)))

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.errors


def race(runs: Runs, connect: Connect, times: int, seed: int, *, late: bool = True) -> None:
    """So many runs while the writers write, and more until there are as many rows and enough has been met of
    what is to be proven, however fast or slow this machine is: it is rows that are committed late and rows that
    are read again which a run can lose or repeat, and not how many runs there are. `late` is whether rows may
    be committed after rows with higher numbers."""
    exported: Counter[tuple[str, ...]] = Counter()
    repeated = behind = newest = 0

    def once() -> int:
        nonlocal repeated, behind, newest
        task = runs.run()
        assert task.status is TaskStatus.COMPLETED, (task.error, runs.log[-10:])
        rows = runs.rows(task, "orders")
        exported.update(rows)
        numbers = [int(row[0]) for row in rows]
        behind += sum(number < newest for number in numbers)
        newest = max((newest, *numbers))
        (item,) = runs.store.tasks.objects(task.id)
        assert item.mark is not None
        repeated += item.mark.repeated
        return len(rows)

    writers = Writers(connect, seed)
    try:
        for _ in range(times):
            once()
        deadline = time.monotonic() + SECONDS
        while exported.total() <= times or repeated < ENOUGH or (late and behind < ENOUGH):
            assert not writers.errors
            assert time.monotonic() < deadline, (exported.total(), repeated, behind)
            once()
    finally:
        writers.stop()
    once()
    assert once() == 0
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT id, what FROM orders")
    table = Counter((str(number), str(what)) for number, what in cursor.fetchall())
    connection.close()
    assert Counter(row[:2] for row in exported.elements()) == table
    assert sum(table.values()) > times
    print(f"{exported.total()} rows, {behind} of them late, {repeated} read again")
    assert repeated >= ENOUGH
    assert behind >= ENOUGH if late else not behind


@pytest.fixture
def seed() -> int:
    """Of what the writers do; OFFRAMP_SEED repeats it, as far as threads allow."""
    number = int(os.environ.get("OFFRAMP_SEED", "0")) or random.randrange(1, 1 << 30)
    print(f"OFFRAMP_SEED={number}")
    return number


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Runs]]:
    made: list[Runs] = []

    def make(source: Source, **settings: Any) -> Runs:
        made.append(Runs(tmp_path / f"r{len(made)}", source, **settings))
        return made[-1]

    yield make
    for runs in made:
        runs.close()


@pytest.mark.postgresql
@pytest.mark.parametrize(("mark", "times"), [("id", 40), ("at", 20)])
def test_postgresql(
    postgresql: PostgresqlServer, opened: Callable[..., Runs], seed: int, mark: str, times: int
) -> None:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE orders(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text,"
        " at timestamptz NOT NULL DEFAULT now())",
        "CREATE INDEX ON orders(at)",
        database=name,
    )
    source = PostgresqlSource(postgresql.connection("shop", name), postgresql.credentials())
    runs = opened(source, mark={"column": mark, "overlap": "0s"})
    race(runs, lambda: connected(postgresql, name), times, seed)


def connected(server: PostgresqlServer, name: str) -> Any:
    connection = server.admin(name)
    connection.autocommit = False
    return connection


@pytest.mark.mariadb
@pytest.mark.parametrize(("mark", "times"), [("id", 40), ("at", 20)])
def test_mariadb(
    mariadb: MariadbServer, opened: Callable[..., Runs], seed: int, mark: str, times: int
) -> None:
    family(mariadb, opened, seed, mark, times, overlap="0s")


@pytest.mark.oceanbase
def test_oceanbase(oceanbase: OceanbaseServer, opened: Callable[..., Runs], seed: int) -> None:
    family(oceanbase, opened, seed, "id", 15, overlap="0s")


def family(
    server: MysqlFamilyServer,
    opened: Callable[..., Runs],
    seed: int,
    mark: str,
    times: int,
    *,
    overlap: str,
) -> None:
    name = server.new_database()
    server.run(
        "CREATE TABLE orders(id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40),"
        " at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), KEY(at))",
        database=name,
    )
    runs = opened(server_source(server, name), mark={"column": mark, "overlap": overlap})
    race(runs, lambda: server.admin(name, autocommit=False), times, seed)


def test_sqlite(tmp_path: Path, opened: Callable[..., Runs], seed: int) -> None:
    """Where nothing is committed late, nothing but the newest row is looked at again."""
    path = tmp_path / "shop.sqlite"

    class Connection(sqlite3.Connection):
        def cursor(self, *args: Any) -> Any:
            return Cursor(self)

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = ()) -> Any:
            return super().execute(sql.replace("%s", "?"), values)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, factory=Connection, timeout=600)

    with connect() as raw:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)")
    race(opened(file_source(path)), connect, 25, seed, late=False)
