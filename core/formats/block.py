"""Blocks: rows of a chunk that are encoded in one go, and the joining of slices and literals into bytes.

Joining is one Arrow `take`: a binary array over (literals + values + additions) whose offsets alternate
between gaps and values, taken in the order value, literal, value, literal, … Arrow copies every element by
its length, so the cost is a few nanoseconds for each value, and no value becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import core.lone_arrow  # noqa: F401 - before Arrow is given anything
from core.chunk import Bytes, Chunk, Mask, TextChunk

# A chunk of the usual size is one block. A row beyond it is encoded in slices of its values (`wide`).
BLOCK_BYTES = 2 << 20

Index = npt.NDArray[np.int32]
Values = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """`rows` rows of `columns` columns; like a `TextChunk`, but flat in row-major order, for one `take`.

    data   uint8, the bytes from the first value to the last
    spans  int32, shape (rows * columns, 2): where each value begins and ends in `data`
    nulls  bool, shape (rows * columns,), or None
    kinds  uint8 of `Kind`, likewise, where kinds differ by row, else None
    """

    data: Bytes
    spans: Index
    nulls: Mask | None
    kinds: Bytes | None
    rows: int
    columns: int

    def value(self, index: int) -> bytes | None:
        """The bytes of the value at a flat index, None for NULL."""
        if self.nulls is not None and self.nulls[index]:
            return None
        start, end = self.spans[index].tolist()
        return self.data[start:end].tobytes()

    @property
    def lengths(self) -> Index:
        """The values' lengths in bytes."""
        return self.spans[:, 1] - self.spans[:, 0]

    def column_spans(self, columns: Values) -> Index:
        """The spans of these columns' values, row by row."""
        # A pair of int32 is moved as one int64.
        pairs = self.spans.view(np.int64).reshape(self.rows, self.columns)
        return pairs.take(columns, axis=1).view(np.int32).reshape(-1, 2)

    def some_spans(self, values: Values) -> Index:
        """The spans of these values."""
        return self.spans.view(np.int64).ravel().take(values).view(np.int32).reshape(-1, 2)


def cut_blocks(chunk: Chunk, columns: Sequence[int] | None, limit: int) -> Iterator[Block]:
    """The rows of a chunk in blocks of at most `limit` bytes, or of one row that is larger.

    `columns` are the columns that are wanted, in order; None takes all.
    """
    if not isinstance(chunk, TextChunk):
        raise TypeError("rows with types were handed to a format that takes slices")
    total = chunk.rows
    if not total or not chunk.columns:
        return
    last_ends = chunk.ends[:, -1]
    first = 0
    while first < total:
        low = int(chunk.starts[first, 0])
        if int(last_ends[-1]) - low <= limit:
            last = total
        else:
            last = first + max(1, int(np.searchsorted(last_ends[first:], low + limit, side="right")))
        yield _block(chunk, columns, first, last)
        first = last


def _block(chunk: TextChunk, columns: Sequence[int] | None, first: int, last: int) -> Block:
    starts, ends = chunk.starts[first:last], chunk.ends[first:last]
    nulls = None if chunk.nulls is None else chunk.nulls[first:last]
    kinds = None if chunk.kinds is None else chunk.kinds[first:last]
    low, high = int(starts[0, 0]), int(ends[-1, -1])
    if columns is not None:
        starts, ends = starts[:, columns], ends[:, columns]
        nulls = None if nulls is None else nulls[:, columns]
        kinds = None if kinds is None else kinds[:, columns]
    rows, width = starts.shape
    spans = np.empty((rows, width, 2), np.int32)
    spans[:, :, 0] = starts
    spans[:, :, 1] = ends
    spans -= low
    return Block(
        data=chunk.buffer[low:high],
        spans=spans.reshape(-1, 2),
        nulls=nulls.ravel() if nulls is not None and nulls.any() else None,
        kinds=None if kinds is None else kinds.ravel(),
        rows=rows,
        columns=width,
    )


def take(data: Bytes | bytearray, offsets: Index, index: Index) -> pa.Array:
    """The elements of `data` between `offsets` (n + 1 of them for n elements) in the order of `index`."""
    array = pa.Array.from_buffers(
        pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    order = pa.Array.from_buffers(pa.int32(), len(index), [None, pa.py_buffer(index)])
    return pc.take(array, order, boundscheck=False)


def content(taken: pa.Array) -> pa.Buffer:
    """What a `take` put together."""
    buffer = taken.buffers()[2]
    return buffer if buffer is not None else pa.py_buffer(b"")


@dataclass(frozen=True, slots=True)
class Packed:
    """Values one after the other: value i is `data[bounds[i]:bounds[i + 1]]`. uint8; int32, n + 1 from 0."""

    data: Bytes
    bounds: Index

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def spans(self, values: Values) -> Index:
        """Where these values begin and end."""
        spans = np.empty((len(values), 2), np.int32)
        spans[:, 0] = self.bounds.take(values)
        spans[:, 1] = self.bounds.take(values + 1)
        return spans


def gather(data: Bytes, spans: Index) -> Packed:
    """The values between `spans` (int32, shape (n, 2)), in this order."""
    # Elements: gap, value, gap, value, …
    offsets = np.empty(2 * len(spans) + 1, np.int32)
    offsets[0] = 0
    offsets[1:] = spans.reshape(-1)
    return packed(take(data, offsets, np.arange(1, 2 * len(spans), 2, dtype=np.int32)))


def packed(taken: pa.Array) -> Packed:
    """What a `take` put together, element by element."""
    bounds = taken.buffers()[1]
    if bounds is None:
        return Packed(np.empty(0, np.uint8), np.zeros(1, np.int32))
    return Packed(np.frombuffer(content(taken), np.uint8), np.frombuffer(bounds, np.int32)[: len(taken) + 1])


@dataclass(frozen=True, slots=True)
class Cuts:
    """Changes within values: `literals[which[k]]` instead of the bytes `starts[k]` to `ends[k]` of value
    `owner[k]`. In order of place, without overlap."""

    owner: Values
    starts: Values
    ends: Values
    which: Values | Bytes
    literals: Sequence[bytes]


def splice(data: Bytes, spans: Index, cuts: Cuts) -> Packed:
    """The values between `spans` with these changes."""
    values, count = len(spans), len(cuts.owner)
    counts = np.bincount(cuts.owner, minlength=values)
    first_piece = np.cumsum(counts) - counts + np.arange(values)
    after_cut = cuts.owner + np.arange(1, count + 1)
    pieces = values + count
    blob = b"".join(cuts.literals)
    sizes = np.array([len(literal) for literal in cuts.literals], np.int32)
    head = len(sizes) + 1
    # Elements: the literals, a gap, piece, gap, piece, …
    offsets = np.empty(head + 2 * pieces, np.int32)
    offsets[0] = 0
    np.cumsum(sizes, out=offsets[1:head])
    low, high = offsets[head::2], offsets[head + 1 :: 2]
    low[first_piece] = spans[:, 0]
    high[first_piece + counts] = spans[:, 1]
    low[after_cut] = cuts.ends
    high[after_cut - 1] = cuts.starts
    offsets[head:] += len(blob)
    # One piece after the other, and before each piece that follows a cut its literal.
    place = np.ones(pieces, np.int32)
    place[after_cut] = 2
    place = np.cumsum(place) - 1
    index = np.empty(pieces + count, np.int32)
    index[place] = np.arange(head, head + 2 * pieces, 2)
    index[place[after_cut] - 1] = cuts.which
    joined = packed(take(np.concatenate([np.frombuffer(blob, np.uint8), data]), offsets, index))
    last = place[first_piece + counts] + 1
    return Packed(joined.data, np.concatenate([np.zeros(1, np.int32), joined.bounds[last]]))
