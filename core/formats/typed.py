"""Files with types: Parquet and Arrow IPC, through Arrow.

Texts become values of the columns' logical types: integers with their size and sign, decimals of up to 76
digits, timestamps in microseconds (in UTC where the source means a point in time), bytes. A value that its
type can't hold (a zero date) is a matter of policy. Each field's metadata says what the source calls its
type.

Rows are gathered to row groups (record batches of Arrow IPC) that depend on nothing but the rows. While one
is compressed, in a thread, the rows of the next one come in. Such a file can't be gone on with: it has its
index at its end.

Where files have a limit, row groups are of an eighth of it at most, and a file ends before the row with
which it might become too large: by the true size of the groups that are written, and for the rows that aren't
yet by what they take in memory. So the limit holds for the file as it is, compressed, though the last group
may leave some of it unused. A file has one row at least.

Sources: https://parquet.apache.org/docs/file-format, https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from threading import Thread

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import TableShape
from core.arrow import ArrowChunk
from core.chunk import Chunk, Offsets
from core.errors import InvalidValue
from core.formats.arrow_out import Pieces, buffered
from core.formats.base import Encoder
from core.formats.block import cut_blocks
from core.formats.parquet_large import LargeValues
from core.formats.policy import TextPolicy
from core.formats.typed_columns import Rows, TypedColumns, alone, arrow_schema, count_of, hollow, owned
from core.lone_arrow import without
from core.model.format_settings import ArrowCodec, ParquetCodec, Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding, Format

with without("pyarrow._s3fs", "pyarrow._gcsfs", "pyarrow._azurefs"):
    import pyarrow.parquet as pq

# A row group is held in memory until it is written; of Arrow IPC as what is written, too.
GROUP_BYTES = 12 << 20
ARROW_BYTES = 10 << 20
# A row that is larger is a block, and a row group, of its own.
BLOCK_BYTES = 16 << 20
# A value of such a row that Arrow's writer of Parquet isn't given.
LARGE_BYTES = 1 << 20
ARROW_ROWS = 65_536
# A dictionary pays where values repeat. Trying one for every column costs a quarter of all the work, and
# columns that don't fit one come out larger.
_DICTIONARY_SAMPLE = 16_384
_DICTIONARY_SHARE = 4
# So many of values chosen at random are among others where there are a quarter as many as rows of a group.
_KNOWN_SHARE = 0.4
_DICTIONARY_BYTES = GROUP_BYTES // 4
# Values that Parquet's writer takes at a time: a tenth of its time with more than it would take by itself.
_AT_ONCE = 16_384
# With a limit, groups of a file beside what its index takes.
_GROUPS = 8
# What rows that aren't written yet may take at most: for each byte of their values, for each value (its
# length, its place in a dictionary, its padding), for each column of a group (headers, statistics, its entry
# in the index).
_PER_BYTE = 1.05
_PER_VALUE = 12
_PER_COLUMN = 1024


class TypedEncoder(Encoder):
    """Rows of one object as a Parquet or an Arrow IPC file."""

    resumable = False

    def __init__(self, settings: ExportSettings, database: str, shape: TableShape) -> None:
        self._policy = TextPolicy(Encoding.UTF_8, settings.on_unencodable, database, shape, shape.columns)
        self._columns = TypedColumns(shape, settings.on_unfit, self._policy)
        self._schema = arrow_schema(shape, with_nulls=settings.on_unfit is Unfit.NULL)
        is_arrow = settings.format is Format.ARROW
        self._pieces = Pieces(keeps=is_arrow and settings.arrow.codec is not ArrowCodec.NONE)
        self._out = buffered(self._pieces)
        self._large = None if is_arrow else LargeValues(settings.parquet)
        self._settings = settings
        self._limit = ARROW_ROWS if is_arrow else settings.parquet.row_group_rows
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self._waiting_bytes = 0
        self._rows = 0
        size = settings.files.max_size
        most = min(ARROW_BYTES, GROUP_BYTES) if is_arrow else GROUP_BYTES
        self._group_bytes = most if size is None else min(most, max(1, size // _GROUPS))
        # What is known of the file's size: the groups before the one that is being written, how many groups
        # there are, what that one may take, and what stands once in a file.
        self._extra = 0 if size is None else _PER_VALUE * len(self._schema)
        self._known = self._groups = 0
        self._pending = 0.0
        self._once = 4 * self._schema.serialize().size + 4096
        if size is not None and self._once + 2 * _PER_COLUMN * len(self._schema) > size // 2:
            raise InvalidValue(
                f"{shape.ref}: files with {len(self._schema)} columns can't be kept below {size} bytes.",
                "Use a larger --max-size.",
            )
        self._writer: pq.ParquetWriter | pa.RecordBatchFileWriter | None = None
        self._writing: Thread | None = None
        self._error: BaseException | None = None

    def _open(self, first: pa.Table) -> pq.ParquetWriter | pa.RecordBatchFileWriter:
        """Begin the file. `first` are rows that say how the others may look."""
        if self._settings.format is Format.ARROW:
            codec = self._settings.arrow.codec
            options = pa.ipc.IpcWriteOptions(
                compression=None if codec is ArrowCodec.NONE else str(codec),
                # What threads of its own took stays with them: 64 MB after a value of 64 MB. Without them the
                # next rows are read meanwhile just as well.
                use_threads=False,
            )
            return pa.ipc.new_file(self._out, self._schema, options=options)
        parquet = self._settings.parquet
        return pq.ParquetWriter(
            self._out,
            self._schema,
            compression="none" if parquet.codec is ParquetCodec.NONE else str(parquet.codec),
            compression_level=parquet.level,
            # What `LargeValues` makes, too.
            data_page_version="1.0",
            use_dictionary=_repeating(first),
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
            write_batch_size=_AT_ONCE,
            # Text and bytes have none: Arrow takes several copies of a value for them, however large it is.
            write_statistics=[field.name for field in self._schema if not _is_wide(field.type)],
        )

    def begin(self) -> bytes:
        return b""

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for rows in self._cut(chunk):
            yield from self._block(rows)

    def _cut(self, chunk: Chunk) -> Iterator[Rows]:
        """A chunk's rows, a very large one by itself."""
        if not isinstance(chunk, ArrowChunk):
            yield from cut_blocks(chunk, None, BLOCK_BYTES)
        elif self._columns.total_bytes(chunk.batch) <= BLOCK_BYTES:
            yield chunk.batch
        else:
            ends = self._columns.row_bytes(chunk.batch)
            large = np.flatnonzero(np.diff(ends, prepend=0) > BLOCK_BYTES)
            edges = np.unique(np.concatenate([[0, chunk.rows], large, large + 1])).tolist()
            for begin, end in pairwise(edges):
                rows = chunk.batch.slice(begin, end - begin)
                yield alone(rows) if begin in large else rows

    def fill(self, chunk: Chunk, room: int, least: int) -> tuple[list[memoryview | bytes], int]:
        pieces: list[memoryview | bytes] = []
        limit, taken = self._known + room, 0
        while taken < chunk.rows:
            rest = chunk.between(taken, chunk.rows)
            rows = max(self._fitting(next(self._cut(rest)), limit), least - taken)
            if not rows:
                break
            pieces += self.encode(rest.between(0, rows))
            taken += rows
        return pieces, taken

    def _fitting(self, block: Rows, limit: int) -> int:
        """How many of a block's rows the file can have, up to the end of the group."""
        ends = self._ends(block)
        full = int(np.searchsorted(ends, self._group_bytes - self._waiting_bytes)) + 1
        most = min(full, self._limit - self._waiting_rows, count_of(block))
        sizes = (self._waiting_bytes + ends[:most]) * _PER_BYTE
        index = self._once + (self._groups + 1) * _PER_COLUMN * len(self._schema)
        return int(np.searchsorted(sizes, limit - self._known - self._pending - index, side="right"))

    def _ends(self, block: Rows) -> Offsets:
        """What a block's rows count for in their group, up to and with each of them: their bytes in memory,
        and with a limit what each value may cost beside."""
        ends = self._columns.row_bytes(block)
        return ends + self._extra * np.arange(1, count_of(block) + 1) if self._extra else ends

    def _block(self, block: Rows) -> Iterator[memoryview | bytes]:
        batch = self._columns.batch(block, self._schema, self._rows)
        count = count_of(block)
        self._rows += count
        if self._waiting_rows + count < self._limit:
            # Most stay below the group's end: how much all of them count is known sooner than each.
            size = self._columns.total_bytes(block) + self._extra * count
            if count > 1 and self._waiting_bytes + size < self._group_bytes:
                self._waiting.append(batch)
                self._waiting_rows += count
                self._waiting_bytes += size
                return
        ends, at = self._ends(block), 0
        if count == 1 and ends[0] > BLOCK_BYTES:
            yield from self._group()
            yield from self._written()
            yield from self._alone(batch)
            return
        if count == 1:
            batch = owned(batch)
        while at < count:
            before = int(ends[at - 1]) if at else 0
            # The group ends with the row that reaches its bytes, or its rows.
            full = int(np.searchsorted(ends, before + self._group_bytes - self._waiting_bytes)) + 1
            end = min(full, at + self._limit - self._waiting_rows, count)
            self._waiting.append(batch.slice(at, end - at))
            self._waiting_rows += end - at
            self._waiting_bytes += int(ends[end - 1]) - before
            at = end
            if self._waiting_rows == self._limit or self._waiting_bytes >= self._group_bytes:
                yield from self._group()

    def _alone(self, row: pa.RecordBatch) -> Iterator[memoryview | bytes]:
        """Write a very large row as a group of its own."""
        pool = pa.default_memory_pool()
        pool.release_unused()
        small, values = (row, {}) if self._large is None else hollow(row, LARGE_BYTES)
        table = pa.Table.from_batches([small])
        if self._writer is None:
            # What a file begins with is none of the group's.
            self._writer = self._open(table)
            self._out.flush()
            yield from self._pieces.take()
        begin = self._pieces.tell()
        self._write_table(table)
        pool.release_unused()
        if self._large is None or not values:
            pieces = self._pieces.take()
            while pieces:
                yield pieces.pop(0)
        else:
            yield from self._large.pages(b"".join(self._pieces.take()), begin, self._schema, values)
        self._groups, self._known = self._groups + 1, self._size
        pool.release_unused()

    @property
    def _size(self) -> int:
        """Of what the file has so far, in bytes."""
        return self._pieces.tell() + (0 if self._large is None else self._large.longer)

    def _group(self) -> Iterator[memoryview | bytes]:
        """Begin to write the rows that wait; gives what came of the group before."""
        if not self._waiting:
            return
        yield from self._written()
        self._groups += 1
        self._pending = self._waiting_bytes * _PER_BYTE
        self._writing = Thread(target=self._try_write, args=(self._taken(),), name="row group", daemon=True)
        self._writing.start()

    def _taken(self) -> list[pa.RecordBatch]:
        taken, self._waiting = self._waiting, []
        self._waiting_rows = self._waiting_bytes = 0
        return taken

    def _written(self) -> list[memoryview | bytes]:
        """Wait for the group that is being written, and take its bytes. Raises what it met."""
        if self._writing is not None:
            self._writing.join()
            self._writing = None
            self._known, self._pending = self._size, 0.0
        if self._error is not None:
            raise self._error
        return self._pieces.take()

    def _try_write(self, batches: list[pa.RecordBatch]) -> None:
        try:
            self._write(batches)
        except BaseException as error:  # noqa: BLE001 - raised again by `_written`
            self._error = error

    def _write(self, batches: list[pa.RecordBatch]) -> None:
        """Write rows as one group."""
        # Copied into one piece: how the rows came in chunks must not be seen in the file. A single batch
        # would stay the slice that it is, with what lies behind it, if nothing were joined to it.
        # Column by column, so that there is one at a time twice in memory.
        columns = [list(parts) for parts in zip(*(batch.columns for batch in batches), strict=True)]
        batches.clear()
        arrays = []
        for parts in columns:
            arrays.append(pa.concat_arrays([*parts, parts[0].slice(0, 0)]))
            parts.clear()
        table = pa.Table.from_arrays(arrays, schema=self._schema) if arrays else self._schema.empty_table()
        del arrays
        self._write_table(table)
        del table

    def _write_table(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = self._open(table)
        if isinstance(self._writer, pq.ParquetWriter):
            self._writer.write_table(table, row_group_size=self._limit)
        else:
            self._writer.write_table(table, max_chunksize=self._limit)
        self._out.flush()

    def flush(self) -> bytes:
        return b""

    def rest(self) -> Iterator[memoryview | bytes]:
        yield from self._written()
        if self._waiting or self._writer is None:
            self._write(self._taken())
            yield from self._pieces.take()

    def end(self) -> bytes:
        rest = [*self.rest()]
        assert self._writer is not None  # noqa: S101 - opened by the first rows that were written, or by none
        self._writer.close()
        self._out.flush()
        end = b"".join(self._pieces.take())
        return b"".join([*rest, end if self._large is None else self._large.end(end)])

    def state(self) -> dict[str, int]:
        return {"rows": self._rows, **self._policy.state(), **self._columns.state()}

    def carry(self, counts: dict[str, int]) -> None:
        self._policy.resume(counts)
        self._columns.carry(counts)

    def resume(self, state: dict[str, int]) -> None:
        raise NotImplementedError("a file with types can't be gone on with")

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._policy.warnings, *self._columns.warnings)


def _repeating(rows: pa.Table) -> list[str]:
    """The columns that few different values fill, by these rows, which are the first."""
    return [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if _repeats(column) or (_is_wide(column.type) and _comes_again(column))
    ]


def _repeats(column: pa.ChunkedArray) -> bool:
    sample = column.slice(0, _DICTIONARY_SAMPLE)
    return bool(pc.count_distinct(sample).as_py() <= len(sample) // _DICTIONARY_SHARE)


def _comes_again(column: pa.ChunkedArray) -> bool:
    """Whether many of the last values are among the first, which needn't repeat themselves: of texts and
    bytes a dictionary of thousands saves the time to write and compress them."""
    early, late = column.slice(0, _DICTIONARY_SAMPLE), column.slice(max(0, len(column) - _DICTIONARY_SAMPLE))
    if len(column) < len(early) + len(late) or not len(late):
        return False
    known = pc.is_in(late, value_set=early)
    return bool(pc.sum(known).as_py() >= _KNOWN_SHARE * len(late))


def _is_wide(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
