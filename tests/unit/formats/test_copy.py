"""Rows behind COPY read back exactly, by a small reader of COPY's text form; psql's word is in the round trips."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.copy as module
from connectors.sources.postgresql.dialect import POSTGRESQL
from core.chunk import Kind
from core.errors import InvalidText, Unencodable
from core.model.format_settings import SqlRows
from core.model.settings import SqlSettings
from core.model.vocabulary import Encoding, Format
from core.model.vocabulary import Unencodable as Policy
from tests.unit.formats.building import chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.strategies import cuts, gaps, tables

LETTERS = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}


def copy(**others):
    batch = others.pop("batch", None)
    return settings_of(Format.SQL, sql=SqlSettings(rows=SqlRows.COPY, batch_commit=batch), **others)


def unescaped(field):
    """A field as the server reads it: None for NULL."""
    if field == b"\\N":
        return None
    out = b""
    while field:
        if field[:1] == b"\\":
            out, field = out + LETTERS[field[1:2]], field[2:]
        else:
            out, field = out + field[:1], field[1:]
    return out


def read_copy(data):
    """Each COPY's rows; asserts that nothing but transactions stands between them, and the head before."""
    copies, rows = [], None
    for line in data.split(b"\n")[:-1]:
        if rows is None:
            if line.startswith(b"COPY "):
                assert line.endswith(b") FROM stdin;")
                rows = []
            else:
                assert line in (b"BEGIN;", b"COMMIT;") or line.startswith(b"SET "), line
        elif line == b"\\.":
            copies.append(rows)
            rows = None
        else:
            rows.append([unescaped(field) for field in line.split(b"\t")])
    assert rows is None
    return copies


def wanted(rows, kinds):
    return [
        [b"\\x" + v.hex().encode() if k is Kind.BINARY and v is not None else v for v, k in zip(row, kinds, strict=True)]
        for row in rows
    ]  # fmt: skip


@given(tables(), cuts, gaps, st.sampled_from([None, 1, 2, 3]))
@settings(max_examples=300, deadline=None)
def test_reads_back(table, places, gap, batch):
    kinds, rows = table
    parts = [[chunk_of(part, gap)] for part in cut(rows, places)]
    data = file_of(copy(batch=batch), shape_of(kinds), parts, POSTGRESQL)
    copies = read_copy(data)
    assert [row for one in copies for row in one] == wanted(rows, kinds)
    texts = [sum(map(len, read_copy(piece))) for piece in data.split(b"COMMIT;\n")]
    if batch:
        rest = len(rows) % batch
        assert texts == [batch] * (len(rows) // batch) + ([rest] if rest else []) + [0]
        assert data.count(b"BEGIN;\n") == len(texts) - 1
    else:
        assert len(texts) == 1
        assert b"BEGIN" not in data.split(b"COPY")[0]


@given(tables(), cuts, gaps, st.sampled_from([None, 1, 3]))
@settings(max_examples=150, deadline=None)
def test_layout_and_chunks_do_not_show(table, places, gap, batch):
    kinds, rows = table
    whole = file_of(copy(batch=batch), shape_of(kinds), [[chunk_of(rows)]], POSTGRESQL)
    pieces = [[chunk_of(p, gap) for p in cut(rows, places)]]
    assert file_of(copy(batch=batch), shape_of(kinds), pieces, POSTGRESQL) == whole


@given(tables(), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_huge_rows_are_written_the_same(table, limit):
    kinds, rows = table
    whole = file_of(copy(batch=3), shape_of(kinds), [[chunk_of(rows)]], POSTGRESQL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", limit)
        assert file_of(copy(batch=3), shape_of(kinds), [[chunk_of(rows)]], POSTGRESQL) == whole


@given(tables(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_kinds_may_differ_by_row(table, random):
    kinds, rows = table
    cells = [random.sample(list(zip(row, kinds, strict=True)), len(row)) for row in rows]
    by_row = [[k for _, k in row] for row in cells]
    values = [[v for v, _ in row] for row in cells]
    data = file_of(copy(), shape_of([Kind.TEXT] * len(kinds)), [[chunk_of(values, kinds=by_row)]], POSTGRESQL)
    assert read_copy(data) == [[wanted([v], k)[0] for v, k in zip(values, by_row, strict=True)]]


def test_no_rows_no_copy_and_generated_columns_are_left_out():
    shape = shape_of([Kind.NUMBER, Kind.TEXT])
    assert b"COPY" not in file_of(copy(batch=2), shape, [[]], POSTGRESQL)
    columns = (shape.columns[0], replace(shape.columns[1], insertable=False))
    data = file_of(copy(), replace(shape, columns=columns), [[chunk_of([[b"1", b"made"]])]], POSTGRESQL)
    assert data.endswith(b'COPY "t" ("c0") FROM stdin;\n1\n\\.\n')


def test_flaws_are_a_matter_of_policy():
    shape = shape_of([Kind.NUMBER, Kind.TEXT], key=("c0",))
    lacking, invalid = [[b"7", "ä猫\\".encode()]], [[b"7", b"caf\xe9\t"]]
    with pytest.raises(Unencodable, match="c1, c0=7"):
        file_of(copy(encoding=Encoding.ASCII), shape, [[chunk_of(lacking)]], POSTGRESQL)
    with pytest.raises(InvalidText, match="c1, c0=7"):
        file_of(copy(), shape, [[chunk_of(invalid)]], POSTGRESQL)
    kept = file_of(copy(on_unencodable=Policy.ESCAPE), shape, [[chunk_of(invalid)]], POSTGRESQL)
    assert b"7\tcaf\\\\x{E9}\\t\n" in kept
