"""Texts as a source printed them to Arrow arrays of the columns' logical types."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import TableShape
from core.chunk import Bytes, Mask, Offsets
from core.errors import Unfitting
from core.formats.block import Block, Index, gather
from core.formats.policy import TextPolicy
from core.logical import Holds, LogicalType
from core.model.format_settings import Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectType

_MOST_DIGITS = 76
_SHORT_DIGITS = 38
# Dates that no calendar has: cast first one by one, they would be found slowly. Arrow has a year 0, but most
# of its readers (Python's dates among them) begin with year 1.
_ZERO_DATE = r"^0000|-00"
_UTC = "+00"  # behind instants in UTC, as PostgreSQL prints them; MySQL leaves it out
_DAYS = {kind: pa.scalar(dt.datetime(1, 1, 1)).cast(kind) for kind in (pa.timestamp("us"), pa.date32())}


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
        self._varying = np.flatnonzero([_width(kind) is None for kind in kinds])
        self._fixed = sum(_width(kind) or 0 for kind in kinds)

    def row_bytes(self, block: Block) -> Offsets:
        """Bytes that a block's rows take in memory, up to and with each of them: int64, shape (rows,).

        NULLs, too, have the width of their type there.
        """
        lengths = block.lengths.reshape(block.rows, block.columns).take(self._varying, axis=1)
        return np.cumsum(np.einsum("ij->i", lengths.astype(np.int64)) + self._fixed)

    def batch(self, block: Block, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        """The rows of a block. Raises Unfitting, InvalidText."""
        try:
            return self._batch(block, schema, first_row)
        except _NoText:
            mended = self._policy.values(block, np.tile(self._is_text, block.rows), first_row)
            return self._batch(mended, schema, first_row)

    def _batch(self, block: Block, schema: pa.Schema, first_row: int) -> pa.RecordBatch:
        arrays = [self._array(block, number, field, first_row) for number, field in enumerate(schema)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _array(self, block: Block, number: int, field: pa.Field, first_row: int) -> pa.Array:
        kind = field.type
        bounds, data = _column(block, number)
        nulls = None if block.nulls is None else block.nulls.reshape(block.rows, block.columns)[:, number]
        if nulls is not None and not field.nullable and nulls.any():
            raise self._error(field.name, first_row + int(np.flatnonzero(nulls)[0]), "NULL", "NOT NULL value")
        raw = pa.binary() if pa.types.is_binary(kind) else pa.string()
        array = pa.Array.from_buffers(
            raw,
            block.rows,
            [_validity(nulls), pa.py_buffer(bounds), pa.py_buffer(data)],
        )
        if kind == raw:
            if pa.types.is_string(kind):
                try:
                    array.validate(full=True)
                except pa.ArrowInvalid as error:
                    raise _NoText from error
            return array
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


def _column(block: Block, number: int) -> tuple[Index, Bytes]:
    """The values of a column: where they begin and end, and the bytes."""
    if block.rows == 1:
        # It may be large: as it lies there.
        return np.ascontiguousarray(block.spans[number]), block.data
    packed = gather(block.data, block.column_spans(np.array([number], np.intp)))
    return packed.bounds, packed.data


def _width(kind: pa.DataType) -> int | None:
    """Bytes of a value in memory; None where they depend on the value."""
    return None if pa.types.is_string(kind) or pa.types.is_binary(kind) else (kind.bit_width + 7) // 8


def _validity(nulls: Mask | None) -> pa.Buffer | None:
    """The bitmap of Arrow for a mask of NULLs."""
    if nulls is None or not nulls.any():
        return None
    return pa.py_buffer(np.packbits(~nulls, bitorder="little"))


def notes(settings: ExportSettings) -> list[str]:
    """What a person should know about files with types of these settings."""
    words = ["TIME and YEAR are text: their values don't fit the types for times and dates."]
    if settings.on_unfit is Unfit.FAIL:
        words.append("A zero date stops its object: --on-unfit null writes NULL in its place, and counts.")
    else:
        words.append("Values that their type can't hold (zero dates) are written as NULL, and counted.")
    return words
