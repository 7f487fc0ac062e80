"""Files with a limit of bytes: never larger, as full as they can be, and the same however rows came."""

from __future__ import annotations

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import SourceColumn, TableShape
from core.chunk import Kind
from core.errors import InvalidValue
from core.formats import open_encoder
from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.file_settings import FileSettings
from core.model.format_settings import ArrowSettings, SqlRows
from core.model.settings import CsvSettings, SqlSettings
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectType
from core.model.vocabulary import Unencodable as Policy
from tests.unit.formats.building import MYSQL, SQLITE, chunk_of, cut, settings_of, shape_of
from tests.unit.formats.strategies import cuts, tables

FORMS = [(form, SqlRows.INSERT) for form in Format if form.is_text] + [(Format.SQL, SqlRows.COPY)]


def files_of(new, chunks, limit):
    """Files as bytes with their numbers of rows."""
    made, encoder, data, rows = [], None, b"", 0
    for chunk in chunks:
        at = 0
        while at < chunk.rows:
            if encoder is None:
                encoder = new()
                data, rows = encoder.begin(), 0
            pieces, taken = encoder.fill(chunk.between(at, chunk.rows), limit - len(data), 0 if rows else 1)
            data += b"".join(map(bytes, pieces))
            rows, at = rows + taken, at + taken
            if not taken:
                made.append((data + encoder.end(), rows))
                encoder = None
    if encoder is not None:
        made.append((data + encoder.end(), rows))
    return made


@pytest.mark.parametrize(("form", "sql_rows"), FORMS)
@given(
    table=tables(max_rows=12),
    places=cuts,
    limit=st.integers(1, 600),
    batch=st.sampled_from([None, 1, 3]),
    encoding=st.sampled_from([Encoding.UTF_8, Encoding.UTF_16, Encoding.GBK]),
    dialect=st.sampled_from([MYSQL, SQLITE]),
)
@settings(max_examples=40, deadline=None)
def test_files_are_as_full_as_the_limit_allows(
    form, sql_rows, table, places, limit, batch, encoding, dialect
):
    kinds, rows = table
    shape = shape_of(kinds)
    options = settings_of(
        form,
        csv=CsvSettings(header=True),
        sql=SqlSettings(rows=sql_rows, batch_commit=batch),
        encoding=encoding,
        on_unencodable=Policy.ESCAPE,
    )

    def new():
        return open_encoder(options, dialect, "shop", shape)

    def whole(some):
        encoder = new()
        return encoder.begin() + b"".join(map(bytes, encoder.encode(chunk_of(some)))) + encoder.end()

    made = files_of(new, [chunk_of(part) for part in cut(rows, places)], limit)
    assert made == files_of(new, [chunk_of([row]) for row in rows], limit)
    assert sum(count for _, count in made) == len(rows)
    at = 0
    for number, (data, count) in enumerate(made):
        assert data == whole(rows[at : at + count])
        assert len(data) <= limit or count == 1
        if number + 1 < len(made):
            # With the next row it might be too large: what `end` adds is reckoned as if all of it were needed.
            slack = new().closing - len(new().end())
            assert len(whole(rows[at : at + count + 1])) + max(slack, 0) > limit
        at += count


def test_counts_of_policies_are_not_taken_twice():
    """What is encoded on trial and taken back counts for nothing."""
    options = settings_of(Format.CSV, encoding=Encoding.ASCII, on_unencodable=Policy.REPLACE)
    encoder = open_encoder(options, MYSQL, "shop", shape_of([Kind.TEXT]))
    chunk = chunk_of([["\u00e9".encode()]] * 40)
    _, taken = encoder.fill(chunk, 30, 0)
    assert taken == 15
    assert encoder.warnings == ("Column c0: 15 characters that ASCII lacks were written as ?.",)
    other = open_encoder(options, MYSQL, "shop", shape_of([Kind.TEXT]))
    other.carry({name: count for name, count in encoder.state().items() if name != "rows"})
    list(other.encode(chunk))
    assert other.warnings == ("Column c0: 55 characters that ASCII lacks were written as ?.",)


TYPED = TableShape(
    ObjectRef(ObjectType.TABLE, "t"),
    (
        SourceColumn("id", "bigint", Kind.NUMBER, logical=LogicalType(Holds.INTEGER, bits=64)),
        SourceColumn("small", "tinyint", Kind.NUMBER, logical=LogicalType(Holds.INTEGER, bits=8)),
        SourceColumn("note", "text", Kind.TEXT, logical=TEXT),
        SourceColumn("photo", "blob", Kind.BINARY, logical=BYTES),
    ),
)


def typed_rows(rows: int, seed: int, *, same: bool) -> list[list[bytes | None]]:
    chance = random.Random(seed)

    def row(number: int) -> list[bytes | None]:
        if same:
            return [b"1", b"2", b"the same words again and again", b"\0" * 40]
        note = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randrange(60))).encode()
        return [
            str(chance.randrange(-(1 << 62), 1 << 62)).encode(),
            str(number % 100).encode(),
            None if number % 7 == 0 else note,
            chance.randbytes(chance.randrange(80)),
        ]

    return [row(number) for number in range(rows)]


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("form", [Format.PARQUET, Format.ARROW])
@pytest.mark.parametrize("limit", [1 << 16, 1 << 18])
def test_typed_files_keep_the_limit_as_they_are(form, limit, same):
    rows = typed_rows(9000, 4, same=same)
    options = settings_of(form, files=FileSettings(max_size=limit), arrow=ArrowSettings())

    def new():
        return open_encoder(options, MYSQL, "shop", TYPED)

    made = files_of(new, [chunk_of(rows[at : at + 700]) for at in range(0, len(rows), 700)], limit)
    assert made == files_of(new, [chunk_of(rows[at : at + 90]) for at in range(0, len(rows), 90)], limit)
    tables = [
        pq.read_table(io.BytesIO(data)) if form is Format.PARQUET else pa.ipc.open_file(data).read_all()
        for data, _ in made
    ]
    assert [len(table) for table in tables] == [count for _, count in made]
    assert [n.as_py() for table in tables for n in table["id"]] == [int(row[0]) for row in rows]
    sizes = [len(data) for data, _ in made]
    assert max(sizes) <= limit
    # What it leaves unused is the less the larger the limit is: how far the last groups can be compressed isn't
    # known before.
    if not same:
        assert min(sizes[:-1]) > limit * (0.45 if limit == 1 << 16 else 0.65)


def test_a_typed_row_that_is_larger_than_the_limit_has_a_file_of_its_own():
    options = settings_of(Format.PARQUET, files=FileSettings(max_size=1 << 16))
    rows = [
        [b"1", b"1", b"", random.Random(1).randbytes(200_000)],
        [b"2", b"1", b"", b""],
        [b"3", b"1", b"", b""],
    ]
    made = files_of(lambda: open_encoder(options, MYSQL, "shop", TYPED), [chunk_of(rows)], 1 << 16)
    assert [count for _, count in made] == [1, 2]


def test_a_limit_that_an_index_alone_fills_is_refused():
    wide = shape_of([Kind.TEXT] * 400)
    with pytest.raises(InvalidValue, match="400 columns can't be kept below 65536 bytes"):
        open_encoder(settings_of(Format.PARQUET, files=FileSettings(max_size=1 << 16)), MYSQL, "shop", wide)
