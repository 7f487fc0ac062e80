"""Texts as a source printed them to Arrow arrays of the columns' logical types."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import TableShape
from core.arrow import arrow_type, validity
from core.chunk import Bytes, Offsets
from core.errors import Unfitting
from core.formats.block import Block, Index, gather
from core.formats.policy import TextPolicy
from core.model.format_settings import Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectType

# Dates that no calendar has: cast first one by one, they would be found slowly. Arrow has a year 0, but most
# of its readers (Python's dates among them) begin with year 1.
_ZERO_DATE = r"^0000|-00"
_UTC = "+00"  # behind instants in UTC, as PostgreSQL prints them; MySQL leaves it out
_DAYS = {kind: pa.scalar(dt.datetime(1, 1, 1)).cast(kind) for kind in (pa.timestamp("us"), pa.date32())}


Rows: TypeAlias = Block | pa.RecordBatch


def count_of(rows: Rows) -> int:
    """How many there are."""
    return rows.rows if isinstance(rows, Block) else int(rows.num_rows)


def arrow_schema(shape: TableShape, *, with_nulls: bool) -> pa.Schema:
    """The schema of an object's file. `with_nulls` lets every column have NULLs; those of a view always may,
    since servers guess there.
    """
    with_nulls = with_nulls or shape.ref.type is not ObjectType.TABLE
    return pa.schema(
        pa.field(
            column.name,
            arrow_type(column.logical),
            nullable=column.nullable or with_nulls,
            metadata={"source_type": column.type},
        )
        for column in shape.columns
    )


class TypedColumns:
    """Turns blocks of one object into record batches, and counts what policies did."""

    def __init__(self, shape: TableShape, unfit: Unfit, policy: TextPolicy) -> None:
        self._shape = shape
        self._unfit = unfit
        self._policy = policy
        self._is_text = np.array([pa.types.is_string(arrow_type(c.logical)) for c in shape.columns])
        self._emptied = np.zeros(len(shape.columns), np.int64)
        kinds = [arrow_type(column.logical) for column in shape.columns]
        self._varying = [number for number, kind in enumerate(kinds) if _width(kind) is None]
        self._fixed = sum(_width(kind) or 0 for kind in kinds)

    def row_bytes(self, rows: Rows) -> Offsets:
        """Bytes that rows take in memory, up to and with each of them: int64, shape (rows,).

        NULLs, too, have the width of their type there.
        """
        if isinstance(rows, Block):
            lengths = rows.lengths.reshape(rows.rows, rows.columns).take(self._varying, axis=1)
            return np.cumsum(np.einsum("ij->i", lengths.astype(np.int64)) + self._fixed)
        ends = self._fixed * np.arange(1, rows.num_rows + 1)
        for number in self._varying:
            ends += _ends(rows.column(number))
        return ends

    def total_bytes(self, rows: Rows) -> int:
        """What the last of `row_bytes` is."""
        if isinstance(rows, Block):
            return int(self.row_bytes(rows)[-1])
        columns = rows.columns
        return self._fixed * int(rows.num_rows) + sum(_total(columns[number]) for number in self._varying)

    def batch(self, rows: Rows, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        """Rows in the schema's types; `first_row` is the number of the first in the file, for messages.
        Raises Unfitting, InvalidText."""
        given = _arrays(rows, schema) if isinstance(rows, Block) else rows.columns
        try:
            return self._batch(given, schema, first_row)
        except _NoText:
            block = rows if isinstance(rows, Block) else _block(rows)
            mended = self._policy.values(block, np.tile(self._is_text, block.rows), first_row)
            texts = [
                _values(mended, number, field.type) if is_text else array
                for number, (field, is_text, array) in enumerate(
                    zip(schema, self._is_text, given, strict=True)
                )
            ]
            return self._batch(texts, schema, first_row)

    def _batch(self, given: Sequence[pa.Array], schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        arrays = [self._array(array, number, first_row, schema) for number, array in enumerate(given)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _array(self, given: pa.Array, number: int, first_row: int, schema: pa.Schema) -> pa.Array:
        """A column's values, of which those that aren't in the field's type are texts."""
        field = schema.field(number)
        kind = field.type
        if given.null_count and not field.nullable:
            row = int(np.flatnonzero(given.is_null().to_numpy(zero_copy_only=False))[0])
            raise self._error(field.name, first_row + row, "NULL", "NOT NULL value")
        if given.type == kind:
            if pa.types.is_string(kind) and not _is_ascii(given):
                try:
                    given.validate(full=True)
                except pa.ArrowInvalid as error:
                    raise _NoText from error
            return given
        array = given
        plain = pa.timestamp("us") if pa.types.is_timestamp(kind) else kind
        if plain != kind and pc.any(pc.ends_with(array, _UTC)).as_py():
            array = pc.replace_substring_regex(array, rf"{re.escape(_UTC)}$", "")
        try:
            cast = _cast(array, plain)
            fits = plain not in _DAYS or not _before_year_one(cast)
        except pa.ArrowInvalid:
            fits = False
        if not fits:
            cast = self._fitting(array, plain, number, first_row)
        return cast.view(kind) if kind != plain else cast

    def _fitting(self, array: pa.Array, kind: pa.DataType, number: int, first_row: int) -> pa.Array:
        """An array of which some values don't fit their type, with NULLs in their places."""
        column = self._shape.columns[number]
        fits = np.ones(len(array), np.bool_)
        if kind in _DAYS:
            zero = pc.match_substring_regex(array, _ZERO_DATE).fill_null(fill_value=False)
            fits &= ~zero.to_numpy(zero_copy_only=False)
        rest = array if fits.all() else pc.if_else(pa.array(fits), array, pa.scalar(None, array.type))
        cast = pa.concat_arrays(_cast_where_fit(rest, kind))
        lost = np.flatnonzero(
            array.is_valid().to_numpy(zero_copy_only=False) & ~cast.is_valid().to_numpy(zero_copy_only=False)
        )
        if len(lost) and self._unfit is Unfit.FAIL:
            shown = ascii(array[int(lost[0])].as_py())[1:-1][:60]
            raise self._error(column.name, first_row + int(lost[0]), f"{shown} ({column.type})", str(kind))
        self._emptied[number] += len(lost)
        return cast

    def _error(self, column: str, row: int, value: str, kind: str) -> Unfitting:
        return Unfitting(
            f"{self._shape.ref}, column {column}, row {row + 1}: {value} is no {kind}.",
            "Use --on-unfit null to write NULL in its place; text formats hold any value.",
        )

    def state(self) -> dict[str, int]:
        """How many values of each column were left out, by its number."""
        return {f"emptied.{number}": int(count) for number, count in enumerate(self._emptied) if count}

    def carry(self, counts: dict[str, int]) -> None:
        """Count on from such a state, among others."""
        for name, count in counts.items():
            kind, _, number = name.partition(".")
            if kind == "emptied":
                self._emptied[int(number)] = count

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(
            f"Column {column.name}: {count} values that don't fit {arrow_type(column.logical)}"
            " were written as NULL."
            for column, count in zip(self._shape.columns, self._emptied.tolist(), strict=True)
            if count
        )


class _NoText(Exception):
    """A value of a text column is no UTF-8."""


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Texts in a type. Raises pa.ArrowInvalid where one doesn't fit."""
    if not pa.types.is_time64(kind):
        return array.cast(kind)
    # Arrow reads no times, but moments.
    moments = pc.binary_join_element_wise("1970-01-01", array, " ").cast(pa.timestamp("us"))
    return moments.cast(kind)


def _cast_where_fit(array: pa.Array, kind: pa.DataType) -> list[pa.Array]:
    """Pieces of the array in the type, with NULL for what doesn't fit: halved until it is alone."""
    try:
        return [_cast(array, kind)]
    except pa.ArrowInvalid:
        if len(array) == 1:
            return [pa.nulls(1, kind)]
        half = len(array) // 2
        return _cast_where_fit(array[:half], kind) + _cast_where_fit(array[half:], kind)


def _before_year_one(array: pa.Array) -> bool:
    first = pc.min(array)
    return bool(first.is_valid and pc.less(first, _DAYS[array.type]).as_py())


def _arrays(block: Block, schema: pa.Schema) -> list[pa.Array]:
    """A block's columns, as the texts or bytes that they are."""
    return [_values(block, number, field.type) for number, field in enumerate(schema)]


def _values(block: Block, number: int, kind: pa.DataType) -> pa.Array:
    """A column's values as they came, which may be no valid text."""
    nulls = None if block.nulls is None else block.nulls.reshape(block.rows, block.columns)[:, number]
    if block.rows == 1:
        # It may be large: as it lies there, as long as that holds. From 0 on: of a single value that begins
        # elsewhere, Arrow's IPC wrote what stands before it, in versions up to 20 at least.
        begin, end = block.spans[number].tolist()
        bounds, data = np.array([0, end - begin], np.int32), block.data[begin:end]
    else:
        packed = gather(block.data, block.column_spans(np.array([number], np.intp)))
        bounds, data = packed.bounds, packed.data
    raw = pa.binary() if pa.types.is_binary(kind) else pa.string()
    return pa.Array.from_buffers(raw, block.rows, [validity(nulls), pa.py_buffer(bounds), pa.py_buffer(data)])


def _block(rows: pa.RecordBatch) -> Block:
    """Rows with types as a block: only where a policy has to look at them, or an error to name one."""
    columns = [array if _width(array.type) is None else array.cast(pa.string()) for array in rows.columns]
    lengths = np.column_stack([_lengths(array) for array in columns])
    data = b"".join(
        b"" if value is None else value
        for row in zip(*(array.cast(pa.binary()).to_pylist() for array in columns), strict=True)
        for value in row
    )
    ends = np.cumsum(lengths.ravel())
    spans = np.column_stack([ends - lengths.ravel(), ends]).astype(np.int32)
    nulls = np.column_stack([array.is_null().to_numpy(zero_copy_only=False) for array in columns])
    return Block(
        data=np.frombuffer(data, np.uint8),
        spans=spans,
        nulls=nulls.ravel() if nulls.any() else None,
        kinds=None,
        rows=rows.num_rows,
        columns=rows.num_columns,
    )


def owned(rows: pa.RecordBatch) -> pa.RecordBatch:
    """A copy, which lasts longer than the chunk that the rows came in."""
    arrays = [pa.concat_arrays([column, column.slice(0, 0)]) for column in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def alone(row: pa.RecordBatch) -> pa.RecordBatch:
    """One row of others as if it had come by itself: Arrow writes a slice in another way. Its texts and bytes
    may be large, and aren't copied."""
    arrays = []
    for column in row.columns:
        if _width(column.type) is not None:
            arrays.append(pa.concat_arrays([column, column.slice(0, 0)]))
            continue
        data = column.buffers()[2]
        begin, end = _bounds(column).tolist()
        bounds = pa.py_buffer(np.array([0, end - begin], np.int32))
        held = data.slice(begin, end - begin) if data is not None else None
        valid = validity(np.array([not column.is_valid()[0].as_py()]))
        arrays.append(pa.Array.from_buffers(column.type, 1, [valid, bounds, held]))
    return pa.RecordBatch.from_arrays(arrays, schema=row.schema)


def hollow(row: pa.RecordBatch, least: int) -> tuple[pa.RecordBatch, dict[int, Bytes]]:
    """One row, empty where it has texts or values of bytes that are `least` bytes long, and these, by the
    numbers of their columns."""
    large = {
        number: content
        for number, column in enumerate(row.columns)
        if _width(column.type) is None and not column.null_count and len(content := _content(column)) >= least
    }
    arrays = [
        pa.array([b""], column.type) if number in large else column
        for number, column in enumerate(row.columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=row.schema), large


def _is_ascii(array: pa.Array) -> bool:
    """Whether all bytes of its texts are ASCII, which is seen many times sooner than that they are UTF-8."""
    content = _content(array)
    return not len(content) or bool(content.max() < 0x80)


def _content(array: pa.Array) -> Bytes:
    """The bytes of its texts, one behind the other."""
    data = array.buffers()[2]
    if data is None or not len(array):
        return np.empty(0, np.uint8)
    first, last = _bounds(array)[[0, -1]].tolist()
    return np.frombuffer(data, np.uint8, last - first, first)


def _bounds(array: pa.Array) -> Index:
    """Where each of its texts or values of bytes begins in their buffer, and where the last one ends: int32,
    shape (rows + 1,). Not of an array without rows, which may have none."""
    return np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, 4 * array.offset)


def _lengths(array: pa.Array) -> Offsets:
    """Bytes of each text or value of bytes, 0 for NULL."""
    return np.asarray(pc.binary_length(array).fill_null(0), np.int64)


def _ends(array: pa.Array) -> Offsets:
    """The lengths of texts or values of bytes, added up to each of them."""
    if array.null_count or not len(array):
        # What a NULL may seem to have doesn't count.
        return np.cumsum(_lengths(array))
    bounds = _bounds(array)
    ends: Offsets = bounds[1:].astype(np.int64) - bounds[0]
    return ends


def _total(array: pa.Array) -> int:
    """The last of `_ends`."""
    if array.null_count or not len(array):
        return int(pc.sum(pc.binary_length(array)).as_py() or 0)
    bounds = _bounds(array)
    return int(bounds[-1]) - int(bounds[0])


def _width(kind: pa.DataType) -> int | None:
    """Bytes of a value in memory; None where they depend on the value."""
    return None if pa.types.is_string(kind) or pa.types.is_binary(kind) else (kind.bit_width + 7) // 8


def notes(settings: ExportSettings) -> list[str]:
    """What a person should know about files with types of these settings."""
    words = ["TIME and YEAR are text: their values don't fit the types for times and dates."]
    if settings.on_unfit is Unfit.FAIL:
        words.append("A zero date stops its object: --on-unfit null writes NULL in its place, and counts.")
    else:
        words.append("Values that their type can't hold (zero dates) are written as NULL, and counted.")
    return words
