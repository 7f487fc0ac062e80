"""FLOAT columns: the shortest text that reads back to the same 32-bit number.

The server prints a FLOAT with six digits; as DOUBLE it prints up to seventeen, which are exact but show
what no one wrote (0.1 becomes 0.10000000149011612). Here the digits are shortened, a column at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.chunk import Bytes, Offsets, TextChunk

_LARGEST = float(np.finfo(np.float32).max)


def shorten(chunk: TextChunk, columns: Sequence[int]) -> TextChunk:
    """The chunk with these columns (texts of 32-bit numbers in double precision) shortened, in its own buffer
    where that can be written."""
    if not columns or chunk.rows == 0:
        return chunk
    buffer = chunk.buffer if chunk.buffer.flags.writeable else chunk.buffer.copy()
    ends = chunk.ends.copy()
    for column in columns:
        starts, stops = chunk.starts[:, column], ends[:, column]
        wide = _texts(buffer, starts, stops)
        value = pc.cast(pc.if_else(pc.equal(pc.binary_length(wide), 0), "0", wide), pa.float64())
        numbers = value.to_numpy(zero_copy_only=False)
        short = pc.cast(pc.cast(value, pa.float32(), safe=False), pa.string())
        # 1e+15 and 1e-07 as the server would write them: 1e15, 1e-7.
        if pc.any(pc.match_substring(short, "e")).as_py():
            short = pc.replace_substring_regex(short, pattern=r"e\+?(-?)0*", replacement=r"e\1")
        lengths = pc.binary_length(short).to_numpy(zero_copy_only=False).astype(np.int64)
        # The shortest text of the largest FLOAT lies above it: a strict server refuses it. That one stays
        # wide.
        better = (lengths < stops - starts) & (np.abs(numbers) < _LARGEST)
        _write(buffer, starts[better], short.filter(pa.array(better)), lengths[better])
        stops[better] = starts[better] + lengths[better]
    return TextChunk(buffer, chunk.starts, ends, chunk.nulls, chunk.kinds)


def _gather(starts: Offsets, lengths: Offsets) -> Offsets:
    """Positions of all bytes of slices that begin at `starts`, one after the other."""
    before = np.cumsum(lengths) - lengths
    positions: Offsets = np.arange(int(lengths.sum()), dtype=np.int64)
    positions += np.repeat(starts - before, lengths)
    return positions


def _texts(buffer: Bytes, starts: Offsets, stops: Offsets) -> pa.Array:
    """The values as an Arrow column: every second slice of one that also has the gaps between them."""
    bounds = np.empty(2 * len(starts), dtype=np.int32)
    bounds[0::2], bounds[1::2] = starts, stops
    slices = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(buffer))
    return slices.take(pa.array(np.arange(0, len(bounds), 2)))


def _write(buffer: Bytes, starts: Offsets, texts: pa.Array, lengths: Offsets) -> None:
    if len(starts):
        # A filtered array is a fresh one: its bytes lie one after the other from offset 0.
        joined = np.frombuffer(texts.buffers()[2], dtype=np.uint8, count=int(lengths.sum()))
        buffer[_gather(starts, lengths)] = joined
