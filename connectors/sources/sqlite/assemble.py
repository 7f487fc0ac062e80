"""Columns of Python values, as the driver gives them, to a TextChunk.

The text of a value depends on nothing but the value: chunks may be cut elsewhere when a part is read again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.chunk import Bytes, Kind, Offsets, TextChunk

Value = int | float | bytes | bytearray | None

# The driver's types for SQLite's storage classes; text_factory is bytearray.
KIND_OF_TYPE = {int: Kind.NUMBER, float: Kind.NUMBER, bytearray: Kind.TEXT, bytes: Kind.BINARY}
_NONE = type(None)


def real_texts(values: pa.Array | Sequence[float | None]) -> pa.Array:
    """Reals as the shortest text that reads back to the same bits, told apart from integers (`1.0`)."""
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.float64())
    texts = array.cast(pa.string())
    if not pc.any(pc.equal(array, pc.floor(array))).as_py():
        return texts.cast(pa.binary())
    # Arrow writes integral doubles without a point (and large ones with an exponent).
    bare = pc.match_substring_regex(texts, r"^-?[0-9]+$")
    if pc.any(bare).as_py():
        texts = pc.if_else(bare, pc.binary_join_element_wise(texts, ".0", ""), texts)
    return texts.cast(pa.binary())


def value_texts(values: Sequence[Value]) -> list[bytes | bytearray | None]:
    """The bytes of values of any types."""
    reals = iter(real_texts([v for v in values if type(v) is float]).to_pylist())
    return [
        next(reals) if type(v) is float else b"%d" % v if type(v) is int else v  # type: ignore[misc]
        for v in values
    ]


def _column(values: Sequence[Value], types: set[type]) -> pa.Array:
    present = types - {_NONE}
    if present == {int}:
        return pa.array(values, pa.int64()).cast(pa.string()).cast(pa.binary())
    if present == {float}:
        return real_texts(values)
    if present <= {bytes, bytearray}:
        return pa.array(values, pa.binary())
    return pa.array(value_texts(values), pa.binary())


def _kinds(
    columns: Sequence[Sequence[Value]], types: Sequence[set[type]], kinds: Sequence[Kind]
) -> Bytes | None:
    """Kinds by value, None where every column is all of its declared kind."""
    mixed = [
        number
        for number, (found, kind) in enumerate(zip(types, kinds, strict=True))
        if any(KIND_OF_TYPE[t] is not kind for t in found - {_NONE})
    ]
    if not mixed:
        return None
    result = np.empty((len(columns[0]), len(columns)), np.uint8)
    result[:] = np.array(kinds, np.uint8)
    for number in mixed:
        by_type: dict[type, int] = {**KIND_OF_TYPE, _NONE: kinds[number]}
        result[:, number] = np.fromiter(map(by_type.__getitem__, map(type, columns[number])), np.uint8)
    return result


def chunk_of_columns(
    columns: Sequence[Sequence[Value]], types: Sequence[set[type]], kinds: Sequence[Kind]
) -> TextChunk:
    """A chunk of some rows (at least one), together well below 2**31 bytes.

    `columns` are equally long; `types` are the types that occur in each, `kinds` the declared ones.
    """
    rows, width = len(columns[0]), len(columns)
    flat = pa.concat_arrays([_column(v, t) for v, t in zip(columns, types, strict=True)])
    order = np.arange(rows)[:, None] + np.arange(width) * rows  # row-major places of column-major values
    flat = flat.take(pa.array(order.ravel()))
    _, offsets, data = flat.buffers()
    bounds = np.frombuffer(offsets, np.int32, rows * width + 1, flat.offset * 4).astype(np.int64)
    nulls = None
    if flat.null_count:
        nulls = flat.is_null().to_numpy(zero_copy_only=False).reshape(rows, width)
    return TextChunk(
        buffer=np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8),
        starts=bounds[:-1].reshape(rows, width),
        ends=bounds[1:].reshape(rows, width),
        nulls=nulls,
        kinds=_kinds(columns, types, kinds),
    )


def chunk_of_row(row: Sequence[Value], kinds: Sequence[Kind]) -> TextChunk:
    """A chunk of one row, with a single copy of its bytes: for large rows, below 2**31 bytes."""
    texts = value_texts(row)
    lengths = np.fromiter((0 if t is None else len(t) for t in texts), np.int64, len(texts))
    ends: Offsets = np.cumsum(lengths).reshape(1, -1)
    nulls = np.array([[t is None for t in texts]])
    return TextChunk(
        buffer=np.frombuffer(b"".join(t for t in texts if t is not None), np.uint8),
        starts=ends - lengths,
        ends=ends,
        nulls=nulls if nulls.any() else None,
        kinds=_kinds([[v] for v in row], [{type(v)} for v in row], kinds),
    )
