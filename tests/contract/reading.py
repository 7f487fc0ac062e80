"""What a session says, in plain values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from time import monotonic, sleep

from connectors.base import ReadRequest, Session, TableShape
from core.chunk import TextChunk
from core.model.task import PartPlan
from core.model.vocabulary import ObjectRef, ObjectType
from tests.contract.subject import Value

WHOLE = PartPlan(number=0)
Row = tuple[bytes | None, ...]


def table(name: str) -> ObjectRef:
    return ObjectRef(ObjectType.TABLE, name)


def rows_of(chunk: TextChunk) -> list[Row]:
    return [tuple(chunk.value(r, c) for c in range(chunk.columns)) for r in range(chunk.rows)]


def read(
    session: Session,
    place: str,
    shape: TableShape,
    part: PartPlan = WHOLE,
    *,
    where: str | None = None,
    chunk_bytes: int = 1 << 20,
) -> list[Row]:
    request = ReadRequest(place, shape, part, where=where, comment="contract", chunk_bytes=chunk_bytes)
    return [row for chunk in session.read(request) for row in rows_of(chunk)]


def read_now(session: Session, place: str, name: str, where: str | None = None) -> list[Row]:
    """All rows of a table as of now, in the order of their first column."""
    shape = session.describe(place, table(name))
    session.begin()
    try:
        return sorted(read(session, place, shape, where=where), key=repr)
    finally:
        session.end()


def same(value: Value, found: bytes | None) -> bool:
    """Whether what was read is the value, to the last bit."""
    if value is None or found is None:
        return value is None and found is None
    match value:
        case bytes():
            return found == value
        case str():
            return found == value.encode()
        case float():
            return struct.pack(">d", float(found)) == struct.pack(">d", value)
        case datetime():
            return datetime.fromisoformat(found.decode()) == value
        case Decimal():
            return Decimal(found.decode()) == value
        case _:
            return int(found) == value


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "it didn't happen"
        sleep(0.02)
