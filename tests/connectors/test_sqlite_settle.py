"""One type for each column of SQLite, found in the values themselves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.vocabulary import Content, Format
from tests.connectors.sqlite_helpers import make, source, table
from tests.roundtrip.running import export, file_source

INTEGER = LogicalType(Holds.INTEGER, bits=64)
REAL = LogicalType(Holds.FLOAT, bits=64)


@pytest.mark.parametrize(
    ("declared", "values", "logical"),
    [
        ("TEXT", ["1", "a", "NULL"], TEXT),
        ("", [1, -(2**63), 2**63 - 1, None], INTEGER),
        ("INT", [1, "x"], TEXT),
        ("NUMERIC", [1, 2.5], REAL),
        ("NUMERIC", [2**53, 2.5], REAL),
        ("NUMERIC", [2**53 + 1, 2.5], TEXT),
        ("REAL", [1.0, 2.5, None], REAL),
        ("BLOB", [b"\0", None], BYTES),
        ("BLOB", [b"\0", "text", 7], BYTES),
        ("INTEGER", [], INTEGER),
        ("TEXT", [None], TEXT),
        ("BLOB", [], BYTES),
        ("DATE", ["2024-01-01"], TEXT),
    ],
)
def test_the_type_fits_every_value(
    tmp_path: Path, declared: str, values: list[object], logical: LogicalType
) -> None:
    path = make(tmp_path / "a.db", f'CREATE TABLE t (id INTEGER PRIMARY KEY, "the ""c""" {declared})')
    with sqlite3.connect(path) as connection:
        connection.executemany('INSERT INTO t ("the ""c""") VALUES (?)', [(v,) for v in values])
    connection.close()
    with source(path).connect() as session:
        shape = session.settle("main", session.describe("main", table("t")))
    assert shape.columns[1].logical == logical
    several = len({type(v) for v in values if v is not None}) > 1
    assert any("several types" in words for words in shape.warnings) == (several and logical != REAL)


def test_values_of_several_types_are_written_as_they_are(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c);"
        "INSERT INTO t VALUES (1, 1, 0.1, X'00'), (2, 'x', 3, 'text'), (3, 2.5, NULL, 5)",
    )
    done = export(file_source(path), tmp_path / "out", format=Format.PARQUET, content=Content.DATA)
    read = pq.read_table(done.path("TABLE:t"))
    assert [str(field.type) for field in read.schema] == ["int64", "string", "double", "binary"]
    assert [list(row.values()) for row in read.to_pylist()] == [
        [1, "1", 0.1, b"\0"],
        [2, "x", 3.0, b"text"],
        [3, "2.5", None, b"5"],
    ]
    assert any("Column a holds values of several types" in words for words in done.warnings())


def test_more_columns_than_sqlite_gives_back_at_once(tmp_path: Path) -> None:
    names = ", ".join(f"c{n}" for n in range(1500))
    path = make(tmp_path / "a.db", f"CREATE TABLE t ({names}); INSERT INTO t (c0, c1499) VALUES (1, 'x')")
    with source(path).connect() as session:
        shape = session.settle("main", session.describe("main", table("t")))
    assert len(shape.columns) == 1500
    assert (shape.columns[0].logical, shape.columns[1499].logical) == (INTEGER, TEXT)
