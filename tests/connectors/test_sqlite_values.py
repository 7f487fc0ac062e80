"""Every value of every storage class comes out as it is, whatever its column says."""

from __future__ import annotations

import math
import random
import sqlite3
import struct
import sys
from pathlib import Path

import pytest

from connectors.sources.sqlite.assemble import real_texts
from core.chunk import Kind
from tests.connectors.sqlite_helpers import chunks, make, read_all, same_value, source, table, writer

TEXTS = [
    "", "NULL", "\\N", " ", "   ", "a'b''c", '"quoted"', "a,b;c\td", "a\rb", "a\nb", "a\r\nb", "\\", "\\\\'",
    "\x00", "a\x00b", "\x1a", "\ufeffbom", "é中文\U0001f600", "'); DROP TABLE t; --", "go", "a\ngo\nb", "a\n/\nb",
    "\n.quit\n", ";\n", "-- x", "/*", "123", "1.0", "inf", "1e5", " 12", "0x10", "\x1b[31m", "\u202e", "x" * 5000,
]  # fmt: skip
INTEGERS = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 10**18]
REALS = [
    0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e15, 1e16, 123456789012345678.0, 1e21, 1e22, 1e23, 1e-5, 1e-7, 1e300,
    5e-324, 2.2250738585072014e-308, sys.float_info.max, math.inf, -math.inf, 9007199254740993.0,
    float(2**63), -float(2**63), math.pi, 100.0, 3.4028234663852886e38,
]  # fmt: skip
BLOBS = [b"", b"\x00", b"abc", bytes(range(256)), b"\xff\xfe", b"'\r\n"]
HOSTILE: list[object] = [None, *TEXTS, *INTEGERS, *REALS, *BLOBS]
INVALID_TEXT = [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"ok\x80ok"]  # no UTF-8, stored as text

COLUMNS = ("x", "x INTEGER", "x TEXT", "x REAL", "x NUMERIC", "x BLOB", "x DATETIME", "x VARCHAR(3)")


def hostile_file(path: Path, column: str, encoding: str = "UTF-8") -> Path:
    make(
        path,
        f"PRAGMA encoding='{encoding}'; CREATE TABLE t(id INTEGER PRIMARY KEY, {column})",
        {"INSERT INTO t(x) VALUES(?)": [(value,) for value in HOSTILE]},
    )
    with writer(path) as connection:
        connection.executemany("INSERT INTO t(x) VALUES(CAST(? AS TEXT))", [(text,) for text in INVALID_TEXT])
    return path


def driver_values(path: Path, statement: str) -> list[object]:
    connection = sqlite3.connect(path)
    connection.text_factory = bytearray
    try:
        return [row[0] for row in connection.execute(statement)]
    finally:
        connection.close()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_every_value_in_every_kind_of_column(tmp_path: Path, column: str, encoding: str) -> None:
    path = tmp_path / "f.db"
    hostile_file(path, column, encoding)
    expected = driver_values(path, "SELECT x FROM t ORDER BY id")
    assert len(expected) == len(HOSTILE) + len(INVALID_TEXT)
    with source(path).connect() as session:
        assert bool(session.server.notes) is (encoding != "UTF-8")
        rows = read_all(session, table("t"))
    for (_, cell), value in zip(rows, expected, strict=True):
        assert same_value(cell, value), (cell, value)


def test_a_column_without_type_keeps_what_was_put_in(tmp_path: Path) -> None:
    path = hostile_file(tmp_path / "f.db", "x")
    with source(path).connect() as session:
        found = [cell for _, cell in read_all(session, table("t"))]
    for cell, value in zip(found, HOSTILE, strict=False):
        assert same_value(cell, bytearray(value.encode()) if isinstance(value, str) else value)
    assert [cell[1] for cell in found[-len(INVALID_TEXT) :] if cell] == INVALID_TEXT


def test_the_chunk_does_not_change_the_text(tmp_path: Path) -> None:
    """One row at a time, or all at once: the bytes are the same."""
    path = hostile_file(tmp_path / "f.db", "x")
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        together = [c.value(r, 1) for c in chunks(session, shape) for r in range(c.rows)]
        apart = [c.value(r, 1) for c in chunks(session, shape, chunk_bytes=1) for r in range(c.rows)]
    assert apart == together
    assert len(apart) == len(HOSTILE) + len(INVALID_TEXT)


def test_random_doubles_read_back_to_the_same_bits() -> None:
    numbers = random.Random(7)
    values = [struct.unpack(">d", numbers.randbytes(8))[0] for _ in range(50_000)]
    values += [float(numbers.randint(-(10**17), 10**17)) for _ in range(5_000)]
    values = [value for value in values if value == value]
    for value, text in zip(values, real_texts(values).to_pylist(), strict=True):
        assert same_value((Kind.NUMBER, text), value), (value, text)


def test_kinds_are_left_out_where_columns_are_uniform(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(i INTEGER, r REAL, s TEXT, b BLOB, d DATE)",
        {"INSERT INTO t VALUES(?,?,?,?,?)": [(1, 1.5, "a", b"b", "2024-01-01"), (None,) * 5]},
    )
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        assert [c.kind for c in shape.columns] == [
            Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.BINARY, Kind.TEXT,
        ]  # fmt: skip
        (chunk,) = chunks(session, shape)
        assert chunk.kinds is None
        assert chunk.nulls is not None
        assert chunk.nulls.tolist() == [[False] * 5, [True] * 5]


def test_no_nulls_no_mask(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE t(a); INSERT INTO t VALUES('x'),('')")
    with source(path).connect() as session:
        (chunk,) = chunks(session, session.describe("main", table("t")))
    assert chunk.nulls is None
    assert [chunk.value(r, 0) for r in range(2)] == [b"x", b""]


def test_what_sqlite_itself_does_to_negative_zero_and_nan(tmp_path: Path) -> None:
    """A REAL column stores -0.0 as 0.0 and NaN is NULL: lost by SQLite, not by the export."""
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(r REAL, n)",
        {"INSERT INTO t VALUES(?,?)": [(-0.0, -0.0), (math.nan, math.nan)]},
    )
    with source(path).connect() as session:
        assert read_all(session, table("t")) == [
            ((Kind.NUMBER, b"0.0"), (Kind.NUMBER, b"-0.0")),
            (None, None),
        ]
