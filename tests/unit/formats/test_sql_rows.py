"""SQL for Oracle: what is written reads back exactly, in lines and literals that its client takes."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import SourceColumn, TableShape
from connectors.dialect import SqlDialect
from connectors.sources.oracle.dialect import ORACLE
from connectors.sources.oracle.types import ColumnType, reading
from core.chunk import Kind
from core.errors import Unencodable as UnencodableError
from core.formats import open_encoder
from core.model.settings import SqlSettings
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectType, Unencodable
from tests.unit.formats.building import chunk_of, cut, file_of, settings_of
from tests.unit.formats.reading_oracle import read_oracle
from tests.unit.formats.strategies import cuts, gaps

TYPES = {
    "N": ColumnType("NUMBER", precision=10, scale=2),
    "D": ColumnType("DATE"),
    "V": ColumnType("VARCHAR2", characters=20),
    "NV": ColumnType("NVARCHAR2", characters=20),
    "R": ColumnType("RAW", length=20),
    "C": ColumnType("CLOB"),
    "NC": ColumnType("NCLOB"),
    "B": ColumnType("BLOB"),
    "BD": ColumnType("BINARY_DOUBLE"),
    "X": ColumnType("XMLTYPE", owner="SYS"),
    "F": ColumnType("BFILE"),
}
MOMENT = b"2024-02-29 13:00:00"


def shape_of(names):
    columns = tuple(
        SourceColumn(n, TYPES[n].full, r.kind, logical=r.logical, literal=r.literal)
        for n in names
        for r in [reading(n, TYPES[n])]
    )
    return TableShape(ObjectRef(ObjectType.TABLE, "T"), columns)


def sql(batch=None, **others):
    return settings_of(Format.SQL, sql=SqlSettings(batch_commit=batch), **others)


def small(dialect: SqlDialect = ORACLE) -> SqlDialect:
    """With short lines and literals, so that few bytes are large."""
    return replace(dialect, rows=replace(dialect.rows, piece_bytes=64, joined_bytes=150))


def meant(name, value):
    """What the reader must give for a value."""
    if value is None:
        return None
    if name == "D":
        return ("TO_DATE", value.decode(), "SYYYY-MM-DD HH24:MI:SS")
    if name in ("R", "B"):
        return value
    if name == "X":
        return ("XMLTYPE", value.decode())
    if name == "BD":
        special = {b"NaN": "BINARY_DOUBLE_NAN", b"Infinity": "BINARY_DOUBLE_INFINITY"}
        special[b"-Infinity"] = "-BINARY_DOUBLE_INFINITY"
        return ("name", special[value]) if value in special else ("number", value.decode() + "d")
    return ("number", value.decode()) if name == "N" else value.decode()


texts = st.text(
    st.one_of(st.sampled_from("'a\n\r\0;&/-ü✓😀 "), st.characters(exclude_categories=["Cs"])), max_size=300
).map(str.encode)
VALUES = {
    "N": st.sampled_from([b"0.00", b"-12.50", b"99999999.99"]),
    "D": st.sampled_from([MOMENT, b"-0044-03-15 00:00:00"]),
    "V": texts.filter(len),
    "NV": texts.filter(len),
    "R": st.binary(min_size=1, max_size=200),
    "C": texts,
    "NC": texts,
    "B": st.binary(max_size=300),
    "BD": st.sampled_from([b"NaN", b"-Infinity", b"Infinity", b"-0", b"1e+300", b"0.1"]),
    "X": texts.filter(len),
}  # fmt: skip


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6, unique=True))
    row = st.tuples(*(st.one_of(st.none(), VALUES[name]) for name in names))
    return names, draw(st.lists(row, min_size=1, max_size=8))


@given(tables(), cuts, gaps, st.sampled_from([None, 1, 3]), st.booleans())
@settings(max_examples=120, deadline=None)
def test_it_reads_back(table, places, gap, batch, shorten):
    names, rows = table
    dialect = small() if shorten else ORACLE
    parts = [[chunk_of(part, gap)] for part in cut(rows, places)]
    data = file_of(sql(batch), shape_of(names), parts, dialect)
    read = read_oracle(data)
    assert read.rows == [[meant(n, v) for n, v in zip(names, row, strict=True)] for row in rows]
    assert read.columns == [f'"{name}"' for name in names]
    ends = [*range(batch, len(rows), batch)] if batch else []
    assert read.commits == [*ends, len(rows)]


@given(tables(), cuts, gaps, st.sampled_from([None, 2]))
@settings(max_examples=60, deadline=None)
def test_layout_and_chunks_do_not_show(table, places, gap, batch):
    names, rows = table
    whole = file_of(sql(batch), shape_of(names), [[chunk_of(rows)]], small())
    assert (
        file_of(sql(batch), shape_of(names), [[chunk_of(p, gap) for p in cut(rows, places)]], small())
        == whole
    )


def test_the_file_of_a_small_table():
    rows = [(b"1.00", MOMENT, b"it's\n;", None), (b"2.00", None, b"plain", b"\x00\xff")]
    data = file_of(sql(1), shape_of(["N", "D", "V", "R"]), [[chunk_of(rows)]], ORACLE)
    assert data.decode() == (
        "-- The client must be started with NLS_LANG=.AL32UTF8 and ORA_NCHAR_LITERAL_REPLACE=TRUE set.\n"
        "WHENEVER SQLERROR EXIT FAILURE ROLLBACK\n"
        "SET DEFINE OFF\n"
        "SET SQLBLANKLINES ON\n"
        "SET ECHO OFF FEEDBACK OFF\n"
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,';\n"
        "ALTER SESSION SET NLS_CALENDAR = 'GREGORIAN';\n"
        "ALTER SESSION SET NLS_LENGTH_SEMANTICS = 'BYTE';\n"
        "ALTER SESSION SET TIME_ZONE = '+00:00';\n"
        'ALTER SESSION SET CURRENT_SCHEMA = "shop";\n'
        'INSERT INTO "T" (\n"N",\n"D",\n"V",\n"R"\n) VALUES (\n'
        "1.00,\n"
        "TO_DATE('2024-02-29 13:00:00','SYYYY-MM-DD HH24:MI:SS'),\n"
        "'it''s'||CHR(10)||';',\n"
        "NULL\n"
        ");\n"
        "COMMIT;\n"
        'INSERT INTO "T" (\n"N",\n"D",\n"V",\n"R"\n) VALUES (\n'
        "2.00,\n"
        "NULL,\n"
        "'plain',\n"
        "HEXTORAW('00FF')\n"
        ");\n"
        "COMMIT;\n"
    )


def test_a_large_value_is_put_together_in_a_variable():
    rows = [(b"1", "é".encode() * 50, bytes(range(100)))]
    lines = file_of(sql(), shape_of(["N", "C", "B"]), [[chunk_of(rows)]], small()).decode().split("\n")
    start = lines.index("DECLARE")
    assert lines[start : start + 4] == [
        "DECLARE",
        "  v3 BLOB;",
        "BEGIN",
        "  DBMS_LOB.CREATETEMPORARY(v3, TRUE);",
    ]
    assert lines[start + 4].startswith("  DBMS_LOB.WRITEAPPEND(v3, 32, HEXTORAW('000102")
    # A text that still fits literals stands there in pieces of whole characters.
    assert "'" + "é" * 32 + "'||" in lines
    assert lines[-6:] == ["v3", ");", "END;", "/", "COMMIT;", ""]


def test_pieces_of_national_texts_all_are_national():
    text = "a\nü".encode()
    data = file_of(sql(), shape_of(["NV"]), [[chunk_of([(text,)])]], ORACLE).decode()
    assert "N'a'||CHR(10)||N'ü'" in data


def test_a_file_locator_is_an_expression():
    data = file_of(sql(), shape_of(["F"]), [[chunk_of([(b"BFILENAME('D','it''s')",)])]], ORACLE).decode()
    assert "VALUES (\nBFILENAME('D','it''s')\n);" in data


def test_megabytes_are_bounded_in_pieces():
    value = ("ü'\n" * 200_000).encode()
    encoder = open_encoder(sql(), ORACLE, "shop", shape_of(["C"]))
    pieces = list(encoder.encode(chunk_of([(value,)])))
    assert max(map(len, pieces)) < 4 << 20
    data = encoder.begin() + b"".join(map(bytes, pieces)) + encoder.end()
    assert read_oracle(data).rows == [[value.decode()]]


@pytest.mark.parametrize("policy", [Unencodable.REPLACE, Unencodable.ESCAPE])
def test_characters_that_the_encoding_lacks(policy):
    rows = [(b"plain",), ("ü✓".encode(),), ("✓".encode() * 400,)]
    chosen = sql(encoding=Encoding.ISO_8859_1, on_unencodable=policy)
    data = file_of(chosen, shape_of(["V"]), [[chunk_of(rows)]], ORACLE)
    mark = "?" if policy is Unencodable.REPLACE else "\\u{2713}"
    read = read_oracle(data.decode("latin-1").encode())
    assert list(chain(*read.rows)) == ["plain", f"ü{mark}", mark * 400]
    failing = sql(encoding=Encoding.ISO_8859_1)
    with pytest.raises(UnencodableError, match="column V, row 2"):
        file_of(failing, shape_of(["V"]), [[chunk_of(rows)]], ORACLE)


def test_it_goes_on_where_another_ended():
    names, rows = ["N", "V"], [(b"%d" % n, b"x" * n) for n in range(1, 8)]
    whole = file_of(sql(2), shape_of(names), [[chunk_of(rows[:3])], [chunk_of(rows[3:])]], ORACLE)
    first = open_encoder(sql(2), ORACLE, "shop", shape_of(names))
    data = first.begin() + b"".join(map(bytes, first.encode(chunk_of(rows[:3])))) + first.flush()
    second = open_encoder(sql(2), ORACLE, "shop", shape_of(names))
    second.resume(first.state())
    data += b"".join(map(bytes, second.encode(chunk_of(rows[3:])))) + second.flush() + second.end()
    assert data == whole


def test_other_kinds_have_their_usual_literals():
    shape = TableShape(
        ObjectRef(ObjectType.TABLE, "T"),
        tuple(SourceColumn(kind.name, "x", kind) for kind in (Kind.NUMBER, Kind.TEXT, Kind.BINARY)),
    )
    data = file_of(sql(), shape, [[chunk_of([(b"1", b"a", b"\x01")])]], ORACLE)
    assert read_oracle(data).rows == [[("number", "1"), "a", b"\x01"]]
