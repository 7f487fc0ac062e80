"""A database file that is open: one connection, one read transaction at a time.

A read transaction sees one state of the file until it ends (https://www.sqlite.org/isolation.html): in WAL
mode others go on writing beside it, with a rollback journal their commits wait.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from connectors.base import ObjectDdl, ObjectInfo, ReadRequest, ServerInfo, Session, TableShape
from connectors.sources.sqlite import ddl as schemas
from connectors.sources.sqlite import query as queries
from connectors.sources.sqlite import split as parts
from connectors.sources.sqlite import uniform
from connectors.sources.sqlite.beside import LARGE_ROWS, Beside, Remainder, log
from connectors.sources.sqlite.catalog import Catalog, Entry
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.errors import while_reading
from connectors.sources.sqlite.marks import SqliteMarks
from connectors.sources.sqlite.opening import database_path, open_file
from connectors.sources.sqlite.reading import read_chunks
from connectors.sources.sqlite.settle import settle
from connectors.sources.sqlite.shape import describe
from connectors.sources.sqlite.statements import Statements
from core.chunk import Chunk, TextChunk
from core.errors import NotFound, SchemaChanged, SnapshotGone
from core.model.connection import Connection
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour

DATABASE = "main"
# So often a transaction is begun until another process sees the same state.
TRIES = 4


class SqliteSession(Session):
    """See `Session`. The only database is `main`: no file is attached."""

    dialect = SQLITE
    folds_names = True

    def __init__(self, connection: Connection) -> None:
        """Raises ConnectError and its kinds."""
        self._name = connection.name
        self._path = database_path(connection)
        self._driver = open_file(connection)
        self._ask = Statements(self._driver, connection.name)
        self._catalog: tuple[int, Catalog] | None = None
        self._beside = Beside(connection, self._path, self._ask)
        # What `settle` has found every value to be, while the transaction lasts in which it did.
        self._proven: TableShape | None = None
        with ExitStack() as undo:
            undo.callback(self._driver.close)
            self.server = ServerInfo("SQLite", sqlite3.sqlite_version, notes=self._notes())
            undo.pop_all()

    @property
    def marks(self) -> SqliteMarks:
        return SqliteMarks(self._ask, self._schema, self._path)

    def databases(self) -> list[str]:
        return [DATABASE]

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        self._check(database)
        return Catalog(self._ask).objects(types, search)

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        self._check(database)
        if not ref.type.has_data:
            raise NotFound(f"{ref} has no rows to read.")
        return describe(self._ask, self._schema(), ref)

    def describe_query(self, database: str, ref: ObjectRef, query: str) -> TableShape:
        self._check(database)
        return queries.describe(self._ask, ref, query)

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        self._check(database)
        if shape.query is not None:
            return  # it has been understood
        about = self._about(database, shape.ref)
        self._ask.rows(f"{_select(shape)} LIMIT 0", about=about)
        if where is not None:
            # Bare too: what has more to it than one condition is taken only with the parentheses, or without.
            for form in (f"{where}\n", f"({where}\n)"):
                self._ask.plan(f"{_select(shape)} WHERE {form}", about=f"the condition of {about}")

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """The flavour makes no difference here: SQLite has one dialect."""
        self._check(database)
        return schemas.ddl(self._ask, self._schema(), ref)

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        """Every consistency can be had, without a lock. Says whom it keeps waiting."""
        if not content_has_tables or self.journal_mode() == "wal":
            return []
        span = {Consistency.TASK: "task", Consistency.OBJECT: "object", Consistency.PART: "part"}[consistency]
        return [
            f"The file uses a rollback journal: programs that write to it wait while each {span} is read"
            " (none would in WAL mode)."
        ]

    def snapshot_life(self) -> int | None:
        return None

    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        """`Snapshot.id` is `<nanoseconds>-<version>`: when the file or its write-ahead log last changed (Unix
        time), and SQLite's data_version, which differs within a session whenever the content does."""
        if reopen is not None:
            raise SnapshotGone(
                f"Connection {self._name!r}: a state of a SQLite file can't be read again once let go.",
                "Start the task again: it reads the file as it is now.",
            )
        for _ in range(TRIES):
            self.end()
            self._beside.before()
            self._ask.rows("BEGIN", about="a read transaction")
            with ExitStack() as undo:
                undo.callback(self.end)
                # The transaction takes its point in time with its first read.
                self._ask.rows("SELECT 1 FROM sqlite_master LIMIT 1", about="a read transaction")
                version = self._ask.value("PRAGMA data_version", about="a read transaction")
                shared = self._beside.after()
                undo.pop_all()
            if shared:
                break
        return Snapshot(id=f"{self._changed()}-{version}", taken_at=datetime.now(UTC), reopens=False)

    def end(self) -> None:
        self._proven = None
        self._beside.end()
        if self._driver.in_transaction:
            self._ask.rows("ROLLBACK", about="a read transaction")

    def settle(self, database: str, shape: TableShape) -> TableShape:
        self._check(database)
        about = self._about(database, shape.ref)
        rowid, beside = None, None
        if shape.query is None and shape.ref.type is ObjectType.TABLE and self._is_large(shape):
            entry = self._planned(shape.ref)
            plain = not entry.module and uniform.why_not(self._ask, shape.ref, shape.columns) is None
            rowid = self._schema().rowid(entry) if plain else None
            beside = self._beside if rowid is not None and self._beside.starts() else None
        settled, proven = settle(self._ask, shape, about, rowid=rowid, beside=beside)
        if proven and self._driver.in_transaction:
            self._proven = settled
        return settled

    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        self._check(database)
        if shape.query is not None:
            return [PartPlan(number=0)]
        entry = self._planned(shape.ref)
        return parts.split(self._ask, self._schema(), entry, shape, rows_per_part, where=where)

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        """In rowid order, or that of a WITHOUT ROWID table's key; views in their own. Raises ValueTooLarge
        for a row of 2 GiB or more."""
        for chunk in self._read(request, typed=False):
            assert isinstance(chunk, TextChunk)  # noqa: S101 - others come only where they were asked for
            yield chunk
            del chunk  # it may be large, and so may the next one

    def read_typed(self, request: ReadRequest) -> Iterator[Chunk]:
        """Large tables as `ArrowChunk` behind their first rows where each column has values of one type."""
        return self._read(request, typed=True)

    def _read(self, request: ReadRequest, *, typed: bool) -> Iterator[Chunk]:
        self._check(request.database)
        own = not self._driver.in_transaction
        if own:
            self.begin()  # more than one statement may be needed: they see the same rows
        try:
            yield from self._rows(request, typed=typed)
        finally:
            if own:
                self.end()

    def _rows(self, request: ReadRequest, *, typed: bool) -> Iterator[Chunk]:
        shape, about = request.shape, self._about(request.database, request.shape.ref)
        order: Sequence[str] = ()
        remainder = None
        if shape.query is not None:
            statement = queries.statement(request, shape.query)
        else:
            entry = self._planned(shape.ref)
            order = parts.order(self._ask, self._schema(), entry)
            tail = parts.condition(request.part.condition, request.where)
            if order:
                tail += f" ORDER BY {', '.join(order)}"
                remainder = self._remainder(request, entry, order, typed=typed)
            statement = _select(shape, request.comment) + tail
        kinds = [column.kind for column in shape.columns]
        try:
            yield from read_chunks(
                self._driver, statement, kinds, request.chunk_bytes, ordered=bool(order), remainder=remainder
            )
        except (sqlite3.Error, MemoryError) as error:
            raise while_reading(error, self._name, about, planned=True) from error

    def _remainder(
        self, request: ReadRequest, entry: Entry, order: Sequence[str], *, typed: bool
    ) -> Remainder | None:
        """Who reads the table behind its first rows; None where the session does."""
        shape = request.shape
        if not self._is_large(shape):
            return None
        rowid = self._schema().rowid(entry)
        reason = uniform.why_not(self._ask, shape.ref, shape.columns)
        if request.where is not None:
            reason = "rows are chosen by a condition"
        elif request.part.condition and rowid is None:
            reason = "parts are cut along a key of any type"
        if reason is not None:
            log.debug("%s: read by one process: %s", shape.ref, reason)
            return None
        where = request.part.condition
        return self._beside.remainder(
            request,
            lambda skip: parts.behind(shape.ref.name, order, rowid, where, skip),
            typed=typed,
            proven=typed and shape == self._proven,
        )

    def _is_large(self, shape: TableShape) -> bool:
        return shape.rows is None or shape.rows >= LARGE_ROWS

    def cancel(self) -> None:
        # Ends what runs, a read between two of its chunks included; without one it does nothing.
        self._beside.cancel()
        self._driver.interrupt()

    def close(self) -> None:
        self._beside.close()
        self._driver.close()

    def _check(self, database: str) -> None:
        if database != DATABASE:
            raise NotFound(
                f"Connection {self._name!r} has no database {database!r}.",
                f"A SQLite file has {DATABASE!r} only.",
            )

    def _about(self, database: str, ref: ObjectRef) -> str:
        return f"{database}, {ref}" if ref.name.isprintable() else f"{database}, {ref.type}:{ref.name!r}"

    def _schema(self) -> Catalog:
        """The schema, read again only after it has changed: a task asks once for each of its objects."""
        version = int(self._ask.value("PRAGMA main.schema_version", about="the schema"))
        if self._catalog is None or self._catalog[0] != version:
            self._catalog = (version, Catalog(self._ask))
        return self._catalog[1]

    def _planned(self, ref: ObjectRef) -> Entry:
        """The entry of an object that was described before."""
        try:
            return self._schema().entry(ref)
        except NotFound as error:
            raise SchemaChanged(f"{error.message} It was there when the task was planned.") from error

    def journal_mode(self) -> str:
        """How the file is kept consistent: `delete`, `wal` and so on."""
        return str(self._ask.value("PRAGMA main.journal_mode", about="the file"))

    def _changed(self) -> int:
        """When the file or its write-ahead log was last written (Unix time in nanoseconds)."""
        log = self._path.with_name(self._path.name + "-wal")
        times = [path.stat().st_mtime_ns for path in (self._path, log) if path.exists()]
        return max(times, default=0)

    def _notes(self) -> tuple[str, ...]:
        notes = []
        encoding = str(self._ask.value("PRAGMA main.encoding", about="the file"))
        if encoding != "UTF-8":
            notes.append(f"Text in this file is {encoding}; it is read as UTF-8, which a new file has too.")
        if self.journal_mode() == "wal":
            notes.append(
                "WAL mode: SQLite keeps a -wal and a -shm file beside the database, also for readers."
            )
        return tuple(notes)


def _select(shape: TableShape, comment: str = "") -> str:
    columns = ", ".join(parts.column(shape.ref.name, column.name) for column in shape.columns)
    return f"SELECT {f'/* {comment} */ ' if comment else ''}{columns} FROM {parts.source(shape.ref.name)}"
