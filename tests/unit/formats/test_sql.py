"""SQL loads back exactly: by a small reader of MySQL's literals, and by SQLite itself."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.sql as module
from connectors.base import SourceColumn
from core.chunk import Kind
from core.formats import open_encoder
from core.formats.text import conversion, encodable, encode_text
from core.model.settings import SqlSettings
from core.model.vocabulary import Encoding, Format, Unencodable
from tests.unit.formats.building import MYSQL, SQLITE, chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.reading import NULL, read_mysql
from tests.unit.formats.strategies import cuts, gaps, tables

NEGATIVE_ZERO = {b"-0": b"-0e0", b"-0.0": b"-0e0"}


def sql(**others):
    batch = others.pop("batch", None)
    return settings_of(Format.SQL, sql=SqlSettings(batch_commit=batch), **others)


def literal(value, kind):
    """What the reader must give for a value."""
    if value is None:
        return NULL
    if kind is Kind.BINARY:
        return value
    return ("number", NEGATIVE_ZERO.get(value, value)) if kind is Kind.NUMBER else ("text", value)


limits = st.sampled_from([60, 200, 1 << 20])


@given(tables(), cuts, gaps, limits, st.sampled_from([None, 1, 2, 3]))
@settings(max_examples=300, deadline=None)
def test_mysql_reads_back(table, places, gap, limit, batch):
    kinds, rows = table
    dialect = replace(MYSQL, max_insert_bytes=limit)
    parts = [[chunk_of(part, gap)] for part in cut(rows, places)]
    data = file_of(sql(batch=batch), shape_of(kinds), parts, dialect)
    assert read_mysql(data) == [[literal(v, k) for v, k in zip(row, kinds, strict=True)] for row in rows]
    # A COMMIT after each so many rows, one at the end, and none without rows between.
    texts = [len(read_mysql(piece)) for piece in data.split(b"COMMIT;\n")]
    if batch:
        rest = len(rows) % batch
        assert texts == [batch] * (len(rows) // batch) + ([rest] if rest else []) + [0]
    else:
        assert len(texts) == 1


@given(tables(), cuts, gaps, limits, st.sampled_from([None, 1, 3]))
@settings(max_examples=200, deadline=None)
def test_layout_and_chunks_do_not_show(table, places, gap, limit, batch):
    kinds, rows = table
    dialect = replace(MYSQL, max_insert_bytes=limit)
    whole = file_of(sql(batch=batch), shape_of(kinds), [[chunk_of(rows)]], dialect)
    pieces = [[chunk_of(p, gap) for p in cut(rows, places)]]
    assert file_of(sql(batch=batch), shape_of(kinds), pieces, dialect) == whole


@given(tables(), st.integers(1, 40), st.sampled_from([MYSQL, SQLITE]))
@settings(max_examples=200, deadline=None)
def test_huge_rows_are_written_the_same(table, limit, dialect):
    kinds, rows = table
    whole = file_of(sql(batch=3), shape_of(kinds), [[chunk_of(rows)]], dialect)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", limit)
        assert file_of(sql(batch=3), shape_of(kinds), [[chunk_of(rows)]], dialect) == whole


@given(tables(), cuts, st.randoms(), st.sampled_from([None, 2]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_sqlite_loads_values_of_any_kind_in_any_column(table, places, random, batch, invalid):
    kinds, rows = table
    cells = [random.sample(list(zip(row, kinds, strict=True)), len(row)) for row in rows]
    if invalid:
        cells[0][0] = (b"caf\xe9", Kind.TEXT)
        cells[-1][-1] = (b"\xed\xa0\x80'", Kind.TEXT)
    by_row = [[k for _, k in row] for row in cells]
    values = [[v for v, _ in row] for row in cells]
    ends = [*places, len(rows)]
    pieces = zip(cut(values, ends), cut(by_row, ends), strict=True)
    parts = [[chunk_of(part, kinds=some)] for part, some in pieces]
    data = file_of(sql(batch=batch), shape_of([Kind.TEXT] * len(kinds)), parts, SQLITE)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.text_factory = bytes
    columns = ", ".join(f'"c{n}"' for n in range(len(kinds)))
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.executescript(data.decode())
    shown = ", ".join(f"c{n}, typeof(c{n})" for n in range(len(kinds)))
    got = [list(row) for row in connection.execute(f"SELECT {shown} FROM t ORDER BY rowid")]
    connection.close()
    for read, row in zip(got, cells, strict=True):
        for value, type_, (wanted, kind) in zip(read[0::2], read[1::2], row, strict=True):
            if wanted is None:
                assert value is None
            elif kind is Kind.NUMBER:
                assert type_ in (b"integer", b"real")
                assert float(value) == float(wanted)
            else:
                assert (value, type_) == (wanted, b"blob" if kind is Kind.BINARY else b"text")


def lines_of(rows, kinds, dialect=MYSQL, **others):
    return file_of(sql(**others), shape_of(kinds), [[chunk_of(rows)]], dialect).split(b"\n")[:-1]


def test_the_file_of_a_small_table():
    rows = [[b"1", b"it's", b"\x00\xff"], [b"-0.0", None, b""]]
    assert lines_of(rows, [Kind.NUMBER, Kind.TEXT, Kind.BINARY]) == [
        b"SET NAMES utf8mb4;",
        b"SET sql_mode = '';",
        b"INSERT INTO `t` (`c0`,`c1`,`c2`) VALUES",
        b"(1,'it\\'s',X'00FF'),",
        b"(-0e0,NULL,X'');",
        b"SET sql_mode = @old;",
    ]


def test_no_rows_no_insert():
    for batch in (None, 1):
        data = file_of(sql(batch=batch), shape_of([Kind.TEXT]), [[], []], MYSQL)
        assert b"INSERT" not in data
        assert b"TRANSACTION" not in data


def test_transactions_begin_where_the_header_has_not_begun_one():
    rows = [[b"1"], [b"2"], [b"3"]]
    mysql = b"\n".join(lines_of(rows, [Kind.NUMBER], batch=2))
    assert re.findall(rb"START TRANSACTION;|COMMIT;", mysql) == [b"START TRANSACTION;", b"COMMIT;"] * 2
    sqlite = b"\n".join(lines_of(rows, [Kind.NUMBER], SQLITE, batch=2))
    assert re.findall(rb"BEGIN TRANSACTION;|COMMIT;", sqlite) == [b"BEGIN TRANSACTION;", b"COMMIT;"] * 2


def test_generated_columns_are_left_out():
    shape = shape_of([Kind.NUMBER, Kind.TEXT, Kind.NUMBER])
    columns = list(shape.columns)
    columns[1] = SourceColumn("made", "text", Kind.TEXT, insertable=False)
    shape = replace(shape, columns=tuple(columns))
    data = file_of(sql(), shape, [[chunk_of([[b"1", b"\xff", b"2"], [b"3", None, b"4"]])]])
    assert b"(`c0`,`c2`) VALUES\n(1,2),\n(3,4);\n" in data


@pytest.mark.parametrize("policy", [Unencodable.ESCAPE, Unencodable.FAIL])
def test_what_is_written_by_its_bytes_has_any_character(policy):
    """Whatever else is in the rows that it comes with."""
    shape = shape_of([Kind.TEXT])
    options = settings_of(Format.SQL, encoding=Encoding.GBK, on_unencodable=policy)
    other = b"plain" if policy is Unencodable.FAIL else "\x80".encode()
    rows = [[other], ["\0\x80".encode()]]
    for parts in ([[chunk_of(rows)]], [[chunk_of([row])] for row in rows]):
        assert b"X'00C280'" in file_of(options, shape, parts, SQLITE)


def test_names_cant_leave_their_quotes():
    shape = shape_of([Kind.NUMBER], name="a`b\n'")
    data = file_of(sql(), shape, [[chunk_of([[b"1"]])]])
    assert b"INSERT INTO `a``b\n'` (`c0`) VALUES\n" in data


def test_where_nothing_closes_binary_digits_no_bytes_is_a_string():
    dialect = replace(MYSQL, binary=(b"0x", b""))
    assert lines_of([[b"\x01"], [b""]], [Kind.BINARY], dialect)[3:5] == [b"(0x01),", b"('');"]


@pytest.mark.parametrize("limit", [100, 333, 1000, 5000])
def test_statements_are_bounded(limit):
    rows = [[b"%d" % n, b"it's \n" * (n % 7)] for n in range(200)]
    dialect = replace(MYSQL, max_insert_bytes=limit)
    data = file_of(sql(), shape_of([Kind.NUMBER, Kind.TEXT]), [[chunk_of(rows)]], dialect)
    statements = data.split(b"INSERT INTO")[1:]
    assert sum(len(read_mysql(b"INSERT INTO" + s)) for s in statements) == 200
    for statement in statements:
        assert len(statement) <= limit or statement.count(b"\n(") == 1


def test_statements_end_after_many_rows():
    rows = [[b"%d" % n] for n in range(module.MAX_ROWS * 2 + 5)]
    data = file_of(sql(), shape_of([Kind.NUMBER]), [[chunk_of(rows)]])
    counts = [piece.count(b"\n(") for piece in data.split(b"INSERT INTO")[1:]]
    assert counts == [module.MAX_ROWS, module.MAX_ROWS, 5]


@pytest.mark.parametrize("encoding", [e for e in Encoding if e not in MYSQL.client_charsets])
def test_head_says_how_to_convert_what_the_client_cant_read(encoding):
    encoder = open_encoder(sql(encoding=encoding), MYSQL, "shop", shape_of([Kind.TEXT]))
    text = encoder.begin().decode(encoding)
    assert text.startswith(f"-- The mysql client can't read {encoding}: convert")
    assert "SET NAMES utf8mb4;\n" in text


@pytest.mark.parametrize("encoding", [e for e in Encoding if e not in MYSQL.client_charsets])
def test_the_conversion_that_the_head_names_changes_no_character(encoding, tmp_path):
    every = "".join(map(chr, np.flatnonzero(encodable(encoding)).tolist()))
    (tmp_path / "FILE").write_bytes(encode_text(every, encoding, Unencodable.FAIL, "FILE"))
    command = conversion("mysql", encoding).partition("convert the file first, ")[2]
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    assert (tmp_path / "FILE.utf8").read_bytes() == every.encode()


def test_the_clients_own_name_of_the_encoding_is_set():
    encoder = open_encoder(sql(encoding=Encoding.GB2312), MYSQL, "shop", shape_of([Kind.TEXT]))
    assert encoder.begin().startswith(b"SET NAMES gb2312;\n")
