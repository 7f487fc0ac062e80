"""Rows into a SQLite file: one transaction, in which tables and definitions are made too.

All of it is seen at once, at COMMIT; whoever opens the file after a crash takes the rest back. Others may
read meanwhile, and write after it (in rollback journal mode, reading too has to wait once the cache is full).
Source: https://www.sqlite.org/lang_transaction.html, https://www.sqlite.org/foreignkeys.html.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from connectors.base import ServerInfo
from connectors.destinations.database.sqlite_rules import SqliteRules
from connectors.destinations.database.sqlite_values import values_of
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.errors import primary_code, while_opening, while_reading
from connectors.sources.sqlite.opening import database_path
from connectors.target_rules import TargetColumn
from connectors.targets import (
    Definition,
    Piece,
    RowForm,
    Step,
    TableJob,
    Target,
    Work,
    Writer,
    marker_name,
)
from core.chunk import TextChunk
from core.errors import NotWritable, OfframpError, StatementFailed, Unfitting
from core.model.connection import Connection

_SAVED = "offramp_table"
_quoted = SQLITE.identifier


class SqliteTarget(Target):
    """A database file, which is made where it isn't there."""

    rules = SqliteRules()

    def connect(self) -> Writer:
        return SqliteWriter(self.connection)

    def sweep(self) -> int:
        """Whoever may write and opens the file takes an unfinished transaction back; who only reads can't."""
        if database_path(self.connection).exists():
            self.connect().close()
        return 0


class SqliteWriter(Writer):
    form = RowForm()

    def __init__(self, connection: Connection) -> None:
        self._name = connection.name
        self._path = database_path(connection)
        self._made = not self._path.exists()
        self._last: list[Definition] = []
        self._checked: list[str] = []
        if not self._path.parent.is_dir():
            raise NotWritable(
                f"Connection {connection.name!r}: there is no directory {str(self._path.parent)!r}.",
                "Make it.",
            )
        try:
            self._driver = sqlite3.connect(
                self._path, timeout=connection.connect_timeout, isolation_level=None, check_same_thread=False
            )
            # Tables come in any order; what is loaded is looked at before the commit.
            self._driver.execute("PRAGMA foreign_keys = 0")
            self._driver.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise while_opening(error, connection.name, str(self._path)) from error
        self.server = ServerInfo(product="SQLite", version=sqlite3.sqlite_version)

    @contextlib.contextmanager
    def _saying(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if primary_code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                raise NotWritable(
                    f"Connection {self._name!r}: {str(self._path)!r} may not be written.",
                    "Give this account the right to write to the file and to its directory.",
                ) from error
            raise while_reading(error, self._name, what) from error

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._driver.execute(statement)

    def recover(self, token: str) -> bool:
        with self._saying("looking for what an earlier attempt has left"):
            return (
                self._driver.execute(
                    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (marker_name(token),)
                ).fetchone()
                is not None
            )

    def begin(self, token: str, steps: Sequence[Step]) -> None:
        with self._saying("beginning to write"):
            self._run("BEGIN IMMEDIATE", f"CREATE TABLE {_quoted(marker_name(token))} (published)")
            for step in reversed(steps):
                if isinstance(step, TableJob) and step.work is Work.TABLE:
                    self._run(f"DROP TABLE IF EXISTS {_quoted(step.name)}")
                elif isinstance(step, Definition) and step.replace:
                    self._run(step.ddl.drop)

    def insert_name(self, job: TableJob) -> str:
        return job.name

    def load(self, job: TableJob, pieces: Iterable[Piece]) -> int:
        with self._saying(f"making {job.name!r} ready"):
            self._run(f"SAVEPOINT {_SAVED}")
            self._make(job)
        before = 0 if job.work is not Work.APPEND else self._count(job)
        if job.rows:
            self._insert(job, pieces)
        count = self._count(job) - before if job.rows else 0
        with self._saying(f"ending {job.name!r}"):
            self._run(f"RELEASE {_SAVED}")
        self._checked.append(job.name)
        return count

    def _count(self, job: TableJob) -> int:
        with self._saying(f"counting the rows of {job.name!r}"):
            found = self._driver.execute(f"SELECT count(*) FROM main.{_quoted(job.name)}").fetchone()
        return int(found[0])

    def _make(self, job: TableJob) -> None:
        if job.work is Work.ROWS:
            self._run(f"DELETE FROM main.{_quoted(job.name)}")
        elif job.work.makes and job.ddl is not None:
            self._run(*job.ddl.create)
        elif job.work.makes:
            lines = [_column(column) for column in job.columns]
            if job.key:
                lines.append(f"PRIMARY KEY ({', '.join(map(_quoted, job.key))})")
            self._run(f"CREATE TABLE {_quoted(job.name)} ({', '.join(lines)})")

    def _insert(self, job: TableJob, pieces: Iterable[Piece]) -> None:
        names = ", ".join(_quoted(column.name) for column in job.columns)
        table = f"INSERT INTO main.{_quoted(job.name)} ({names}) VALUES"
        plain = f"{table} ({', '.join('?' * len(job.columns))})"
        types = ["" if column.by_value else column.type for column in job.columns]
        for piece in pieces:
            if not isinstance(piece, TextChunk):
                raise TypeError("rows for SQLite come as chunks")
            found = values_of(piece, types)
            with self._refusals(job):
                self._driver.executemany(plain, found.rows)
                for row, raw in found.raw:
                    # Text that is no UTF-8, which only a cast from bytes keeps.
                    holes = ", ".join("CAST(? AS TEXT)" if is_raw else "?" for is_raw in raw)
                    self._driver.execute(f"{table} ({holes})", row)

    @contextlib.contextmanager
    def _refusals(self, job: TableJob) -> Iterator[None]:
        with self._saying(f"loading rows into {job.name!r}"):
            try:
                yield
            except sqlite3.IntegrityError as error:
                raise Unfitting(
                    f"{job.ref}: a row is refused there: {error}.",
                    "Change the table there, or leave the column or the rows out.",
                ) from error

    def define(self, definition: Definition) -> None:
        # Triggers would run for each row that is loaded; a view may be of any table.
        self._last.append(definition)

    def discard(self, job: TableJob) -> None:
        with self._saying(f"taking back {job.name!r}"):
            if self._driver.in_transaction:
                self._run(f"ROLLBACK TO {_SAVED}", f"RELEASE {_SAVED}")

    def publish(self) -> None:
        for name in self._checked:
            self._check_keys(name)
        for definition in self._last:
            with self._saying(f"making {definition.ref}"):
                self._run(*definition.ddl.create)
        with self._saying("committing"):
            self._run("COMMIT")

    def _check_keys(self, name: str) -> None:
        with self._saying(f"checking the foreign keys of {name!r}"):
            found = self._driver.execute(f"PRAGMA main.foreign_key_check({_quoted(name)})").fetchone()
        if found is not None:
            raise StatementFailed(
                f"Table {name!r} would have rows without the row of {found[2]!r} that they refer to.",
                "Export that table too, or everything as of one point in time (--consistency task).",
            )

    def settle(self, token: str) -> None:
        with self._saying("removing the marker"):
            self._run(f"DROP TABLE IF EXISTS {_quoted(marker_name(token))}")

    def abandon(self) -> None:
        with contextlib.suppress(OfframpError), self._saying("rolling back"):
            if self._driver.in_transaction:
                self._run("ROLLBACK")
        if self._made:
            self._driver.close()
            self._remove_empty()

    def _remove_empty(self) -> None:
        """A file that was made for nothing goes again."""
        path = Path(self._path)
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()

    def cancel(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):
            self._driver.interrupt()

    def close(self) -> None:
        self._driver.close()


def _column(column: TargetColumn) -> str:
    return f"{_quoted(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}"
