"""Chunks of given values in different layouts, files of them, and dialects for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from connectors.base import SourceColumn, TableShape
from connectors.dialect import SqlDialect
from core.chunk import Kind, TextChunk
from core.formats import open_encoder
from core.model.settings import CsvSettings, ExportSettings, SqlSettings
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectType

Value = bytes | None
Rows = Sequence[Sequence[Value]]

MYSQL = SqlDialect(
    name="mysql",
    client="mysql",
    identifier_quote="`",
    escapes={b"\\": b"\\\\", b"'": b"\\'", b"\0": b"\\0", b"\n": b"\\n", b"\r": b"\\r", b"\x1a": b"\\Z"},
    hex_text=(b"_utf8mb4 X'", b"'"),
    special_numbers={b"-0": b"-0e0", b"-0.0": b"-0e0"},
    client_charsets={Encoding.UTF_8: "utf8mb4", Encoding.GB2312: "gb2312"},
    header=("SET sql_mode = '';",),
    footer=("SET sql_mode = @old;",),
    charset_statement="SET NAMES {charset};",
    begin="START TRANSACTION;",
)
SQLITE = SqlDialect(
    name="sqlite",
    client="sqlite3",
    identifier_quote='"',
    escapes={b"'": b"''"},
    hex_text=(b"CAST(X'", b"' AS TEXT)"),
    hex_text_bytes=b"\0\r",
    special_numbers={b"inf": b"9e999", b"-inf": b"-9e999"},
    client_charsets={Encoding.UTF_8: "UTF-8"},
    header=("BEGIN TRANSACTION;",),
    footer=("COMMIT;",),
    begin="BEGIN TRANSACTION;",
)


def shape_of(kinds: Sequence[Kind], key: tuple[str, ...] = (), name: str = "t") -> TableShape:
    columns = tuple(SourceColumn(f"c{n}", kind.name.lower(), kind) for n, kind in enumerate(kinds))
    return TableShape(ObjectRef(ObjectType.TABLE, name), columns, key)


def chunk_of(rows: Rows, gap: bytes = b"\x05", kinds: Sequence[Sequence[Kind]] | None = None) -> TextChunk:
    """A chunk with `gap` before each value and some bytes that belong to none at both ends."""
    buffer = bytearray(b'"head\n')
    starts, ends, nulls = [], [], []
    for row in rows:
        for value in row:
            buffer += gap
            starts.append(len(buffer))
            buffer += value or b""
            ends.append(len(buffer))
            nulls.append(value is None)
    buffer += b"tail'\\"
    shape = (len(rows), len(rows[0]) if rows else 1)
    return TextChunk(
        buffer=np.frombuffer(bytes(buffer), np.uint8),
        starts=np.array(starts, np.int64).reshape(shape),
        ends=np.array(ends, np.int64).reshape(shape),
        nulls=np.array(nulls, np.bool_).reshape(shape) if any(nulls) else None,
        kinds=np.array(kinds, np.uint8).reshape(shape) if kinds is not None else None,
    )


def settings_of(
    form: Format = Format.CSV,
    csv: CsvSettings | None = None,
    sql: SqlSettings | None = None,
    **others: object,
) -> ExportSettings:
    return ExportSettings(
        connection="c",
        objects=("t",),
        format=form,
        csv=csv or CsvSettings(),
        sql=sql or SqlSettings(),
        **others,  # type: ignore[arg-type]
    )


def file_of(
    settings: ExportSettings,
    shape: TableShape,
    parts: Iterable[Iterable[TextChunk]],
    dialect: SqlDialect = MYSQL,
) -> bytes:
    """The whole file of some parts."""
    encoder = open_encoder(settings, dialect, "shop", shape)
    out = bytearray(encoder.begin())
    for part in parts:
        for chunk in part:
            for piece in encoder.encode(chunk):
                out += piece
        out += encoder.flush()
    return bytes(out + encoder.end())


def cut(rows: Rows, at: Iterable[int]) -> list[Rows]:
    """Rows in pieces that end at these numbers."""
    places = sorted({0, len(rows), *(a % (len(rows) + 1) for a in at)})
    return [rows[a:b] for a, b in pairwise(places)]
