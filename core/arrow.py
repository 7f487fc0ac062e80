"""Rows with types: what a source hands over that has values as Arrow has them, for files with types.

Only who reads for such files, or writes them, loads this: Arrow takes a while to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import core.lone_arrow  # noqa: F401 - before Arrow is given anything
from core.chunk import Bytes, Mask, Offsets
from core.logical import Holds, LogicalType

# For each of a chunk's columns: `pc.take` itself, and what it would make each time.
_take = pc.get_function("array_take")
_IN_BOUNDS = pc.TakeOptions(boundscheck=False)
_EVEN = pa.array(np.arange(0, 1 << 15, 2, dtype=np.int32))

_MOST_DIGITS = 76
_SHORT_DIGITS = 38


def arrow_type(logical: LogicalType) -> pa.DataType:
    """The type of Arrow, and by its own rules of Parquet, for a logical type."""
    holds = logical.holds
    if holds is Holds.INTEGER:
        return getattr(pa, f"{'int' if logical.signed else 'uint'}{logical.bits}")()
    if holds is Holds.DECIMAL and 1 <= logical.precision <= _MOST_DIGITS:
        make = pa.decimal128 if logical.precision <= _SHORT_DIGITS else pa.decimal256
        return make(logical.precision, logical.scale)
    if holds is Holds.FLOAT:
        return pa.float32() if logical.bits == 32 else pa.float64()
    if holds is Holds.TIMESTAMP:
        return pa.timestamp("us", tz="UTC" if logical.utc else None)
    others = {
        Holds.DATE: pa.date32(),
        Holds.TIME: pa.time64("us"),
        Holds.BOOLEAN: pa.bool_(),
        Holds.BYTES: pa.binary(),
    }
    return others.get(holds, pa.string())


def fixed(kind: pa.DataType, values: np.ndarray[Any, Any], nulls: Mask | None) -> pa.Array:
    """Values that lie one behind the other as Arrow has those of this type; what stands for a NULL is set to
    zero. The array keeps their memory."""
    if nulls is not None:
        values[nulls] = 0
    return pa.Array.from_buffers(kind, len(values), [validity(nulls), pa.py_buffer(values)])


def gathered(
    kind: pa.DataType, data: Bytes, starts: Offsets, ends: Offsets, nulls: Mask | None = None
) -> pa.Array:
    """The slices of `data` between `starts` and `ends`, which follow one another, as an array of text or
    bytes: with memory of its own, but for a single one, which is what lies there. NULLs' slices are empty."""
    if len(starts) == 1:
        begin, end = int(starts[0]), int(ends[0])
        bounds = pa.py_buffer(np.array([0, end - begin], np.int32))
        return pa.Array.from_buffers(kind, 1, [validity(nulls), bounds, pa.py_buffer(data[begin:end])])
    offsets = np.empty(2 * len(starts) + 1, np.int32)
    offsets[0:-1:2] = starts
    offsets[1::2] = ends
    offsets[-1] = offsets[-2] if len(starts) else 0
    spread = pa.Array.from_buffers(
        pa.binary(), 2 * len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    _, bounds, content = _take.call([spread, _every_other(len(starts))], _IN_BOUNDS).buffers()
    return pa.Array.from_buffers(kind, len(starts), [validity(nulls), bounds, content])


def _every_other(count: int) -> pa.Array:
    """The even numbers from 0, so many of them."""
    if count > len(_EVEN):
        return pa.array(np.arange(0, 2 * count, 2, dtype=np.int32))
    return _EVEN.slice(0, count)


def validity(nulls: Mask | None) -> pa.Buffer | None:
    """The bitmap of Arrow for a mask of NULLs."""
    if nulls is None or not nulls.any():
        return None
    return pa.py_buffer(np.packbits(~nulls, bitorder="little"))


@dataclass(frozen=True, slots=True)
class ArrowChunk:
    """Rows as a record batch, its columns those of what is read, in order.

    A column is in its `arrow_type`, or `pa.string()` with the values as the server prints them, from which
    the format makes the type and finds what doesn't fit. So a column with such values (zero dates, dates
    before year 1, an infinity where the type has none) must come as text. Text need not be valid UTF-8. The
    arrays are the receiver's own: a source doesn't use their memory again, but for a row that comes alone,
    which may be large: that holds until the next chunk is asked for.
    """

    batch: pa.RecordBatch

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)

    @property
    def size(self) -> int:
        """Bytes that the values take in memory."""
        return int(self.batch.nbytes)

    def between(self, begin: int, end: int) -> ArrowChunk:
        """Rows `begin` to `end`, as views."""
        if begin == 0 and end == self.rows:
            return self
        return ArrowChunk(self.batch.slice(begin, end - begin))
