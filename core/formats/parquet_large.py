"""Very large values in a Parquet file, past Arrow's writer.

That makes four copies of a value beside the one it is given: the encoder's, the page, the compressed page,
and one to hand over. So it is given the row with empty values instead. What it writes for these is replaced
by the pages that it would have written, which take two copies, or none where nothing is compressed; and the
index at the file's end, whose places and sizes are those of the file with the empty ones, by one that has the
true ones. The file is byte for byte the one that Arrow would have written, but where a column has a
dictionary: no very large value goes into one.

Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift, whose names of
fields stand beside their numbers here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

import core.lone_arrow  # noqa: F401 - before Arrow is given anything
from core.chunk import Bytes
from core.errors import ValueTooLarge
from core.formats.thrift_compact import Struct, changed, read, written
from core.model.format_settings import ParquetCodec, ParquetSettings

# PageHeader
_TYPE, _UNCOMPRESSED, _COMPRESSED, _DATA_PAGE = 1, 2, 3, 5  # …_page_size; data_page_header
_DICTIONARY_PAGE = 2  # of `type`
_PAGE_ENCODING = 2  # of DataPageHeader
_PLAIN, _RLE = 0, 3  # of Encoding
# FileMetaData, RowGroup, ColumnChunk
_ROW_GROUPS = 4
_COLUMNS, _GROUP_BYTES, _GROUP_OFFSET, _GROUP_COMPRESSED = 1, 2, 5, 6  # total_byte_size; file_offset; total_…
_CHUNK_OFFSET, _META = 2, 3  # file_offset; meta_data
# ColumnMetaData
_ENCODINGS, _CHUNK_BYTES, _CHUNK_COMPRESSED, _DATA_OFFSET, _DICTIONARY_OFFSET = 2, 6, 7, 9, 11
_ENCODING_STATS, _SIZE_STATISTICS = 13, 16
_STATS_TYPE, _STATS_ENCODING = 1, 2  # of PageEncodingStats
_VALUE_BYTES = 1  # of SizeStatistics: unencoded_byte_array_data_bytes

_TAIL = 8  # the index's length in four bytes, and PAR1
_MOST = (1 << 31) - 1  # of a page's sizes
_SLICE = 1 << 20
# Parquet's LZ4 has no frame.
_CODECS = {ParquetCodec.LZ4: "lz4_raw"}


@dataclass(frozen=True, slots=True)
class _Replaced:
    """A column chunk of one value. `begin` is where Arrow's stands, in the file as Arrow knows it, `longer`
    by how much this one is longer; sizes in bytes, with the page's header, and of the value alone."""

    begin: int
    longer: int
    uncompressed: int
    compressed: int
    value: int


class LargeValues:
    """The very large values of one file."""

    def __init__(self, settings: ParquetSettings) -> None:
        self._codec: pa.Codec | None = None
        if settings.codec is not ParquetCodec.NONE:
            name = _CODECS.get(settings.codec, str(settings.codec))
            self._codec = pa.Codec(name, compression_level=settings.level)
        self._replaced: list[_Replaced] = []
        # By how much all of them up to each are longer.
        self._longer = [0]

    @property
    def longer(self) -> int:
        """How many bytes the file has beyond those that Arrow knows of."""
        return self._longer[-1]

    def pages(
        self, group: bytes, begin: int, schema: pa.Schema, values: Mapping[int, Bytes]
    ) -> Iterator[bytes]:
        """A row group of one row as it is to be. `group` is what Arrow made of it, at `begin` of what it has
        written, with empty values for `values`, which are theirs by the numbers of their columns. Raises
        ValueTooLarge."""
        small: list[bytes] = []
        at = 0
        for number, field in enumerate(schema):
            first = at
            while True:
                header, data = read(group, at)
                at = data + header[_COMPRESSED]
                if header[_TYPE] != _DICTIONARY_PAGE:
                    break
            if number not in values:
                small.append(group[first:at])
                continue
            value = values[number]
            head = self._levels(header, group[data:at], field.nullable) + len(value).to_bytes(4, "little")
            content: bytes | None = None
            if self._codec is not None:
                content = self._codec.compress(b"".join([head, value.data]), asbytes=True)
            header[_UNCOMPRESSED] = len(head) + len(value)
            header[_COMPRESSED] = len(head) + len(value) if content is None else len(content)
            header[_DATA_PAGE][_PAGE_ENCODING] = _PLAIN
            if max(header[_UNCOMPRESSED], header[_COMPRESSED]) > _MOST:
                raise ValueTooLarge(
                    f"Column {field.name}: a value of {len(value):,} bytes is past the limit of a page.",
                    "Leave the column out, or use another format.",
                )
            shown = written(header)
            chunk = len(shown) + header[_COMPRESSED]
            self._replaced.append(
                _Replaced(
                    begin=begin + first,
                    longer=chunk - (at - first),
                    uncompressed=len(shown) + header[_UNCOMPRESSED],
                    compressed=chunk,
                    value=len(value),
                )
            )
            self._longer.append(self.longer + chunk - (at - first))
            yield b"".join([*small, shown])
            small = []
            if content is not None:
                yield content
                del content
                continue
            yield head
            # The chunk's memory is its source's, soon.
            for start in range(0, len(value), _SLICE):
                yield value[start : start + _SLICE].tobytes()
        yield b"".join([*small, group[at:]])

    def _levels(self, header: Struct, page: bytes, nullable: bool) -> bytes:
        """What stands before the value in its page: that it is no NULL, where it might be."""
        if not nullable:
            return b""
        if self._codec is not None:
            page = self._codec.decompress(page, header[_UNCOMPRESSED], asbytes=True)
        return page[: 4 + int.from_bytes(page[:4], "little")]

    def end(self, content: bytes) -> bytes:
        """The file's end as it is to be, of the one that Arrow wrote."""
        if not self._replaced:
            return content
        size = int.from_bytes(content[-_TAIL:-4], "little")
        replaced = {each.begin: each for each in self._replaced}
        begins = [each.begin for each in self._replaced]

        def move(struct: Struct, number: int) -> None:
            # 0 is no place, and never has anything before it.
            if number in struct:
                struct[number] += self._longer[bisect_left(begins, struct[number])]

        def mend(group: Struct) -> None:
            for chunk in group[_COLUMNS].values:
                meta = chunk[_META]
                first = meta[_DICTIONARY_OFFSET] if _DICTIONARY_OFFSET in meta else meta[_DATA_OFFSET]
                if first in replaced:
                    before = meta[_CHUNK_BYTES], meta[_CHUNK_COMPRESSED]
                    _replace(meta, replaced[first])
                    group[_GROUP_BYTES] += meta[_CHUNK_BYTES] - before[0]
                    if _GROUP_COMPRESSED in group:
                        group[_GROUP_COMPRESSED] += meta[_CHUNK_COMPRESSED] - before[1]
                move(chunk, _CHUNK_OFFSET)
                move(meta, _DATA_OFFSET)
                move(meta, _DICTIONARY_OFFSET)
            move(group, _GROUP_OFFSET)

        mended = changed(content, len(content) - _TAIL - size, _ROW_GROUPS, mend)
        return b"".join([content[: -_TAIL - size], mended, len(mended).to_bytes(4, "little"), content[-4:]])


def _replace(meta: Struct, chunk: _Replaced) -> None:
    """Have the index say of a column chunk what it holds now; its place as Arrow knows it."""
    meta[_CHUNK_BYTES], meta[_CHUNK_COMPRESSED] = chunk.uncompressed, chunk.compressed
    meta[_DATA_OFFSET] = chunk.begin
    if _SIZE_STATISTICS in meta and _VALUE_BYTES in meta[_SIZE_STATISTICS]:
        meta[_SIZE_STATISTICS][_VALUE_BYTES] = chunk.value
    if _DICTIONARY_OFFSET in meta:
        meta.drop(_DICTIONARY_OFFSET)
        meta[_ENCODINGS].values[:] = [_RLE, _PLAIN]
        if _ENCODING_STATS in meta:
            stats = meta[_ENCODING_STATS].values
            stats[:] = [each for each in stats if each[_STATS_TYPE] != _DICTIONARY_PAGE]
            for each in stats:
                each[_STATS_ENCODING] = _PLAIN
