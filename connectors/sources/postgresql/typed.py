"""Rows with types: columns that leave the server in their types' own binary form, and what Arrow has of them.

Neither the server nor this side then makes a text of a number or a moment, nor reads one. Values that
Arrow's types can't take (infinity, dates before year 1 or after 9999, 24:00, NaN among decimals) are rare: a
column of a chunk that has one is given as texts, such values in the words in which the server prints them, so
that the file is the one that texts alone would make.

All numbers are big-endian. Integers and floats are what they are, a boolean is a byte. A date counts days, a
timestamp microseconds since 2000-01-01, the lowest and the highest number standing for infinity; a time
counts microseconds; for numeric see `numeric`. Source: the types' send functions (src/backend/utils/adt/
date.c, timestamp.c, float.c, int.c, bool.c) and "COPY" of the PostgreSQL manual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import TableShape
from connectors.sources.postgresql.copy import Copy
from connectors.sources.postgresql.cutting import Column, Numbers, cut
from connectors.sources.postgresql.numeric import DIGITS, Decimals
from connectors.sources.postgresql.sql import identifier
from connectors.sources.postgresql.types import ColumnType, expression, logical
from core.arrow import ArrowChunk, arrow_type, fixed, gathered
from core.chunk import Mask, Offsets
from core.logical import LogicalType

Make = Callable[[Numbers, "Mask | None", pa.DataType], pa.Array]

_EPOCH_DAYS = 10_957  # from 1970-01-01 to 2000-01-01
_DAY = 86_400_000_000  # microseconds
_EPOCH = _EPOCH_DAYS * _DAY
# Where years have four digits: from 0001-01-01 to before 10000-01-01, in days since 2000-01-01.
_FIRST, _END = -730_119, 2_921_940


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is asked for, what makes an array of what comes, and which numbers (of numpy) that is,
    where it is numbers."""

    asked: str
    make: Callable[[Column], pa.Array]
    form: str | None = None


def reading(name: str, column: ColumnType, wanted: LogicalType, *, lasting: bool = False) -> Reading:
    """`column` is what the server says that it is now, `wanted` what the file has of it. Where a column is
    known to be that when it is read (`lasting`), it needs no cast to its own type: with nothing but columns a
    tenth of the server's work is saved."""
    kind = arrow_type(wanted)
    if logical(column) == wanted:
        if column.plain in _FORMS:
            cast, form, make = _FORMS[column.plain]
            return Reading(
                _asked(name, cast, lasting and column.plain != "oid"),
                lambda values: make(values.numbers(form), values.nulls, kind),
                form,
            )
        if column.plain == "numeric" and 1 <= wanted.precision <= DIGITS:
            return Reading(_asked(name, "numeric", lasting), Decimals(wanted).array)
    raw = pa.binary() if pa.types.is_binary(kind) else pa.string()
    bare = lasting and not column.casts and column.plain in _BARE
    return Reading(
        identifier(name) if bare else expression(name, column),
        lambda values: gathered(raw, values.buffer, values.starts, values.ends, values.nulls),
    )


def _asked(name: str, cast: str, bare: bool) -> str:
    return identifier(name) if bare else f"{identifier(name)}::pg_catalog.{cast}"


class Typed:
    """Columns in their types: a `Way` of reading. For one result."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []

    def asked(
        self, shape: TableShape, types: Mapping[str, ColumnType], lasting: Callable[[], bool]
    ) -> list[str]:
        known = lasting()
        self._readings = [
            reading(c.name, types.get(c.name, ColumnType(c.type, c.type)), c.logical, lasting=known)
            for c in shape.columns
        ]
        return [each.asked for each in self._readings]

    def bytes_at_once(self, chunk_bytes: int) -> int:
        # The steps that a chunk takes, however few rows it has, are a quarter of all in a megabyte.
        return chunk_bytes + chunk_bytes // 2

    def chunks(self, copy: Copy) -> Iterator[ArrowChunk]:
        names = [str(number) for number in range(len(self._readings))]
        forms = [each.form for each in self._readings]
        for buffer, begins, ends in copy.rows():
            # All of it is known to be where it should before any of it is looked at.
            columns = list(cut(buffer, begins, ends, forms))
            arrays = [each.make(column) for each, column in zip(self._readings, columns, strict=True)]
            yield ArrowChunk(pa.RecordBatch.from_arrays(arrays, names))


def _plain(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
    return fixed(kind, found, nulls)


def _floats(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
    odd = np.isnan(found)
    if odd.any():
        found[odd] = np.nan  # which has many forms
    return fixed(kind, found, nulls)


def _booleans(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
    true = found != 0
    if nulls is not None:
        true &= ~nulls
    return pa.array(true, kind, mask=nulls)


def _dates(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
    odd = _beyond(found, nulls, _FIRST, _END)
    words = [_date(day) for day in found[odd].tolist()]
    found[odd] = 0
    found += np.int32(_EPOCH_DAYS)
    return _array(kind, found, nulls, odd, words)


def _moments(zone: str) -> Make:
    def make(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
        odd = _beyond(found, nulls, _FIRST * _DAY, _END * _DAY)
        words = [_moment(moment, zone) for moment in found[odd].tolist()]
        found[odd] = 0
        found += _EPOCH
        return _array(kind, found, nulls, odd, words)

    return make


def _times(found: Numbers, nulls: Mask | None, kind: pa.DataType) -> pa.Array:
    odd = _beyond(found, nulls, 0, _DAY)
    return _array(kind, found, nulls, odd, ["24:00:00"] * len(odd))


# Their binary form is the text, or the bytes.
_BARE = ("text", "character varying", "bytea")
# By types' names without modifiers: as what a column is asked for, which numbers come, what is made of them.
_FORMS: dict[str, tuple[str, str, Make]] = {
    "smallint": ("int2", ">i2", _plain),
    "integer": ("int4", ">i4", _plain),
    "bigint": ("int8", ">i8", _plain),
    "oid": ("int8", ">i8", _plain),
    "real": ("float4", ">f4", _floats),
    "double precision": ("float8", ">f8", _floats),
    "boolean": ("bool", ">u1", _booleans),
    "date": ("date", ">i4", _dates),
    "time without time zone": ("time", ">i8", _times),
    "timestamp without time zone": ("timestamp", ">i8", _moments("")),
    "timestamp with time zone": ("timestamptz", ">i8", _moments("+00")),
}


def _beyond(found: Numbers, nulls: Mask | None, first: int, end: int) -> Offsets:
    """Which of these numbers, NULLs left out, lie before `first` or not before `end`."""
    if nulls is not None:
        found[nulls] = first
    if not len(found) or (found.min() >= first and found.max() < end):
        return np.empty(0, np.int64)
    return np.flatnonzero((found < first) | (found >= end))


def _array(kind: pa.DataType, found: Numbers, nulls: Mask | None, odd: Offsets, words: list[str]) -> pa.Array:
    """Numbers in their type; as texts where some are `odd`, which are these words."""
    if not len(odd):
        return fixed(kind, found, nulls)
    found[odd] = 0
    plain = pa.timestamp("us") if pa.types.is_timestamp(kind) else kind
    where = np.zeros(len(found), np.bool_)
    where[odd] = True
    return pc.replace_with_mask(fixed(plain, found, nulls).cast(pa.string()), where, pa.array(words))


def _date(day: int) -> str:
    """Days since 2000-01-01 as the server prints them where they are no date of four digits."""
    if day in (_INT4.max, _INT4.min):
        return "infinity" if day > 0 else "-infinity"
    text, era = _day(day)
    return text + era


def _moment(moment: int, zone: str) -> str:
    """Microseconds since 2000-01-01 likewise."""
    if moment in (_INT8.max, _INT8.min):
        return "infinity" if moment > 0 else "-infinity"
    day, rest = divmod(moment, _DAY)
    seconds, fraction = divmod(rest, 1_000_000)
    text, era = _day(day)
    text += f" {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        text += f".{fraction:06}".rstrip("0")
    return text + zone + era


def _day(day: int) -> tuple[str, str]:
    # Years go on below 1 by counting, here; there is no year 0 before Christ.
    year, month, of_month = str(np.datetime64(day + _EPOCH_DAYS, "D")).rsplit("-", 2)
    number = int(year)
    return f"{number if number > 0 else 1 - number:04}-{month}-{of_month}", "" if number > 0 else " BC"


_INT4, _INT8 = np.iinfo(np.int32), np.iinfo(np.int64)
