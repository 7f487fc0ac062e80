"""Very large values go past Arrow's writer of Parquet, and the file is the one that it would have written."""

from __future__ import annotations

import io
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.formats.typed as module
from connectors.base import SourceColumn, TableShape
from core.arrow import ArrowChunk
from core.chunk import Kind
from core.errors import ValueTooLarge
from core.formats import open_encoder, parquet_large, thrift_compact
from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.file_settings import FileSettings
from core.model.format_settings import ParquetCodec, ParquetSettings
from core.model.vocabulary import Format, ObjectRef, ObjectType
from tests.unit.formats.building import MYSQL, Rows, chunk_of, cut, file_of, settings_of
from tests.unit.formats.strategies import cuts

ROW, VALUE = 700, 200
FOREVER = 1 << 40
NUMBER = LogicalType(Holds.INTEGER)
COLUMNS = (NUMBER, TEXT, BYTES, BYTES, TEXT)
SHAPE = TableShape(
    ObjectRef(ObjectType.TABLE, "t"),
    tuple(
        SourceColumn(f"c{n}", "any", Kind.TEXT, nullable=n % 2 == 0, logical=logical)
        for n, logical in enumerate(COLUMNS)
    ),
    (),
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", ROW)
    monkeypatch.setattr(module, "LARGE_BYTES", VALUE)
    monkeypatch.setattr(module, "GROUP_BYTES", 3000)


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No column has a dictionary."""
    monkeypatch.setattr(module, "_repeating", lambda _: [])


def from_arrow(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> bytes:
    """The file where Arrow is given every value."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "LARGE_BYTES", FOREVER)
        return file_of(*arguments)


def a_value(chance: random.Random, nullable: bool) -> bytes | None:
    kind = chance.choice(("none", "short", "edge", "equal", "any"))
    if kind == "none" and nullable:
        return None
    if kind in ("none", "short"):
        return b"%d" % chance.randrange(100)
    length = chance.choice((VALUE - 1, VALUE, VALUE + 1, ROW)) if kind == "edge" else chance.randrange(5000)
    return b"x" * length if kind == "equal" else chance.randbytes(length // 2).hex().encode()


def some_rows(seed: int) -> Rows:
    chance = random.Random(seed)
    return [
        [b"%d" % n, *(a_value(chance, column.nullable) for column in SHAPE.columns[1:])]
        for n in range(chance.randrange(1, 30))
    ]


@pytest.mark.usefixtures("_plain")
@pytest.mark.parametrize("codec", list(ParquetCodec))
def test_the_file_is_that_of_arrow(monkeypatch: pytest.MonkeyPatch, codec: ParquetCodec) -> None:
    @given(seed=st.integers(0, 1 << 30), at=cuts)
    @settings(max_examples=40, deadline=None)
    def same(seed: int, at: list[int]) -> None:
        rows = some_rows(seed)
        chosen = settings_of(Format.PARQUET, parquet=ParquetSettings(codec=codec))
        wanted = from_arrow(monkeypatch, chosen, SHAPE, [[chunk_of(rows)]])
        assert file_of(chosen, SHAPE, [[chunk_of(piece) for piece in cut(rows, at) if piece]]) == wanted

    same()


@pytest.mark.usefixtures("_plain")
@pytest.mark.parametrize("level", [1, 12])
def test_so_it_is_with_levels_and_rows_with_types(monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    chosen = settings_of(Format.PARQUET, parquet=ParquetSettings(codec=ParquetCodec.ZSTD, level=level))
    kinds = [pa.int64(), pa.string(), pa.binary(), pa.binary(), pa.string()]
    for seed in range(20):
        rows = some_rows(seed)
        arrays = [
            pa.array([int(v) if n == 0 and v else v for v in column], kind)
            for n, (column, kind) in enumerate(zip(zip(*rows, strict=True), kinds, strict=True))
        ]
        chunk = ArrowChunk(pa.RecordBatch.from_arrays(arrays, names=[c.name for c in SHAPE.columns]))
        wanted = from_arrow(monkeypatch, chosen, SHAPE, [[chunk_of(rows)]])
        assert file_of(chosen, SHAPE, [[chunk]]) == wanted


def test_arrow_is_not_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given_to_arrow = []

    class Watching(pq.ParquetWriter):  # type: ignore[misc]
        def write_table(self, table: pa.Table, **how: Any) -> None:
            given_to_arrow.append(table.nbytes)
            super().write_table(table, **how)

    monkeypatch.setattr(pq, "ParquetWriter", Watching)
    rows: Rows = [[b"1", b"x" * 9000, b"y" * 9000, b"", b"z"], [b"2", b"x", None, b"", None]]
    file_of(settings_of(Format.PARQUET), SHAPE, [[chunk_of(rows)]])
    assert len(given_to_arrow) == 2
    assert max(given_to_arrow) < VALUE


@pytest.mark.parametrize("codec", [ParquetCodec.ZSTD, ParquetCodec.NONE])
def test_where_a_column_has_a_dictionary(codec: ParquetCodec) -> None:
    many: list[list[bytes | None]] = [
        [b"%d" % n, b"a", None if n % 3 else b"b", b"c", b"d"] for n in range(40)
    ]
    large: list[list[bytes | None]] = [
        [b"40", b"x" * 5000, None, b"y" * 300, b"z" * 900],
        [b"41", b"x", b"y" * 5000, b"z", None],
    ]
    rows: Rows = [*many, *large, *many, *reversed(large)]
    chosen = settings_of(Format.PARQUET, parquet=ParquetSettings(codec=codec, row_group_rows=40))
    data = file_of(chosen, SHAPE, [[chunk_of(rows)]])
    file = pq.ParquetFile(io.BytesIO(data))
    found = file.read(use_threads=False)
    assert [column.cast(pa.binary()).to_pylist() for column in found.columns[1:]] == [
        [row[n] for row in rows] for n in range(1, 5)
    ]
    groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [40, 1, 1, 40, 1, 1]
    assert groups[0].column(1).has_dictionary_page
    before = 4
    for group in groups:
        chunks = [group.column(n) for n in range(5)]
        assert group.total_byte_size == sum(chunk.total_uncompressed_size for chunk in chunks)
        for chunk in chunks:
            first = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
            assert first == before, "column chunks lie one behind the other"
            before += chunk.total_compressed_size
    changed = groups[1].column(1)
    assert not changed.has_dictionary_page
    assert changed.encodings == ("RLE", "PLAIN")


def test_files_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is reckoned with is the true size."""
    chance = random.Random(1)
    rows: Rows = [[b"%d" % n, chance.randbytes(1500).hex().encode(), None, b"", b""] for n in range(12)]
    chosen = settings_of(Format.PARQUET, files=FileSettings(max_size=40_000))

    def sizes() -> list[tuple[int, int]]:
        found, rest = [], chunk_of(rows)
        while rest.rows:
            encoder = open_encoder(chosen, MYSQL, "shop", SHAPE)
            pieces, taken = encoder.fill(rest, 40_000, 1)
            found.append((taken, sum(map(len, pieces)) + len(encoder.end())))
            rest = rest.between(taken, rest.rows)
        return found

    here = sizes()
    monkeypatch.setattr(module, "LARGE_BYTES", FOREVER)
    assert here == sizes()
    assert len(here) > 1
    assert max(size for _, size in here) <= 40_000


def test_a_value_that_no_page_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_large, "_MOST", 5000)
    rows: Rows = [[b"1", b"x" * 4990, None, b"", b""]]
    file_of(settings_of(Format.PARQUET), SHAPE, [[chunk_of(rows)]])
    rows = [[b"1", b"x" * 5000, None, b"", b""]]
    with pytest.raises(ValueTooLarge, match="c1: a value of 5,000 bytes"):
        file_of(settings_of(Format.PARQUET), SHAPE, [[chunk_of(rows)]])


def test_what_stands_behind_the_columns_stays() -> None:
    out, table = io.BytesIO(), pa.table({"a": ["x"], "b": [1]})
    pq.write_table(table, out, compression="none")
    data = out.getvalue()
    group = data[4 : -8 - int.from_bytes(data[-8:-4], "little")] + b"more"
    large = parquet_large.LargeValues(ParquetSettings(codec=ParquetCodec.NONE))
    assert b"".join(large.pages(group, 4, table.schema, {})) == group


def test_thrift_is_written_as_it_was_read() -> None:
    names = [f"column {'é' * (n % 90)}{n}" for n in range(300)]
    out = io.BytesIO()
    table = pa.table({name: [n, None] for n, name in enumerate(names)}).replace_schema_metadata(
        {"k" * 200: "v"}
    )
    with pq.ParquetWriter(out, table.schema, sorting_columns=[pq.SortingColumn(1)]) as writer:
        for _ in range(20):
            writer.write_table(table)
    data = out.getvalue()
    index = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    read, end = thrift_compact.read(index)
    assert end == len(index)
    assert thrift_compact.written(read) == index
    found: list[int] = []
    groups = thrift_compact.changed(index, 0, 4, lambda group: found.append(group[3]))
    assert (groups, found) == (index, [2] * 20)
    # A field far from the one before, and one before it; a double; a list of bytes; negative numbers.
    odd = b"\x15\x03\x06\xc8\x01\x01\x07\x06" + b"12345678" + b"\x39\x23\x01\x02\x04\x01\x0f\x00"
    read, end = thrift_compact.read(b"!" + odd, 1)
    assert (read[1], read[100]) == (-2, -1)
    assert (thrift_compact.written(read), end) == (odd, len(odd) + 1)
    assert thrift_compact.changed(odd, 0, 99, lambda _: None) == odd
    with pytest.raises(ValueError, match="type 11"):
        thrift_compact.read(b"\x1b\x00\x00")
