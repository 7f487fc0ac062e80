"""Parquet and Arrow IPC hold every value exactly, in types, and depend on nothing but the rows."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.typed as module
from connectors.base import TableShape
from core.arrow import ArrowChunk, arrow_type
from core.chunk import Kind
from core.errors import InvalidText, InvalidValue, Unfitting
from core.formats import notes, open_encoder
from core.formats.base import Encoder
from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.format_settings import (
    ArrowCodec,
    ArrowSettings,
    Compression,
    ParquetCodec,
    ParquetSettings,
    Unfit,
)
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectType, Unencodable
from tests.unit.formats.building import MYSQL, Rows, chunk_of, cut, file_of, settings_of, shape_of
from tests.unit.formats.strategies import binaries, cuts, gaps, texts

TYPED = (Format.PARQUET, Format.ARROW)
UTC = dt.UTC


def decimals(precision: int, scale: int) -> st.SearchStrategy[str]:
    most = 10**precision - 1

    def text(number: int) -> str:
        digits = f"{abs(number):0{scale + 1}}"
        point = f".{digits[-scale:]}" if scale else ""
        return ("-" if number < 0 else "") + (digits[:-scale] if scale else digits) + point

    return st.integers(-most, most).map(text)


def read_value(logical: LogicalType, text: str) -> Any:
    """What a reader must get for a text."""
    match logical.holds:
        case Holds.INTEGER:
            return int(text)
        case Holds.DECIMAL:
            return Decimal(text)
        case Holds.FLOAT:
            return float(text)
        case Holds.DATE:
            return dt.date.fromisoformat(text)
        case Holds.TIMESTAMP:
            return dt.datetime.fromisoformat(text).replace(tzinfo=UTC if logical.utc else None)
        case Holds.TIME:
            return dt.time.fromisoformat(text)
    return text


days = st.dates().map(dt.date.isoformat)
moments = st.datetimes().map(lambda at: at.isoformat(" "))
INTEGERS = [
    (LogicalType(Holds.INTEGER, bits=bits, signed=signed), -(2 ** (bits - 1)) if signed else 0, bits - signed)
    for bits in (8, 16, 32, 64)
    for signed in (True, False)
]
VALUES: list[tuple[LogicalType, st.SearchStrategy[str]]] = [
    *((logical, st.integers(low, 2**high - 1).map(str)) for logical, low, high in INTEGERS),
    (LogicalType(Holds.DECIMAL, precision=18, scale=4), decimals(18, 4)),
    (LogicalType(Holds.DECIMAL, precision=65, scale=30), decimals(65, 30)),
    (LogicalType(Holds.DECIMAL, precision=38, scale=0), decimals(38, 0)),
    (LogicalType(Holds.FLOAT, bits=64), st.floats(allow_nan=False).map(repr)),
    (LogicalType(Holds.DATE), days),
    (LogicalType(Holds.TIMESTAMP), moments),
    (LogicalType(Holds.TIMESTAMP, utc=True), moments),
    (LogicalType(Holds.TIME), st.times().map(dt.time.isoformat)),
    (TEXT, texts),
]
NUMBERS = (Holds.INTEGER, Holds.DECIMAL, Holds.FLOAT)


def typed_shape(types: Sequence[LogicalType]) -> TableShape:
    kinds = [
        Kind.NUMBER
        if t.holds in NUMBERS
        else Kind.BINARY
        if t == BYTES
        else Kind.TEXT
        if t == TEXT
        else Kind.PLAIN
        for t in types
    ]
    shape = shape_of(kinds)
    return replace(
        shape, columns=tuple(replace(c, logical=t) for c, t in zip(shape.columns, types, strict=True))
    )


def table_of(data: bytes, form: Format) -> pa.Table:
    if form is Format.PARQUET:
        return pq.read_table(io.BytesIO(data))
    return pa.ipc.open_file(io.BytesIO(data)).read_all()


@st.composite
def typed_tables(draw: st.DrawFn) -> tuple[list[LogicalType], list[list[Any]], list[list[bytes | None]]]:
    chosen = draw(st.lists(st.sampled_from([*VALUES, None]), min_size=1, max_size=5))
    types = [BYTES if each is None else each[0] for each in chosen]
    of_column = [st.one_of(binaries if each is None else each[1], st.none()) for each in chosen]
    rows = draw(st.lists(st.tuples(*of_column), min_size=0, max_size=9))
    raw = [[v.encode() if isinstance(v, str) else v for v in row] for row in rows]
    values = [
        [
            v if v is None or isinstance(v, bytes) else read_value(t, v)
            for t, v in zip(types, row, strict=True)
        ]
        for row in rows
    ]
    return types, values, raw


@pytest.mark.parametrize("form", TYPED)
@given(table=typed_tables(), at=cuts, gap=gaps)
@settings(max_examples=150, deadline=None)
def test_rows_read_back(form: Format, table: Any, at: list[int], gap: bytes) -> None:
    types, values, raw = table
    chunks = [chunk_of(piece, gap) for piece in cut(raw, at) if piece]
    data = file_of(settings_of(form), typed_shape(types), [chunks])
    found = table_of(data, form)
    assert [list(row.values()) for row in found.to_pylist()] == values
    whole = file_of(settings_of(form), typed_shape(types), [[chunk_of(raw, gap)] if raw else []])
    assert data == whole, "how rows came in chunks is seen in the file"


def with_types(rows: Rows, types: Sequence[LogicalType], text: Sequence[bool]) -> ArrowChunk:
    """The same rows as a source with types hands them over, some columns (`text`) as it prints them."""
    arrays = []
    for number, (logical, as_text) in enumerate(zip(types, text, strict=True)):
        kind = arrow_type(logical)
        printed = pa.array([row[number] for row in rows], pa.binary())
        if kind == pa.binary():
            arrays.append(printed)
            continue
        array = pa.Array.from_buffers(pa.string(), len(rows), printed.buffers())
        if logical.holds is Holds.TIME and not as_text:
            array = pa.array([v if v is None else dt.time.fromisoformat(v) for v in array.to_pylist()], kind)
        plain = pa.timestamp("us") if pa.types.is_timestamp(kind) else kind
        arrays.append(array if as_text or array.type == kind else array.cast(plain).cast(kind))
    return ArrowChunk(pa.RecordBatch.from_arrays(arrays, names=[str(n) for n in range(len(arrays))]))


@pytest.mark.parametrize("form", TYPED)
@given(table=typed_tables(), at=cuts, text=st.lists(st.booleans(), min_size=5, max_size=5))
@settings(max_examples=150, deadline=None)
def test_rows_with_types_give_the_same_file(
    form: Format, table: Any, at: list[int], text: list[bool]
) -> None:
    types, _, raw = table
    shape = typed_shape(types)
    chunks = [with_types(piece, types, text[: len(types)]) for piece in cut(raw, at) if piece]
    whole = file_of(settings_of(form), shape, [[chunk_of(raw)] if raw else []])
    assert file_of(settings_of(form), shape, [chunks]) == whole


@pytest.mark.parametrize("form", TYPED)
def test_rows_with_types_are_limited_and_grouped_alike(monkeypatch: pytest.MonkeyPatch, form: Format) -> None:
    monkeypatch.setattr(module, "ARROW_ROWS", 7)
    monkeypatch.setattr(module, "GROUP_BYTES", 500)
    monkeypatch.setattr(module, "BLOCK_BYTES", 300)
    types = [LogicalType(Holds.INTEGER), TEXT]
    rows: Rows = [[b"%d" % n, b"x" * (400 if n in (3, 4, 20) else n % 13)] for n in range(40)]
    chosen = settings_of(form, parquet=ParquetSettings(row_group_rows=7))
    slices = file_of(chosen, typed_shape(types), [[chunk_of(rows)]])
    for at in ([], [4], [3, 4, 21]):
        chunks = [with_types(piece, types, [False, False]) for piece in cut(rows, at) if piece]
        assert file_of(chosen, typed_shape(types), [chunks]) == slices


def test_text_takes_no_rows_with_types() -> None:
    types = [TEXT]
    with pytest.raises(TypeError, match="rows with types"):
        file_of(settings_of(Format.CSV), typed_shape(types), [[with_types([[b"a"]], types, [True])]])


@pytest.mark.parametrize("form", TYPED)
@pytest.mark.parametrize("rows", [1, 2])
def test_a_chunk_is_its_sources_again_once_the_next_is_asked_for(form: Format, rows: int) -> None:
    types = [TEXT, LogicalType(Holds.INTEGER), BYTES]
    given = [[[b"first", b"1", b"\0"]] * rows, [[b"other", b"2", b"\xff"]] * rows]
    encoder = open_encoder(settings_of(form), MYSQL, "shop", typed_shape(types))
    data = bytearray(encoder.begin())
    for piece in given:
        chunk = chunk_of(piece)
        buffer = chunk.buffer.copy()
        for made in encoder.encode(replace(chunk, buffer=buffer)):
            data += made
        buffer[:] = ord("x")
    data += encoder.end()
    found = table_of(bytes(data), form)
    assert found.column(0).to_pylist() == ["first"] * rows + ["other"] * rows
    assert found.column(2).to_pylist() == [b"\0"] * rows + [b"\xff"] * rows


@pytest.mark.parametrize("form", TYPED)
@pytest.mark.parametrize("count", [0, 3, 200_000])
def test_the_last_rows_come_apart_from_the_end(form: Format, count: int) -> None:
    def new() -> Encoder:
        return open_encoder(settings_of(form), MYSQL, "shop", typed_shape([TEXT]))

    chunk = chunk_of([[f"{number * number:0100}".encode()] for number in range(count)])
    once, apart = new(), new()
    whole = once.begin() + b"".join(map(bytes, once.encode(chunk))) + once.end()
    data = apart.begin() + b"".join(map(bytes, apart.encode(chunk))) + b"".join(apart.rest())
    assert table_of(whole, form).num_rows == count
    assert not list(apart.rest())
    end = apart.end()
    assert data + end == whole
    assert len(end) < 4096 + len(whole) // 100


@pytest.mark.parametrize("form", TYPED)
def test_floats_keep_their_bits(form: Format) -> None:
    shape = typed_shape([LogicalType(Holds.FLOAT, bits=64), LogicalType(Holds.FLOAT, bits=32)])
    rows: Rows = [[b"-0", b"1e-45"], [b"inf", b"3.4028235e38"], [b"nan", b"-inf"], [b"5e-324", b"0.1"]]
    found = table_of(file_of(settings_of(form), shape, [[chunk_of(rows)]]), form)
    big, small = (found.column(n).to_pylist() for n in (0, 1))
    assert [math.copysign(1, big[0]), big[1], math.isnan(big[2]), big[3]] == [-1, math.inf, True, 5e-324]
    assert [pa.scalar(v, pa.float32()) for v in small] == [
        pa.scalar(float(text), pa.float32()) for text in ("1e-45", "3.4028235e38", "-inf", "0.1")
    ]


def test_types_and_what_the_source_calls_them() -> None:
    types = [t for t, _ in VALUES] + [BYTES]
    data = file_of(settings_of(Format.PARQUET), typed_shape(types), [[chunk_of([[None] * len(types)])]])
    schema = table_of(data, Format.PARQUET).schema
    assert [str(field.type) for field in schema] == [
        "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "decimal128(18, 4)", "decimal256(65, 30)", "decimal128(38, 0)", "double", "date32[day]",
        "timestamp[us]", "timestamp[us, tz=UTC]", "time64[us]", "string", "binary",
    ]  # fmt: skip
    assert schema.field(0).metadata[b"source_type"] == b"number"


ZERO = ["0000-00-00", "2024-00-15", "2024-02-00", "2024-02-30"]


@pytest.mark.parametrize("form", TYPED)
@pytest.mark.parametrize("bad", ZERO)
def test_dates_that_no_calendar_has(form: Format, bad: str) -> None:
    shape = typed_shape([LogicalType(Holds.DATE), LogicalType(Holds.TIMESTAMP)])
    rows: Rows = [
        [b"2024-02-29", b"2024-02-29 12:00:00"],
        [bad.encode(), f"{bad} 00:00:00".encode()],
        [None, None],
    ]
    with pytest.raises(Unfitting, match=rf"column c0, row 2: {bad} \(plain\) is no date32"):
        file_of(settings_of(form), shape, [[chunk_of(rows)]])
    encoder = open_encoder(settings_of(form, on_unfit=Unfit.NULL), MYSQL, "shop", shape)
    data = encoder.begin() + b"".join(map(bytes, encoder.encode(chunk_of(rows)))) + encoder.end()
    found = table_of(data, form)
    assert found.column(0).to_pylist() == [dt.date(2024, 2, 29), None, None]
    assert found.column(1).to_pylist() == [dt.datetime(2024, 2, 29, 12), None, None]
    assert encoder.warnings == (
        "Column c0: 1 values that don't fit date32[day] were written as NULL.",
        "Column c1: 1 values that don't fit timestamp[us] were written as NULL.",
    )


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("policy", list(Unencodable))
def test_bytes_that_are_no_text(policy: Unencodable, typed: bool) -> None:
    chosen = settings_of(Format.PARQUET, on_unencodable=policy)
    types = [TEXT, LogicalType(Holds.INTEGER)]
    shape = typed_shape(types)
    rows: Rows = [[b"ok", b"1"], [b"a\xff", None]]
    chunk = with_types(rows, types, [False, False]) if typed else chunk_of(rows)
    if policy is Unencodable.FAIL:
        with pytest.raises(InvalidText, match="column c0, row 2: the byte 0xFF"):
            file_of(chosen, shape, [[chunk]])
        return
    found = table_of(file_of(chosen, shape, [[chunk]]), Format.PARQUET)
    assert found.column(1).to_pylist() == [1, None]
    assert found.column(0).to_pylist() == ["ok", "a?" if policy is Unencodable.REPLACE else "a\\x{FF}"]


@pytest.mark.parametrize("form", TYPED)
@pytest.mark.parametrize("limit", ["rows", "bytes"])
def test_row_groups_depend_on_nothing_but_the_rows(
    monkeypatch: pytest.MonkeyPatch, form: Format, limit: str
) -> None:
    monkeypatch.setattr(module, "ARROW_ROWS", 7)
    if limit == "bytes":
        monkeypatch.setattr(module, "GROUP_BYTES", 50)
    rows: Rows = [[b"%d" % n, b"x" * (n % 13)] for n in range(100)]
    chosen = settings_of(form, parquet=ParquetSettings(row_group_rows=7))
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT])
    files = {
        file_of(chosen, shape, [[chunk_of(piece) for piece in cut(rows, at) if piece]])
        for at in ([], [1], [7], [8, 50], list(range(100)))
    }
    (data,) = files
    assert table_of(data, form).num_rows == 100
    if form is Format.PARQUET:
        file = pq.ParquetFile(io.BytesIO(data))
        sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    else:
        reader = pa.ipc.open_file(io.BytesIO(data))
        sizes = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
    assert sum(sizes) == 100
    assert max(sizes) <= 7
    assert (set(sizes[:-1]) == {7}) == (limit == "rows")


@pytest.mark.parametrize("codec", list(ParquetCodec))
def test_parquet_codecs(codec: ParquetCodec) -> None:
    shape = typed_shape([TEXT])
    chosen = settings_of(Format.PARQUET, parquet=ParquetSettings(codec=codec))
    data = file_of(chosen, shape, [[chunk_of([[b"same"]] * 1000)]])
    used = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).compression
    assert used == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())


@pytest.mark.parametrize("codec", list(ArrowCodec))
def test_arrow_codecs(codec: ArrowCodec) -> None:
    chosen = settings_of(Format.ARROW, arrow=ArrowSettings(codec=codec))
    rows: Rows = [[b"same" * 50]] * 1000
    data = file_of(chosen, typed_shape([TEXT]), [[chunk_of(rows)]])
    assert table_of(data, Format.ARROW).num_rows == 1000
    assert (len(data) < 100_000) == (codec is not ArrowCodec.NONE)


def test_rules_of_the_settings() -> None:
    for wrong in ({"codec": ParquetCodec.SNAPPY, "level": 1}, {"level": 23}, {"row_group_rows": 0}):
        with pytest.raises(InvalidValue):
            ParquetSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="codec of Parquet"):
        settings_of(Format.PARQUET, compression=Compression.GZIP)
    with pytest.raises(InvalidValue, match="has no level 9"):
        settings_of(compression=Compression.GZIP, compression_level=9)
    assert any("zero date" in words for words in notes(settings_of(Format.PARQUET), MYSQL))


def test_no_text_settings_matter() -> None:
    shape = typed_shape([TEXT])
    rows = chunk_of([["猫".encode()]])
    plain = file_of(settings_of(Format.PARQUET), shape, [[rows]])
    assert file_of(settings_of(Format.PARQUET, encoding=Encoding.ASCII), shape, [[rows]]) == plain


@pytest.mark.parametrize("form", TYPED)
def test_year_zero_is_treated_alike_alone_and_among_others(form: Format) -> None:
    shape = typed_shape([LogicalType(Holds.DATE), LogicalType(Holds.TIMESTAMP, utc=True)])
    rows: Rows = [[b"0000-01-01", b"0000-12-31 23:59:59"], [b"0001-01-01", b"0001-01-01 00:00:00"]]
    for some in (rows, [*rows, [b"2024-02-30", b"2024-02-30 00:00:00"]]):
        with pytest.raises(Unfitting, match="row 1: 0000-01-01"):
            file_of(settings_of(form), shape, [[chunk_of(some)]])
        found = table_of(file_of(settings_of(form, on_unfit=Unfit.NULL), shape, [[chunk_of(some)]]), form)
        assert found.column(0).to_pylist()[:2] == [None, dt.date(1, 1, 1)]
        assert found.column(1).to_pylist()[:2] == [None, dt.datetime(1, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize("form", TYPED)
def test_null_where_the_source_says_that_there_is_none(form: Format) -> None:
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT])
    strict = replace(shape, columns=tuple(replace(c, nullable=False) for c in shape.columns))
    rows = chunk_of([[b"1", b"a"], [b"2", None]])
    with pytest.raises(Unfitting, match="column c1, row 2: NULL is no NOT NULL value"):
        file_of(settings_of(form), strict, [[rows]])
    view = replace(strict, ref=ObjectRef(ObjectType.VIEW, "v"))
    for data in (
        file_of(settings_of(form, on_unfit=Unfit.NULL), strict, [[rows]]),
        file_of(settings_of(form), view, [[rows]]),
    ):
        assert table_of(data, form).column(1).to_pylist() == ["a", None]


@pytest.mark.parametrize("form", TYPED)
def test_nulls_of_wide_types_end_a_group_too(monkeypatch: pytest.MonkeyPatch, form: Format) -> None:
    """A NULL of a decimal has 32 bytes in memory, and none on its way there."""
    monkeypatch.setattr(module, "GROUP_BYTES", 64 << 10)
    shape = typed_shape([LogicalType(Holds.DECIMAL, precision=65, scale=30)] * 100)
    data = file_of(settings_of(form), shape, [[chunk_of([[None] * 100] * 200)]])
    if form is Format.PARQUET:
        assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 10
    else:
        assert pa.ipc.open_file(io.BytesIO(data)).num_record_batches == 10
    assert table_of(data, form).num_rows == 200


@pytest.mark.parametrize("form", TYPED)
def test_a_large_row_is_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch, form: Format) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT, BYTES])
    rows: Rows = [[b"%d" % n, b"t" * (2000 if n == 5 else 3), None if n == 5 else b"\xff"] for n in range(9)]
    files = {
        file_of(settings_of(form), shape, [[chunk_of(piece) for piece in cut(rows, at) if piece]])
        for at in ([], [1], [5], [6], [5, 6], list(range(9)))
    }
    (data,) = files
    assert table_of(data, form).column(1).to_pylist() == [row[1] and row[1].decode() for row in rows]
    if form is Format.PARQUET:
        metadata = pq.ParquetFile(io.BytesIO(data)).metadata
        assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [5, 1, 3]


@pytest.mark.parametrize("form", TYPED)
def test_shapes_and_names_at_the_limit(form: Format) -> None:
    many = file_of(
        settings_of(form), typed_shape([LogicalType(Holds.INTEGER)] * 1017), [[chunk_of([[b"7"] * 1017])]]
    )
    assert list(table_of(many, form).to_pylist()[0].values()) == [7] * 1017
    names = ["a", "A", "\x01\x7f\n\u2028", "x\x00y", "a.b", "猫"]
    shape = typed_shape([TEXT] * len(names))
    named = replace(
        shape, columns=tuple(replace(c, name=n) for c, n in zip(shape.columns, names, strict=True))
    )
    found = table_of(file_of(settings_of(form), named, [[chunk_of([[n.encode() for n in names]])]]), form)
    assert found.to_pylist() == [{name: name for name in names}]
    assert table_of(file_of(settings_of(form), named, [[]]), form).schema.names == names


@pytest.mark.parametrize("form", TYPED)
def test_more_digits_than_any_type_has_are_text(form: Format) -> None:
    shape = typed_shape([LogicalType(Holds.DECIMAL, precision=p, scale=2) for p in (76, 77)])
    texts_: Rows = [[b"-" + b"9" * 74 + b".99", b"9" * 75 + b".01"]]
    found = table_of(file_of(settings_of(form), shape, [[chunk_of(texts_)]]), form)
    assert [str(v) for v in found.to_pylist()[0].values()] == [t and t.decode() for t in texts_[0]]
    assert pa.types.is_string(found.schema.field(1).type)


def test_statistics_but_of_text_and_bytes() -> None:
    """Of these Arrow would hold copies of the largest and smallest value, however large."""
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT, BYTES, LogicalType(Holds.DATE)])
    data = file_of(settings_of(Format.PARQUET), shape, [[chunk_of([[b"1", b"t", b"b", b"2024-01-01"]])]])
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    assert [group.column(n).statistics is not None for n in range(4)] == [True, False, False, True]


def test_what_goes_wrong_in_a_group_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups are written beside the reader."""
    monkeypatch.setattr(module, "GROUP_BYTES", 1 << 10)

    def broken(self: Any, table: pa.Table, row_group_size: int) -> None:
        raise MemoryError("no room for a row group")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    rows: Rows = [[b"%d" % n, b"x" * 600] for n in range(10)]
    with pytest.raises(MemoryError, match="no room for a row group"):
        file_of(
            settings_of(Format.PARQUET), typed_shape([LogicalType(Holds.INTEGER), TEXT]), [[chunk_of(rows)]]
        )


def test_dictionaries_only_where_values_repeat() -> None:
    rows: Rows = [[b"%d" % n, b"new" if n % 2 else b"shipped"] for n in range(1000)]
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT])
    data = file_of(settings_of(Format.PARQUET), shape, [[chunk_of(rows)]])
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    assert [group.column(n).has_dictionary_page for n in range(2)] == [False, True]


def test_a_dictionary_of_texts_that_come_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the first values that are looked at, which don't repeat."""
    monkeypatch.setattr(module, "_DICTIONARY_SAMPLE", 100)
    rows: Rows = [[b"%d" % (n % 150), b"text %d" % (n % 150), b"text %d" % n, None] for n in range(1000)]
    shape = typed_shape([LogicalType(Holds.INTEGER), TEXT, TEXT, BYTES])
    data = file_of(settings_of(Format.PARQUET), shape, [[chunk_of(rows)]])
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    assert [group.column(n).has_dictionary_page for n in range(4)] == [False, True, False, True]
    assert table_of(data, Format.PARQUET).column(1).to_pylist() == [f"text {n % 150}" for n in range(1000)]
