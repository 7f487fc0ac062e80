"""SQLite files for tests, and what a session says about them in plain values."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.base import CHUNK_BYTES, Credentials, ReadRequest, TableShape
from connectors.dialect import SqlDialect
from connectors.sources.sqlite import SqliteSource
from connectors.sources.sqlite.session import SqliteSession
from core.chunk import Kind, TextChunk
from core.model.connection import Connection
from core.model.task import PartPlan
from core.model.vocabulary import Mode, ObjectRef, ObjectType

WHOLE = PartPlan(number=0)


def table(name: str) -> ObjectRef:
    return ObjectRef(ObjectType.TABLE, name)


def view(name: str) -> ObjectRef:
    return ObjectRef(ObjectType.VIEW, name)


def source(path: Path, *, timeout: int = 1) -> SqliteSource:
    return SqliteSource(
        Connection(name="file", mode=Mode.SQLITE, path=str(path), connect_timeout=timeout), Credentials()
    )


@contextmanager
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that writes, every statement a transaction of its own unless it says BEGIN."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=1)
    try:
        yield connection
    finally:
        connection.close()


def make(path: Path, script: str, rows: dict[str, list[tuple[object, ...]]] | None = None) -> Path:
    with writer(path) as connection:
        connection.executescript(script)
        connection.execute("BEGIN")
        for statement, values in (rows or {}).items():
            connection.executemany(statement, values)
        connection.execute("COMMIT")
    return path


def chunks(
    session: SqliteSession, shape: TableShape, part: PartPlan = WHOLE, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[TextChunk]:
    return session.read(ReadRequest("main", shape, part, comment="task 1, anna", chunk_bytes=chunk_bytes))


def cells(chunk: TextChunk, shape: TableShape) -> list[tuple[tuple[Kind, bytes] | None, ...]]:
    """Each value of a chunk as its kind and bytes, None for NULL; checks what a TextChunk promises."""
    flat_starts, flat_ends = chunk.starts.ravel(), chunk.ends.ravel()
    assert (flat_starts <= flat_ends).all()
    assert (flat_starts[1:] >= flat_ends[:-1]).all(), "values lie in row-major order and don't overlap"
    assert chunk.starts.dtype == chunk.ends.dtype == "int64"
    assert chunk.buffer.dtype == "uint8"
    rows = []
    for r in range(chunk.rows):
        row: list[tuple[Kind, bytes] | None] = []
        for c in range(chunk.columns):
            value = chunk.value(r, c)
            kind = shape.columns[c].kind if chunk.kinds is None else Kind(int(chunk.kinds[r, c]))
            row.append(None if value is None else (kind, value))
        rows.append(tuple(row))
    return rows


def read_all(session: SqliteSession, ref: ObjectRef) -> list[tuple[tuple[Kind, bytes] | None, ...]]:
    shape = session.describe("main", ref)
    return [row for chunk in chunks(session, shape) for row in cells(chunk, shape)]


def stored(path: Path, statement: str) -> list[tuple[object, ...]]:
    """What the file holds by the driver: text as bytearray, blobs as bytes, reals as their eight bytes."""
    connection = sqlite3.connect(path)
    connection.text_factory = bytearray
    try:
        found = connection.execute(statement).fetchall()
    finally:
        connection.close()
    return [tuple(struct.pack(">d", v) if isinstance(v, float) else v for v in row) for row in found]


def same_value(cell: tuple[Kind, bytes] | None, value: object) -> bool:
    """Whether what was read is the value, storage class included."""
    if cell is None or value is None:
        return cell is None and value is None
    kind, text = cell
    match value:
        case bytearray():
            return kind is Kind.TEXT and text == value
        case bytes():
            return kind is Kind.BINARY and text == value
        case int():
            return kind is Kind.NUMBER and text == str(value).encode()
        case float():
            written = text.decode("ascii")
            real = any(c in written for c in ".en")  # else it would be read as an integer
            shortest = len(_digits(written)) <= len(_digits(repr(value)))
            same = struct.pack(">d", float(written)) == struct.pack(">d", value)
            return kind is Kind.NUMBER and real and shortest and same
    raise TypeError(type(value))


def _digits(text: str) -> str:
    return text.partition("e")[0].replace(".", "").lstrip("-").strip("0")


def literal(cell: tuple[Kind, bytes] | None, dialect: SqlDialect) -> bytes:
    """A value as the dialect says that it is written in SQL."""
    if cell is None:
        return b"NULL"
    kind, value = cell
    if kind is Kind.NUMBER:
        return dialect.special_numbers.get(value, value)
    if kind is Kind.BINARY:
        return dialect.binary[0] + value.hex().encode() + dialect.binary[1]
    try:
        value.decode()
        hexed = any(byte in value for byte in dialect.hex_text_bytes)
    except UnicodeDecodeError:
        hexed = True
    if hexed:
        return dialect.hex_text[0] + value.hex().encode() + dialect.hex_text[1]
    for plain, escaped in dialect.escapes.items():
        value = value.replace(plain, escaped)
    return b"'" + value + b"'"
