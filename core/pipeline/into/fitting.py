"""Values on their way into columns of another kind of database: what a column can't hold is found before it
gets there, and texts are changed where the same value is written otherwise. Nothing is moved in a chunk:
values become NULL, or shorter where they lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import TableShape
from connectors.target_rules import Fit, Form, TargetColumn
from core.chunk import Bytes, Kind, Mask, Offsets, TextChunk
from core.errors import Unfitting
from core.logical import Holds
from core.model.format_settings import Unfit

_MOMENT = r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d+)?(\+00)?)?$"
_ZERO = r"^0000|-00"
_NOT_FINITE = r"(?i)[ni]"
_NAN = r"(?i)nan"
_LARGEST = b"3.4028235e+38"
_ZONE = np.frombuffer(b"+00", np.uint8)


class Fitting:
    """Fits chunks of one object. `warnings` says what policies did."""

    def __init__(self, shape: TableShape, columns: Sequence[TargetColumn], unfit: Unfit) -> None:
        self._shape = shape
        self._columns = columns
        self._unfit = unfit
        self._emptied = [0] * len(columns)
        self._rows = 0
        names = [column.name for column in shape.columns]
        self._key = [names.index(name) for name in shape.key if name in names]
        self._kinds = None if any(column.by_value for column in columns) else _kinds(shape, columns)

    @property
    def shape(self) -> TableShape:
        """The shape with the kinds that values have from here on."""
        if self._kinds is None:
            return self._shape
        columns = zip(self._shape.columns, self._kinds, strict=True)
        return replace(self._shape, columns=tuple(replace(column, kind=kind) for column, kind in columns))

    def fit(self, chunk: TextChunk) -> TextChunk:
        """Raises Unfitting, naming column and row."""
        if self._kinds is not None and chunk.kinds is not None:
            chunk = replace(chunk, kinds=None)
        elif self._kinds is None and chunk.kinds is None:
            kinds = np.array([column.kind for column in self._shape.columns], np.uint8)
            chunk = replace(chunk, kinds=np.broadcast_to(kinds, (chunk.rows, chunk.columns)))
        for number, column in enumerate(self._columns):
            if column.form is Form.BARE:
                chunk = _bare(chunk, number)
            if column.fit is not Fit.ANY:
                chunk = self._checked(chunk, number, column)
            if column.form is Form.DIGIT:
                chunk = _digits(chunk, number)
            elif column.form is Form.SINGLE:
                chunk = _singles(chunk, number)
        self._rows += chunk.rows
        return chunk

    def _checked(self, chunk: TextChunk, number: int, column: TargetColumn) -> TextChunk:
        unfit = _unfitting(_texts(chunk, number), column.fit)
        if chunk.nulls is not None:
            unfit &= ~chunk.nulls[:, number]
        if not unfit.any():
            return chunk
        if self._unfit is Unfit.FAIL or not column.nullable:
            raise self._error(chunk, int(np.flatnonzero(unfit)[0]), number, column)
        self._emptied[number] += int(unfit.sum())
        nulls = np.zeros(chunk.starts.shape, np.bool_) if chunk.nulls is None else chunk.nulls.copy()
        nulls[unfit, number] = True
        ends = chunk.ends.copy()
        ends[unfit, number] = chunk.starts[unfit, number]
        return replace(chunk, nulls=nulls, ends=ends)

    def _error(self, chunk: TextChunk, row: int, number: int, column: TargetColumn) -> Unfitting:
        place = f"row {self._rows + row + 1}"
        if self._key:
            names = [self._shape.columns[at].name for at in self._key]
            values = [_shown(chunk.value(row, at)) for at in self._key]
            place = ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
        hint = "Use --on-unfit null to put NULL in its place."
        return Unfitting(
            f"{self._shape.ref}, column {self._shape.columns[number].name}, {place}: "
            f"{_shown(chunk.value(row, number))} ({self._shape.columns[number].type}) is no {column.type}"
            " there.",
            hint if column.nullable else "Change or leave out the row.",
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(
            f"Column {column.name}: {count} values that don't fit {column.type} became NULL."
            for column, count in zip(self._columns, self._emptied, strict=True)
            if count
        )


def _kinds(shape: TableShape, columns: Sequence[TargetColumn]) -> list[Kind]:
    """By what a column is there: in a source where each value has its own type, it says more than a
    value's."""
    found = []
    for column, there in zip(shape.columns, columns, strict=True):
        if there.binary:
            found.append(Kind.BINARY)
        elif column.logical.holds in (Holds.INTEGER, Holds.DECIMAL, Holds.FLOAT):
            found.append(Kind.NUMBER)
        else:
            found.append(Kind.TEXT if column.kind is not Kind.PLAIN else Kind.PLAIN)
    return found


def _texts(chunk: TextChunk, number: int) -> pa.Array:
    """A column's values as Arrow has them: every second slice of one that also has the gaps between them."""
    bounds = np.empty(2 * chunk.rows, np.int32)
    bounds[0::2], bounds[1::2] = chunk.starts[:, number], chunk.ends[:, number]
    slices = pa.BinaryArray.from_buffers(
        pa.binary(), max(0, len(bounds) - 1), [None, pa.py_buffer(bounds), pa.py_buffer(chunk.buffer)]
    )
    return slices.take(pa.array(np.arange(0, len(bounds), 2)))


def _unfitting(texts: pa.Array, fit: Fit) -> Mask:
    """Which values don't fit. Those of NULLs say nothing."""
    if fit is Fit.NO_NUL:
        data = texts.buffers()[2]
        if data is None or not (np.frombuffer(data, np.uint8) == 0).any():
            return np.zeros(len(texts), np.bool_)
        return _mask(pc.greater_equal(pc.find_substring(texts, b"\0"), 0))
    plain = texts.cast(pa.string(), safe=False)
    if fit is Fit.FINITE:
        return _mask(pc.match_substring_regex(plain, _NOT_FINITE))
    if fit is Fit.NUMBER:
        return _mask(pc.match_substring_regex(plain, _NAN))
    fits = pc.and_(
        pc.match_substring_regex(plain, _MOMENT), pc.invert(pc.match_substring_regex(plain, _ZERO))
    )
    return ~_mask(fits) | ~_on_calendar(pc.if_else(fits, plain, pa.scalar(None, pa.string())), fit)


def _on_calendar(texts: pa.Array, fit: Fit) -> Mask:
    """Which texts of the form of a date are one; NULL is."""
    kind = pa.date32() if fit is Fit.DAY else pa.timestamp("us")
    if fit is Fit.MOMENT:
        texts = pc.replace_substring_regex(texts, r"\+00$", "")
    return np.concatenate([np.empty(0, np.bool_), *_castable(texts, kind)])


def _castable(texts: pa.Array, kind: pa.DataType) -> list[Mask]:
    """Halved until what can't be cast is alone."""
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return [np.zeros(1, np.bool_)]
        half = len(texts) // 2
        return _castable(texts[:half], kind) + _castable(texts[half:], kind)
    return [np.ones(len(texts), np.bool_)]


def _mask(found: pa.Array) -> Mask:
    mask: Mask = found.to_numpy(zero_copy_only=False)
    return mask.copy()


def _bare(chunk: TextChunk, number: int) -> TextChunk:
    """Without the zone of UTC behind it, where that stands there."""
    starts, stops = chunk.starts[:, number], chunk.ends[:, number]
    long = stops - starts > len(_ZONE)
    zoned = long.copy()
    last: Offsets = stops[long]
    zoned[long] = np.logical_and.reduce(
        [chunk.buffer[last - len(_ZONE) + at] == byte for at, byte in enumerate(_ZONE)]
    )
    if not zoned.any():
        return chunk
    ends = chunk.ends.copy()
    ends[zoned, number] -= len(_ZONE)
    return replace(chunk, ends=ends)


def _digits(chunk: TextChunk, number: int) -> TextChunk:
    """1 for true, 0 for false."""
    buffer: Bytes = chunk.buffer if chunk.buffer.flags.writeable else chunk.buffer.copy()
    ends = chunk.ends.copy()
    filled = ends[:, number] > chunk.starts[:, number]
    starts = chunk.starts[filled, number]
    buffer[starts] = np.where(buffer[starts] == ord("t"), ord("1"), ord("0"))
    ends[filled, number] = starts + 1
    return replace(chunk, buffer=buffer, ends=ends)


def _singles(chunk: TextChunk, number: int) -> TextChunk:
    """The largest number of 32 bits in a form that a strict server takes for it."""
    lengths = chunk.ends[:, number] - chunk.starts[:, number]
    rows = np.flatnonzero((lengths == len(_LARGEST)) | (lengths == len(_LARGEST) + 1))
    found = [row for row in rows.tolist() if (chunk.value(row, number) or b"").lstrip(b"-") == _LARGEST]
    if not found:
        return chunk
    buffer = chunk.buffer if chunk.buffer.flags.writeable else chunk.buffer.copy()
    buffer[chunk.ends[found, number] - len(b"5e+38")] = ord("4")
    return replace(chunk, buffer=buffer)


def _shown(value: bytes | None) -> str:
    if value is None:
        return "NULL"
    text = ascii(value.decode("utf-8", "backslashreplace"))[1:-1]
    return text if len(text) <= 60 else text[:60] + "…"
