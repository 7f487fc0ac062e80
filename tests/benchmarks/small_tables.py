"""The tables of `bench_small` on each source, each kind in a database of its own."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

COLUMNS = 1017
WIDE_ROWS = 10_000
SMALL_ROWS = 10
LARGE_VALUES = 4
LARGE_BYTES = 64_000_000
DIGEST = 32

SMALL = "CREATE TABLE t{:05} (id INTEGER PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2))"
FILL = "INSERT INTO t{:05} VALUES " + ", ".join(f"({n}, 'name {n}', {n}.25)" for n in range(SMALL_ROWS))
EMPTY = "CREATE TABLE empty (id INTEGER PRIMARY KEY, name VARCHAR(40))"
WIDE = f"CREATE TABLE wide ({', '.join(f'c{n} INTEGER' for n in range(COLUMNS))})"


class Subject(Protocol):
    """A source. `small`, `wide`, `large`, `dense` and `empty` make a database of those tables, which
    `connection` leads to from then on."""

    name: str
    package: str
    password: str
    columns: int

    def connection(self) -> Connection: ...
    def objects(self, number: int) -> tuple[str, ...]:
        """What a dump is given for all tables of the database, of which there are so many."""

    def small(self, number: int) -> None: ...
    def wide(self) -> int:
        """How many rows it has."""

    def large(self) -> None: ...
    def dense(self) -> None:
        """Like `large`, of bytes that don't compress."""

    def empty(self) -> None: ...
    def statements(self) -> int:
        """How many the server has had so far, by its own count; 0 where there is no server."""

    def close(self) -> None: ...


def _statements(number: int) -> Iterable[str]:
    for table in range(number):
        yield SMALL.format(table)
        yield FILL.format(table)


class _Base:
    columns = COLUMNS

    def objects(self, number: int) -> tuple[str, ...]:
        return ("--all",) if number > 1 else ("TABLE:t00000",)


class SqliteSubject(_Base):
    name = package = "sqlite"
    password = ""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._path = scratch / "none"

    def connection(self) -> Connection:
        return Connection(name="bench", mode=Mode.SQLITE, path=str(self._path))

    def small(self, number: int) -> None:
        self._make(f"small-{number}", lambda db: [db.execute(text) for text in _statements(number)])

    def wide(self) -> int:
        row = f"INSERT INTO wide VALUES ({', '.join('?' * COLUMNS)})"
        values = (tuple(range(n, n + COLUMNS)) for n in range(WIDE_ROWS))
        self._make("wide", lambda db: (db.execute(WIDE), db.executemany(row, values)))
        return WIDE_ROWS

    def large(self) -> None:
        chance = random.Random(1)
        self._make_large("large", "TEXT", lambda: chance.randbytes(LARGE_BYTES // 2).hex())

    def dense(self) -> None:
        chance = random.Random(1)
        self._make_large("dense", "BLOB", lambda: chance.randbytes(LARGE_BYTES))

    def empty(self) -> None:
        self._make("empty", lambda db: db.execute(EMPTY))

    def statements(self) -> int:
        return 0

    def close(self) -> None:
        """Its files go with the scratch directory."""

    def _make_large(self, name: str, kind: str, value: Callable[[], str | bytes]) -> None:
        values = ((n, value()) for n in range(LARGE_VALUES))
        create = f"CREATE TABLE large (id INTEGER PRIMARY KEY, body {kind})"
        self._make(
            name, lambda db: (db.execute(create), db.executemany("INSERT INTO large VALUES (?, ?)", values))
        )

    def _make(self, name: str, work: Callable[[sqlite3.Connection], object]) -> None:
        self._path = self._scratch / f"{name}.db"
        if self._path.exists():
            return
        # In a process of its own: the most that one had counts as its children's, too.
        child = get_context("fork").Process(target=_work_on, args=(self._path, work))
        child.start()
        child.join()
        if child.exitcode:
            raise RuntimeError(f"{self._path} could not be made")


def _work_on(path: Path, work: Callable[[sqlite3.Connection], object]) -> None:
    with sqlite3.connect(path) as db:
        work(db)
    db.close()


class MariadbSubject(_Base):
    name = "mariadb"
    package = "mysql"

    def __init__(self, scratch: Path) -> None:
        self._server = MariadbServer("--max-allowed-packet=256M", "--innodb-file-per-table=0")
        self.password = self._server.password
        self._database = ""

    def connection(self) -> Connection:
        return self._server.connection("bench", self._database)

    def small(self, number: int) -> None:
        self._make(f"small_{number}", _statements(number))

    def wide(self) -> int:
        numbers = ", ".join(f"seq + {n}" for n in range(COLUMNS))
        fill = f"INSERT INTO wide SELECT {numbers} FROM seq_1_to_{WIDE_ROWS}"
        self._make("wide", [WIDE, fill])
        return WIDE_ROWS

    def large(self) -> None:
        fill = (
            "INSERT INTO large SELECT v.seq, (SELECT GROUP_CONCAT(MD5(d.seq * 7 + v.seq) SEPARATOR '')"
            f" FROM seq_1_to_{LARGE_BYTES // DIGEST} d) FROM seq_1_to_{LARGE_VALUES} v"
        )
        create = "CREATE TABLE large (id INTEGER PRIMARY KEY, body LONGTEXT CHARACTER SET ascii)"
        self._make("large", [create, f"SET group_concat_max_len = {LARGE_BYTES}", fill])

    def dense(self) -> None:
        fill = (
            "INSERT INTO large SELECT v.seq, (SELECT GROUP_CONCAT(UNHEX(MD5(d.seq * 7 + v.seq)) SEPARATOR '')"
            f" FROM seq_1_to_{2 * LARGE_BYTES // DIGEST} d) FROM seq_1_to_{LARGE_VALUES} v"
        )
        create = "CREATE TABLE large (id INTEGER PRIMARY KEY, body LONGBLOB)"
        self._make("dense", [create, f"SET group_concat_max_len = {LARGE_BYTES}", fill])

    def empty(self) -> None:
        self._make("empty", [EMPTY])

    def statements(self) -> int:
        return int(self._server.run("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])

    def close(self) -> None:
        self._server.close()

    def _make(self, name: str, statements: Iterable[str]) -> None:
        self._database = name
        if self._server.run(f"SHOW DATABASES LIKE '{name}'"):
            return
        self._server.run(f"CREATE DATABASE {name}")
        self._server.run(*statements, database=name)


class PostgresqlSubject(_Base):
    name = package = "postgresql"

    def __init__(self, scratch: Path) -> None:
        self._server = PostgresqlServer()
        # The only count of statements that it has without an extension is its log.
        self._server.run("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
        self.password = self._server.password
        self._made: dict[str, str] = {}
        self._database = ""

    def connection(self) -> Connection:
        return self._server.connection("bench", self._database)

    def small(self, number: int) -> None:
        self._make(f"small {number}", _statements(number))

    def wide(self) -> int:
        numbers = ", ".join(f"s + {n}" for n in range(COLUMNS))
        self._make(
            "wide", [WIDE, f"INSERT INTO wide SELECT {numbers} FROM generate_series(1, {WIDE_ROWS}) s"]
        )
        return WIDE_ROWS

    def large(self) -> None:
        fill = (
            "INSERT INTO large SELECT v, (SELECT string_agg(md5((d * 7 + v)::text), '')"
            f" FROM generate_series(1, {LARGE_BYTES // DIGEST}) d) FROM generate_series(1, {LARGE_VALUES}) v"
        )
        self._make("large", ["CREATE TABLE large (id INTEGER PRIMARY KEY, body TEXT)", fill])

    def dense(self) -> None:
        fill = (
            "INSERT INTO large SELECT v, (SELECT string_agg(decode(md5((d * 7 + v)::text), 'hex'), ''::bytea)"
            f" FROM generate_series(1, {2 * LARGE_BYTES // DIGEST}) d) FROM generate_series(1, {LARGE_VALUES}) v"
        )
        self._make("dense", ["CREATE TABLE large (id INTEGER PRIMARY KEY, body BYTEA)", fill])

    def empty(self) -> None:
        self._make("empty", [EMPTY])

    def statements(self) -> int:
        text = self._server.log()
        return text.count("LOG:  statement: ") + text.count("LOG:  execute ")

    def close(self) -> None:
        self._server.close()

    def _make(self, name: str, statements: Iterable[str]) -> None:
        if name not in self._made:
            self._made[name] = self._server.new_database()
            self._server.run(*statements, database=self._made[name])
        self._database = self._made[name]


def subjects() -> dict[str, Callable[[Path], Any]]:
    return {"sqlite": SqliteSubject, "mariadb": MariadbSubject, "postgresql": PostgresqlSubject}
