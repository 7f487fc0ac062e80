"""A source as another distribution might bring it: a JSON file with tables. It knows `connectors.base` and the
vocabulary only, and the suite installs it where Offramp isn't.

    {"people": [["id", "name"], ["1", "Ann"], ["2", null]]}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from connectors.base import (
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
from core.errors import NotFound, Unreachable, Unsupported
from core.model.task import PartPlan, Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour

PLACE = "tables"


class TinySession(Session):
    server = ServerInfo(product="Tiny", version="1")
    dialect = SqlDialect(name="tiny", client="tiny", identifier_quote='"', escapes={b"'": b"''"})
    begins_in = PLACE

    def __init__(self, path: Path) -> None:
        try:
            self._tables = json.loads(path.read_text())
        except OSError as error:
            raise Unreachable(f"There is no file {path}.", "Give its path.") from error

    def databases(self) -> list[str]:
        return [PLACE]

    def objects(
        self, database: str, types: Sequence[ObjectType] | None = None, search: str | None = None
    ) -> list[ObjectInfo]:
        found = [name for name in sorted(self._tables) if (search or "").lower() in name.lower()]
        wanted = types is None or ObjectType.TABLE in types
        return [ObjectInfo(ObjectRef(ObjectType.TABLE, name)) for name in found if wanted]

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        if ref.name not in self._tables:
            raise NotFound(f"There is no {ref}.")
        head, *rows = self._tables[ref.name]
        return TableShape(ref, tuple(SourceColumn(name, "text", Kind.TEXT) for name in head), rows=len(rows))

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        if where is not None:
            raise Unsupported("Conditions aren't understood here.")

    def ddl(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        shape = self.describe(database, ref)
        columns = ", ".join(self.dialect.identifier(column.name) for column in shape.columns)
        create = f"CREATE TABLE {self.dialect.identifier(ref.name)} ({columns})"
        drop = f"DROP TABLE {self.dialect.identifier(ref.name)}"
        fingerprint = hashlib.sha256(create.encode()).hexdigest()
        return ObjectDdl(drop, (create,), (create,), fingerprint=fingerprint)

    def check_consistency(self, consistency: Consistency, lock: Lock, content_has_tables: bool) -> list[str]:
        return []

    def snapshot_life(self) -> int | None:
        return None

    def begin(self, reopen: Snapshot | None = None) -> Snapshot:
        return Snapshot(id=None, taken_at=datetime.now(UTC), reopens=False)

    def end(self) -> None:
        """What was read when the session began is kept anyway."""

    def split(
        self, database: str, shape: TableShape, rows_per_part: int, where: str | None = None
    ) -> list[PartPlan]:
        return [PartPlan(number=0, rows=shape.rows)]

    def read(self, request: ReadRequest) -> Iterator[TextChunk]:
        _, *rows = self._tables[request.shape.ref.name]
        if not rows:
            return
        values = [[None if value is None else str(value).encode() for value in row] for row in rows]
        ends = np.cumsum([[len(value or b"") for value in row] for row in values])
        shape = (len(rows), len(request.shape.columns))
        yield TextChunk(
            np.frombuffer(b"".join(value or b"" for row in values for value in row), np.uint8),
            np.concatenate([[0], ends[:-1]]).reshape(shape),
            ends.reshape(shape),
            np.array([[value is None for value in row] for row in values]),
        )

    def cancel(self) -> None:
        """Nothing runs anywhere else."""

    def close(self) -> None:
        """Nothing is open."""


class TinySource(Source):
    def connect(self) -> Session:
        return TinySession(Path(str(self.connection.path)))

    def test(self) -> Iterator[TestStep]:
        try:
            with self.connect() as session:
                yield TestStep("open", ok=True, detail=f"{len(session.objects(PLACE))} tables")
        except Unreachable as error:
            yield TestStep("open", ok=False, detail=str(error))

    def test_sys_account(self) -> Iterator[TestStep]:
        yield TestStep("sys account", ok=False, detail="There is none.")
