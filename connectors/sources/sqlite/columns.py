"""Record batches of the process beside a session, to chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from connectors.sources.sqlite.frames import schema_of
from connectors.sources.sqlite.storage import Storage
from core.arrow import ArrowChunk
from core.chunk import Bytes, Kind, Mask, Offsets, TextChunk


def arrow_chunk(content: bytearray | memoryview, storages: Sequence[Storage]) -> ArrowChunk:
    """A frame of numbers, texts and bytes, as it is."""
    return ArrowChunk(pa.ipc.read_record_batch(pa.py_buffer(content), schema_of(storages, typed=True)))


def text_chunk(
    content: bytearray | memoryview, storages: Sequence[Storage], kinds: Sequence[Kind]
) -> TextChunk:
    """A frame of texts and bytes, its values where they lie: column by column. `kinds` are the declared."""
    held = pa.py_buffer(content)
    batch = pa.ipc.read_record_batch(held, schema_of(storages, typed=False))
    rows, width = batch.num_rows, batch.num_columns
    starts: Offsets = np.empty((width, rows), np.int64)
    ends: Offsets = np.empty((width, rows), np.int64)
    nulls: Mask | None = None
    base = 0
    for number, column in enumerate(batch.columns):
        _, offsets, data = column.buffers()
        bounds = np.frombuffer(offsets, np.int32, rows + 1)
        if data is not None and data.size:
            base = data.address - held.address
        np.add(bounds[:-1], base, out=starts[number])
        np.add(bounds[1:], base, out=ends[number])
        # Where nothing follows, the next column's empty values lie at this one's end.
        base = int(ends[number, -1])
        if column.null_count:
            if nulls is None:
                nulls = np.zeros((width, rows), np.bool_)
            nulls[number] = column.is_null().to_numpy(zero_copy_only=False)
    return TextChunk(
        buffer=np.frombuffer(held, np.uint8),
        starts=starts.T,
        ends=ends.T,
        nulls=None if nulls is None else nulls.T,
        kinds=_kinds(rows, storages, kinds, nulls),
    )


def _kinds(rows: int, storages: Sequence[Storage], kinds: Sequence[Kind], nulls: Mask | None) -> Bytes | None:
    """Kinds by value, None where every column is of its declared kind."""
    mixed = [n for n, (storage, kind) in enumerate(zip(storages, kinds, strict=True)) if storage.kind != kind]
    if nulls is not None:
        mixed = [number for number in mixed if not nulls[number].all()]
    if not mixed:
        return None
    result = np.empty((rows, len(kinds)), np.uint8)
    result[:] = np.array(kinds, np.uint8)
    for number in mixed:
        values = slice(None) if nulls is None else ~nulls[number]
        result[values, number] = storages[number].kind
    return result
