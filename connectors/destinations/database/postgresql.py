"""Rows into PostgreSQL: COPY into one transaction, in which tables and definitions are made too.

All of it is seen at once, at COMMIT, and a connection that goes leaves nothing. Source: "COPY" and
"Transaction Isolation" of the manual.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import psycopg

from connectors.base import ServerInfo
from connectors.destinations.database.postgresql_rules import PostgresqlRules
from connectors.sources.postgresql.kill import left_over_name, terminate_named
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.login import Login
from connectors.sources.postgresql.sql import identifier, literal, qualified
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
from connectors.words import shown
from core.chunk import TextChunk
from core.errors import NotFound, OfframpError, StatementFailed, Unfitting, Unreachable
from core.model.settings import CSV_PRESETS

# Data that a type can't hold, and what constraints refuse: classes of SQLSTATE.
_REFUSED = ("22", "23")
_SAVED = "offramp_table"


class WritingLink(Link):
    """A link whose session may write; it never gets in again by itself, since its transaction would be
    gone."""

    def _pin(self) -> None:
        super()._pin()
        self._run("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
        self.in_transaction = True


class PostgresqlTarget(Target):
    """One schema of a database."""

    rules = PostgresqlRules()

    def _login(self) -> Login:
        return Login(self.connection, self.credentials.password, self.program)

    def connect(self) -> Writer:
        return PostgresqlWriter(WritingLink(self._login()), self.database)

    def sweep(self) -> int:
        """A session that still works on a transaction is ended, which takes the transaction back."""
        found = terminate_named(self._login(), left_over_name(self.program), self.connection.connect_timeout)
        if found is None:
            raise Unreachable(f"The server of connection {self.connection.name!r} can't be asked.")
        return 0


class PostgresqlWriter(Writer):
    form = RowForm(csv=CSV_PRESETS["postgres"])

    def __init__(self, link: Link, schema: str) -> None:
        self._link = link
        self._schema = schema
        self._later: list[str] = []
        self._emptied: set[str] = set()
        self._last: list[Definition] = []
        self.server = ServerInfo(product="PostgreSQL", version=link.version_text)

    def recover(self, token: str) -> bool:
        with self._link.saying("looking for what an earlier attempt has left"):
            ((marker,),) = self._link.rows(
                "SELECT pg_catalog.to_regclass(%s)::text", qualified(self._schema, marker_name(token))
            )
        return marker is not None

    def begin(self, token: str, steps: Sequence[Step]) -> None:
        schema = shown(self._schema)
        with self._link.saying(f"beginning to write into schema {schema}"):
            if not self._link.rows("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", self._schema):
                raise NotFound(f"There is no schema {schema!r}.", "Make it, or name another one.")
            self._link.execute("BEGIN")
            self._link.execute(f"CREATE TABLE {qualified(self._schema, marker_name(token))} ()")
            for statement in self._drops(steps):
                self._link.execute(statement)
            for step in reversed(steps):
                if isinstance(step, TableJob) and step.work is Work.ROWS and step.linked:
                    self._link.execute(f"DELETE FROM {self._table(step)}")
                    self._emptied.add(step.name)

    def _drops(self, steps: Sequence[Step]) -> Iterator[str]:
        """What takes away that which is made anew: foreign keys first, since these may lead in circles, then
        the last one first."""
        going = [
            s for s in reversed(steps) if (s.replace if isinstance(s, Definition) else s.work is Work.TABLE)
        ]
        for step in going:
            if step.ddl is not None:
                yield from step.ddl.unlink
        for step in going:
            if step.ddl is not None:
                yield step.ddl.drop
            elif isinstance(step, TableJob):
                yield f"DROP TABLE IF EXISTS {self._table(step)}"

    def _table(self, job: TableJob) -> str:
        return qualified(self._schema, job.name)

    def insert_name(self, job: TableJob) -> str:
        return job.name

    def load(self, job: TableJob, pieces: Iterable[Piece]) -> int:
        with self._link.saying(f"making {shown(job.name)} ready"):
            self._link.execute(f"SAVEPOINT {_SAVED}")
            self._make(job)
        count = self._copy(job, pieces) if job.rows else 0
        with self._link.saying(f"counting the rows of {shown(job.name)}"):
            if job.rows and job.work is not Work.APPEND:
                ((count,),) = self._link.rows(f"SELECT count(*) FROM {self._table(job)}")
            self._go_on(job)
            self._link.execute(f"RELEASE SAVEPOINT {_SAVED}")
        if job.work.makes and job.ddl is not None:
            self._later += job.ddl.foreign_keys
        return int(count)

    def _make(self, job: TableJob) -> None:
        if job.work is Work.ROWS and job.name not in self._emptied:
            self._link.execute(f"DELETE FROM {self._table(job)}")
        elif job.work.makes and job.ddl is not None:
            for statement in (*job.ddl.preamble, *job.ddl.create_bare):
                self._link.execute(statement)
        elif job.work.makes:
            self._link.execute(self._definition(job))

    def _definition(self, job: TableJob) -> str:
        lines = [_column(column) for column in job.columns]
        if job.key:
            lines.append(f"PRIMARY KEY ({', '.join(map(identifier, job.key))})")
        return f"CREATE TABLE {self._table(job)} ({', '.join(lines)})"

    def _copy(self, job: TableJob, pieces: Iterable[Piece]) -> int:
        columns = ", ".join(identifier(column.name) for column in job.columns)
        statement = f"COPY {self._table(job)} ({columns}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')"
        with self._refusals(job), self._link.busy(), self._link.wire.cursor() as cursor:
            with cursor.copy(statement.encode()) as copy:
                for piece in pieces:
                    if isinstance(piece, TextChunk):
                        raise TypeError("rows for COPY come as CSV")
                    copy.write(bytes(piece))
            return cursor.rowcount

    @contextlib.contextmanager
    def _refusals(self, job: TableJob) -> Iterator[None]:
        """The server's word on a value says which row and column, where it knows."""
        with self._link.saying(f"loading rows into {shown(job.name)}"):
            try:
                yield
            except psycopg.Error as error:
                if (error.sqlstate or "")[:2] not in _REFUSED:
                    raise
                said = error.diag.message_primary or str(error)
                where = error.diag.context or error.diag.message_detail or ""
                place = f" ({shown(where.splitlines()[0])})" if where else ""
                raise Unfitting(
                    f"{job.ref}: the server refuses a row: {shown(said)}{place}.",
                    "Change the table there, or leave the column or the rows out.",
                ) from error

    def _go_on(self, job: TableJob) -> None:
        """Have the sequences of columns go on behind the rows that came."""
        if job.ddl is not None or job.work.makes or not job.rows:
            return
        for column in job.columns:
            ((sequence,),) = self._link.rows(
                "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", self._table(job), column.name
            )
            if sequence is None:
                continue
            name = identifier(column.name)
            self._link.execute(
                f"SELECT pg_catalog.setval({literal(str(sequence))}, m) FROM"
                f" (SELECT pg_catalog.max({name}) AS m FROM {self._table(job)}) AS rows"
                f" WHERE m > (SELECT last_value FROM {sequence})"
            )

    def define(self, definition: Definition) -> None:
        if definition.ref.type in ("TRIGGER", "EVENT"):
            # They would run for each row that is loaded.
            self._last.append(definition)
            return
        self._define(definition)

    def _define(self, definition: Definition) -> None:
        with self._link.saying(f"making {shown(str(definition.ref))}"):
            self._link.execute(f"SAVEPOINT {_SAVED}")
            for statement in (*definition.ddl.preamble, *definition.ddl.create_bare):
                self._link.execute(statement)
            self._later += definition.ddl.foreign_keys
            self._link.execute(f"RELEASE SAVEPOINT {_SAVED}")

    def discard(self, job: TableJob) -> None:
        if job.name in self._emptied:
            raise StatementFailed(
                f"Table {shown(job.name)} was emptied before those that its rows refer to, so that all of the"
                " task is taken back.",
                "Leave the table out, or mend its rows.",
            )
        with self._link.saying(f"taking back {shown(job.name)}"):
            self._link.execute(f"ROLLBACK TO SAVEPOINT {_SAVED}")

    def publish(self) -> None:
        for definition in self._last:
            self._define(definition)
        with self._link.saying("adding foreign keys"):
            for statement in self._later:
                self._link.execute(statement)
        with self._link.saying("committing"):
            self._link.execute("COMMIT")

    def settle(self, token: str) -> None:
        with self._link.saying("removing the marker"):
            self._link.execute(f"DROP TABLE IF EXISTS {qualified(self._schema, marker_name(token))}")

    def abandon(self) -> None:
        if self._link.open:
            with contextlib.suppress(OfframpError), self._link.saying("rolling back"):
                self._link.execute("ROLLBACK")

    def cancel(self) -> None:
        self._link.cancel()

    def close(self) -> None:
        self._link.close()


def _column(column: TargetColumn) -> str:
    null = "" if column.nullable else " NOT NULL"
    return f"{identifier(column.name)} {column.type}{null}"
