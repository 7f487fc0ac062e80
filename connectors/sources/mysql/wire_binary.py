"""Rows of the binary protocol cut into columns with types: a byte, a bitmap of NULLs, then the values.

Numbers lie there as they do in memory, so that they become arrays without a digit that the server prints or
that is read here; dates and moments do so by their fields (`wire_moments`). Everything else has its length
before it, as in the text protocol. All rows advance together, column by column, as in `wire_rows`.

Source: "Binary Protocol Resultset Row" and "Binary Protocol Value" of the MySQL client/server protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sources.mysql.wire_moments import Moment
from connectors.sources.mysql.wire_rows import NULL, DamagedRow, measure
from core.arrow import ArrowChunk, fixed, gathered, validity
from core.chunk import Bytes, Mask, Offsets

_FRONT = 1  # the byte before the bitmap
_FIRST_BIT = 2  # of a column; those before it stand for none
_BITS = 8


@dataclass(frozen=True, slots=True)
class Number:
    """Numbers of the same width: as what they lie there, and the type that they are wanted in, which can hold
    all of them."""

    wire: np.dtype[np.generic]
    kind: pa.DataType


@dataclass(frozen=True, slots=True)
class Text:
    """Values with their length before them: bytes, or texts as the server prints them."""

    kind: pa.DataType


Form: TypeAlias = Number | Moment | Text


class BinarySplitter:
    """Cuts rows of columns of these forms."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = tuple(forms)
        self._names = [str(number) for number in range(len(forms))]
        self._texts = [number for number, form in enumerate(forms) if isinstance(form, Text)]
        self._every_second = pa.array([], pa.int32())
        self._bitmap = (len(forms) + _FIRST_BIT + _BITS - 1) // _BITS

    @property
    def columns(self) -> int:
        return len(self._forms)

    def split(self, buffer: Bytes, begins: Offsets, ends: Offsets) -> ArrowChunk:
        """Cut rows into columns with memory of their own; a row that comes alone, which may be large, has the
        buffer's.

        `begins` and `ends`, shape (rows,), say where in `buffer` each row begins and ends; behind the last
        row are eight bytes at least. Raises DamagedRow where a row isn't exactly as many values as there are
        columns.
        """
        along = np.empty((self.columns + 1, begins.shape[0]), np.int64)
        np.add(begins, _FRONT + self._bitmap, along[0])
        try:
            nulls = self._nulls(buffer, begins)
            places = [
                _advance(form, buffer, here, following, nulls.get(number))
                for number, (form, (here, following)) in enumerate(
                    zip(self._forms, pairwise(along), strict=True)
                )
            ]
        except IndexError as error:
            raise DamagedRow("a value reaches past what was received") from error
        # No length is negative, so that a value beyond its row can't be made good by a later one.
        if not np.array_equal(along[-1], ends):
            raise DamagedRow("the values of a row don't fill it")
        arrays: list[pa.Array | None] = [None] * self.columns
        for number, (form, (starts, lengths)) in enumerate(zip(self._forms, places, strict=True)):
            if isinstance(form, Number):
                arrays[number] = _numbers(form, buffer, starts, nulls.get(number))
            elif isinstance(form, Moment):
                arrays[number] = form.read(buffer, starts, lengths, nulls.get(number))
        if self._texts:
            starts_of = [places[number][0] for number in self._texts]
            take = self._slice_texts if len(begins) == 1 else self._take_texts
            take(buffer, starts_of, along, nulls, arrays)
        return ArrowChunk(pa.RecordBatch.from_arrays(arrays, names=self._names))

    def _slice_texts(
        self,
        buffer: Bytes,
        starts: Sequence[Offsets],
        along: Offsets,
        nulls: dict[int, Mask],
        arrays: list[pa.Array | None],
    ) -> None:
        """The texts of one row, as they lie there."""
        for number, begin in zip(self._texts, starts, strict=True):
            kind = self._forms[number].kind
            arrays[number] = gathered(kind, buffer, begin, along[number + 1], nulls.get(number))

    def _take_texts(
        self,
        buffer: Bytes,
        starts: Sequence[Offsets],
        along: Offsets,
        nulls: dict[int, Mask],
        arrays: list[pa.Array | None],
    ) -> None:
        """The columns of texts: all at once, one behind the other."""
        rows = along.shape[1]
        bounds = np.empty((len(starts), rows, 2), np.int32)
        for place, (number, begin) in enumerate(zip(self._texts, starts, strict=True)):
            bounds[place, :, 0] = begin
            bounds[place, :, 1] = along[number + 1]
        count = len(starts) * rows
        # Every second slice; those between are gaps.
        slices = pa.Array.from_buffers(
            pa.binary(), 2 * count - 1, [None, pa.py_buffer(bounds), pa.py_buffer(buffer)]
        )
        if len(self._every_second) < count:
            self._every_second = pa.array(np.arange(0, 2 * count, 2, dtype=np.int32))
        taken = pc.take(slices, self._every_second[:count], boundscheck=False)
        _, offsets, data = taken.buffers()
        for place, number in enumerate(self._texts):
            own = offsets.slice(4 * place * rows, 4 * (rows + 1))
            kind = self._forms[number].kind
            arrays[number] = pa.Array.from_buffers(kind, rows, [validity(nulls.get(number)), own, data])

    def _nulls(self, buffer: Bytes, begins: Offsets) -> dict[int, Mask]:
        """Which rows are NULL, by the numbers of the columns where one is."""
        if buffer.take(begins).any():
            raise DamagedRow("a row begins with a byte that isn't 0")
        found: dict[int, Mask] = {}
        for byte in range(self._bitmap):
            bits = buffer.take(begins + (_FRONT + byte))
            some = int(np.bitwise_or.reduce(bits))
            for bit in range(_BITS):
                if some >> bit & 1:
                    found[byte * _BITS + bit - _FIRST_BIT] = (bits & (1 << bit)) != 0
        if any(not 0 <= column < self.columns for column in found):
            raise DamagedRow("a value is NULL that stands for no column")
        return found


def _advance(
    form: Form, buffer: Bytes, here: Offsets, following: Offsets, nulls: Mask | None
) -> tuple[Offsets, Bytes]:
    """Where values begin whose rows have got to `here`, and the first bytes before them, where there are any;
    says in `following` where they end. A NULL takes no byte."""
    if isinstance(form, Number):
        width = form.wire.itemsize
        np.add(here, width if nulls is None else np.where(nulls, 0, width), following)
        return here, buffer[:0]
    lead = buffer.take(here)
    if nulls is not None:
        lead[nulls] = 0
    begin = here + 1 if nulls is None else here + ~nulls
    if isinstance(form, Moment) or lead[lead.argmax()] < NULL:
        np.add(begin, lead, following)
        return begin, lead
    if (lead == NULL).any():
        raise DamagedRow("a value has no valid length")
    sizes, extra = measure(buffer, here, lead)
    if extra is not None:
        begin += extra
    np.add(begin, sizes, following)
    return begin, lead


def _numbers(form: Number, buffer: Bytes, starts: Offsets, nulls: Mask | None) -> pa.Array:
    width = form.wire.itemsize
    # At every byte a number might begin.
    at_each: npt.NDArray[np.generic] = np.ndarray(
        (buffer.shape[0] - width + 1,), form.wire, buffer, strides=(1,)
    )
    return fixed(form.kind, at_each[starts].astype(form.kind.to_pandas_dtype(), copy=False), nulls)
