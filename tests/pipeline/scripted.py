"""A database in memory whose every answer can be made to fail."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from connectors.base import (
    Credentials,
    ObjectDdl,
    ObjectInfo,
    ReadRequest,
    ServerInfo,
    Session,
    Source,
    SourceColumn,
    TableShape,
    TestStep,
)
from connectors.dialect import SqlDialect
from core.chunk import Kind, TextChunk
from core.errors import ConnectionLost, NotFound, SchemaChanged, SnapshotGone
from core.model.connection import Connection
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import (
    Consistency,
    Encoding,
    Lock,
    Mode,
    ObjectRef,
    ObjectType,
    SchemaFlavour,
)

Row = tuple[bytes | None, ...]

DIALECT = SqlDialect(
    name="scripted",
    client="scripted",
    identifier_quote='"',
    escapes={b"'": b"''"},
    client_charsets={Encoding.UTF_8: "UTF-8", Encoding.ASCII: "UTF-8"},
    header=("BEGIN;",),
    footer=("COMMIT;",),
    include=".read {path}",
)


@dataclass
class Thing:
    """An object: `rows` of `columns`, or a definition only."""

    ref: ObjectRef
    columns: tuple[str, ...] = ("id", "note")
    rows: list[Row] = field(default_factory=list)
    create: tuple[str, ...] = ()
    bare: tuple[str, ...] | None = None
    foreign_keys: tuple[str, ...] = ()
    needs: tuple[ObjectRef, ...] = ()
    estimate: int | None = None

    @property
    def statements(self) -> tuple[str, ...]:
        names = ", ".join(self.columns)
        return self.create or (f'CREATE {self.ref.type} "{self.ref.name}" ({names})',)


def table(name: str, rows: int = 3, **more: object) -> Thing:
    content = [(str(n).encode(), f"{name} {n}".encode()) for n in range(rows)]
    return Thing(ObjectRef(ObjectType.TABLE, name), rows=content, **more)  # type: ignore[arg-type]


class Database:
    """What is in it now, and as of each snapshot. `hook(step, subject)` is called before every answer and
    may raise, or change things; `calls` lists them."""

    def __init__(self, *things: Thing, reopens: bool = False) -> None:
        self.things = {thing.ref: thing for thing in things}
        self.reopens = reopens
        self.life: int | None = None
        self.snapshots: dict[str, dict[ObjectRef, Thing]] = {}
        self.hook: Callable[[str, str], None] = lambda _step, _subject: None
        self.calls: list[tuple[str, str]] = []
        self.clock = itertools.count(1000)
        self.chunk_rows = 2
        self.cancelled = 0

    def add(self, *things: Thing) -> None:
        self.things |= {thing.ref: thing for thing in things}

    def ask(self, step: str, subject: object = "") -> None:
        self.calls.append((step, str(subject)))
        self.hook(step, str(subject))

    def asked(self, step: str) -> list[str]:
        return [subject for name, subject in self.calls if name == step]

    def source(self) -> ScriptedSource:
        connection = Connection(name="shop", mode=Mode.SQLITE, path="/nowhere/shop.db")
        return ScriptedSource(connection, Credentials(), self)


class ScriptedSource(Source):
    def __init__(self, connection: Connection, credentials: Credentials, database: Database) -> None:
        super().__init__(connection, credentials)
        self.database = database

    def connect(self) -> ScriptedSession:
        self.database.ask("connect")
        return ScriptedSession(self.database)

    def test(self) -> Iterator[TestStep]:
        return iter(())

    def test_sys_account(self) -> Iterator[TestStep]:
        return iter(())


class ScriptedSession(Session):
    server = ServerInfo(product="Scripted", version="1.0")
    dialect = DIALECT

    def __init__(self, database: Database) -> None:
        self.db = database
        self.open: dict[ObjectRef, Thing] | None = None
        self.killed = False

    def databases(self) -> list[str]:
        self.db.ask("databases")
        return ["main"]

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        self.db.ask("objects", database)
        chosen = [t for t in self.db.things.values() if types is None or t.ref.type in types]
        return sorted((ObjectInfo(t.ref, rows=t.estimate) for t in chosen), key=lambda info: info.ref)

    def _thing(self, ref: ObjectRef) -> Thing:
        if ref not in self.db.things:
            raise NotFound(f"There is no {ref}.")
        return self.db.things[ref]

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        self.db.ask("describe", ref)
        thing = self._thing(ref)
        columns = tuple(SourceColumn(name, "text", Kind.TEXT) for name in thing.columns)
        return TableShape(ref, columns, key=thing.columns[:1], rows=thing.estimate)

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        self.db.ask("check_readable", shape.ref)

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        self.db.ask("ddl", ref)
        thing = self._thing(ref)
        return ObjectDdl(
            drop=f'DROP {ref.type} IF EXISTS "{ref.name}"',
            create=(*thing.statements, *thing.foreign_keys),
            create_bare=thing.statements if thing.bare is None else thing.bare,
            foreign_keys=thing.foreign_keys,
            needs=thing.needs,
            fingerprint=hashlib.sha256(repr((thing.statements, thing.foreign_keys)).encode()).hexdigest(),
        )

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        self.db.ask("check_consistency", consistency)
        return []

    def snapshot_life(self) -> int | None:
        return self.db.life

    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        self.db.ask("begin", reopen.id if reopen else "")
        assert self.open is None, "one point in time after the other"
        if reopen is not None:
            if str(reopen.id) not in self.db.snapshots:
                raise SnapshotGone(f"Snapshot {reopen.id} is gone.")
            self.open = self.db.snapshots[str(reopen.id)]
            return reopen
        name = str(next(self.db.clock))
        self.db.snapshots[name] = self.open = copy.deepcopy(self.db.things)
        return Snapshot(id=name, taken_at=datetime.now(UTC), reopens=self.db.reopens)

    def end(self) -> None:
        self.db.ask("end")
        self.open = None

    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        self.db.ask("split", shape.ref)
        rows = len(self._thing(shape.ref).rows)
        starts = range(0, max(rows, 1), rows_per_part)
        return [
            PartPlan(number=n, condition=f"{start}:{'' if start == starts[-1] else start + rows_per_part}")
            for n, start in enumerate(starts)
        ]

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        ref = request.shape.ref
        self.db.ask("read", f"{ref} {request.part.condition or 'all'}")
        assert self.open is not None, "rows are read as of a point in time"
        if ref not in self.open:
            raise SchemaChanged(f"{ref} is gone.")
        first, _, last = (request.part.condition or ":").partition(":")
        rows = self.open[ref].rows[int(first or 0) : int(last) if last else None]
        for start in range(0, len(rows), self.db.chunk_rows):
            self.db.ask("chunk", ref)
            if self.killed:
                raise ConnectionLost("The query was killed.")
            yield chunk_of(rows[start : start + self.db.chunk_rows])
        self.db.ask("last", ref)

    def cancel(self) -> None:
        self.db.cancelled += 1
        self.killed = True

    def close(self) -> None:
        self.db.ask("close")


def chunk_of(rows: Sequence[Row]) -> TextChunk:
    buffer = bytearray()
    starts, ends, nulls = [], [], []
    for row in rows:
        for value in row:
            starts.append(len(buffer))
            buffer += value or b""
            ends.append(len(buffer))
            nulls.append(value is None)
    shape = (len(rows), len(rows[0]))
    mask = np.array(nulls, np.bool_).reshape(shape)
    return TextChunk(
        buffer=np.frombuffer(bytes(buffer) + b"\0" * 64, np.uint8),
        starts=np.array(starts, np.int64).reshape(shape),
        ends=np.array(ends, np.int64).reshape(shape),
        nulls=mask if mask.any() else None,
    )


def view(name: str, *needs: str, rows: int = 2) -> Thing:
    made = replace(table(name, rows), ref=ObjectRef(ObjectType.VIEW, name))
    made.needs = tuple(ObjectRef(ObjectType.TABLE, n) for n in needs)
    return made
