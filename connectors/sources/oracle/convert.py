"""Arrow batches, and rows, to chunks of text.

The text of a value depends on nothing but the value and its column's type: chunks may be cut elsewhere when a
part is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sources.oracle import statements as sql
from core.chunk import Kind, TextChunk
from core.errors import ValueTooLarge

MAX_CHUNK_BYTES = (1 << 31) - (1 << 20)
# A chunk costs some 17 bytes beside each value.
_CHUNK_VALUES = 1 << 19


def texts(column: pa.Array, kind: Kind) -> pa.Array:
    """A column's values as the texts (or bytes) that they are written as: large_binary."""
    held = column.type
    if pa.types.is_decimal(held):
        column = _decimals(column, held)
    elif pa.types.is_floating(held):
        column = _floats(column)
    elif pa.types.is_integer(held) or pa.types.is_boolean(held):
        column = column.cast(pa.large_string())
    elif kind is Kind.NUMBER and pc.any(pc.match_substring_regex(column, r"^-?\.")).as_py():
        # The server prints .5
        column = pc.replace_substring_regex(column, r"^(-?)\.", r"\10.")
    return column.cast(pa.large_binary())


def _decimals(column: pa.Array, held: pa.DataType) -> pa.Array:
    """With as many digits behind the point as the type has. Arrow's own cast would write small ones with an
    exponent."""
    scale = held.scale
    whole = pa.Array.from_buffers(pa.decimal128(38, 0), len(column), column.buffers(), offset=column.offset)
    digits = whole.cast(pa.string())
    if scale:
        below = pc.starts_with(digits, "-")
        bare = pc.utf8_lpad(pc.utf8_ltrim(digits, "-"), scale + 1, "0")
        pointed = pc.binary_join_element_wise(
            pc.utf8_slice_codeunits(bare, 0, -scale), pc.utf8_slice_codeunits(bare, -scale), "."
        )
        digits = pc.if_else(below, pc.binary_join_element_wise("-", pointed, ""), pointed)
    return digits.cast(pa.large_string())


def _floats(column: pa.Array) -> pa.Array:
    """The shortest text that reads back to the same bits."""
    found = column.cast(pa.string())
    if not pc.all(pc.is_finite(column)).as_py():
        for arrow, said in (("inf", "Infinity"), ("-inf", "-Infinity"), ("nan", "NaN"), ("-nan", "NaN")):
            found = pc.if_else(pc.equal(found, arrow), said, found)
    return found.cast(pa.large_string())


def chunks(table: pa.Table, kinds: Sequence[Kind], chunk_bytes: int) -> Iterator[TextChunk]:
    """A batch as chunks of about so many bytes, or of one row that is longer. Raises ValueTooLarge."""
    if not table.num_rows:
        return
    columns = [
        texts(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0), kind)
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    lengths = np.zeros(table.num_rows, np.int64)
    for column in columns:
        lengths += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    until = np.concatenate([[0], np.cumsum(lengths)])
    most = max(1, _CHUNK_VALUES // len(columns))
    at = 0
    while at < table.num_rows:
        end = int(np.searchsorted(until, until[at] + chunk_bytes, side="right")) - 1
        end = min(max(end, at + 1), at + most, table.num_rows)
        if until[end] - until[at] > MAX_CHUNK_BYTES:
            raise ValueTooLarge(
                f"A row of {until[end] - until[at]} bytes came, and {MAX_CHUNK_BYTES} bytes are the limit.",
                "Leave the object or the column with such large values out.",
            )
        yield _chunk([column.slice(at, end - at) for column in columns])
        at = end


def _chunk(columns: Sequence[pa.Array]) -> TextChunk:
    rows, width = len(columns[0]), len(columns)
    flat = pa.concat_arrays(columns)
    if rows > 1 and width > 1:
        order = np.arange(rows)[:, None] + np.arange(width) * rows  # row-major places of column-major values
        flat = flat.take(pa.array(order.ravel()))
    _, offsets, data = flat.buffers()
    bounds = np.frombuffer(offsets, np.int64, rows * width + 1, flat.offset * 8)
    first = int(bounds[0])
    held = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    nulls = None
    if flat.null_count:
        nulls = flat.is_null().to_numpy(zero_copy_only=False).reshape(rows, width)
    return TextChunk(
        buffer=held[first : int(bounds[-1])],
        starts=(bounds[:-1] - first).reshape(rows, width),
        ends=(bounds[1:] - first).reshape(rows, width),
        nulls=nulls,
    )


def table_of(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Rows of the driver's own types as a batch like those that come by Arrow. Locators have been read."""
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array([_fitting(v, field.type) for v in column], field.type) for column, field in
         zip(columns, schema, strict=True)],
        schema=schema,
    )  # fmt: skip


def _fitting(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_large_string(kind):
        return value if isinstance(value, str) else word(value)
    if pa.types.is_integer(kind):
        return int(value)
    if pa.types.is_decimal(kind):
        return Decimal(value)
    return value


def word(value: Any) -> str:
    """A value of a type that isn't known here in words; bytes as hex digits."""
    if isinstance(value, bytes):
        return value.hex().upper()
    return str(value)


def file_locator(directory: str, name: str) -> str:
    """A BFILE as the expression that makes it: what it leads to isn't in the database."""
    return f"BFILENAME({sql.literal(directory)},{sql.literal(name)})"
