"""Rows of COPY's binary form cut into values: column by column, the values of all rows at once.

A row is the number of columns (16 bits) and for each column a length (32 bits, -1 for NULL) and so many
bytes. Columns whose values are numbers of one size, and that hold no NULL, stand at the same distances in
each row: such neighbours are taken together, as a record of lengths and numbers, and the length of the value
behind them, since gathering many bytes takes no longer than gathering few.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from connectors.lost import not_understood
from core.chunk import Bytes, Mask, Offsets, TextChunk
from core.errors import SchemaChanged

COUNT = struct.Struct(">h")
_LENGTH = 4
Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column: where in the buffer each begins and ends (int64, shape (rows,)), which of
    them are NULL (None: none) and so have no bytes. `taken` are the values themselves where they have been
    taken already, as numbers."""

    buffer: Bytes
    starts: Offsets
    ends: Offsets
    nulls: Mask | None
    taken: Numbers | None = None

    def numbers(self, form: str) -> Numbers:
        """Its values, which are numbers of this form (of numpy), in the machine's own order of bytes; any
        number for NULL. Raises ConnectionLost where one has another size."""
        if self.taken is not None:
            return self.taken.astype(np.dtype(form).newbyteorder("="))
        size = np.dtype(form).itemsize
        other = self.ends - self.starts != size
        if self.nulls is not None:
            other &= ~self.nulls
        if other.any():
            raise not_understood(f"a value has another size than {size} bytes")
        return self.at(form, self.starts)

    def at(self, form: str, places: Offsets) -> Numbers:
        """The numbers of a form that begin at these places of the buffer, which may have zeros behind it."""
        kind = np.dtype(form)
        buffer = self.buffer
        missing = int(places.max(initial=0)) + kind.itemsize - buffer.size
        if missing > 0:
            buffer = np.concatenate([buffer, np.zeros(missing, np.uint8)])
        return _anywhere(buffer, kind)[places].astype(kind.newbyteorder("="))


def split(buffer: Bytes, begins: Offsets, ends: Offsets, columns: int) -> TextChunk:
    """Cut rows, which begin and end at these places of a buffer, into a chunk. Raises as `cut` does."""
    rows = len(begins)
    starts = np.empty((rows, columns), np.int64)
    value_ends = np.empty((rows, columns), np.int64)
    nulls = np.zeros((rows, columns), np.bool_)
    for number, values in enumerate(cut(buffer, begins, ends, [None] * columns)):
        starts[:, number], value_ends[:, number] = values.starts, values.ends
        if values.nulls is not None:
            nulls[:, number] = values.nulls
    return TextChunk(buffer, starts, value_ends, nulls if nulls.any() else None)


def cut(buffer: Bytes, begins: Offsets, ends: Offsets, forms: Sequence[str | None]) -> Iterator[Column]:
    """Cut rows, which begin and end at these places of a buffer, into values. `forms` says of each column
    which numbers (of numpy) its values are, None where they have no one size. Only the end of the iterator
    says that the values fill their rows.

    Raises SchemaChanged for another number of columns, ConnectionLost where the values don't fill a row.
    """
    columns = len(forms)
    shortest = (ends - begins).min()
    if shortest < COUNT.size:
        raise not_understood("a row is too short")
    found = _anywhere(buffer, np.dtype(">i2"))[begins]
    if not (found == columns).all():
        other = int(found[found != columns][0])
        raise SchemaChanged(
            f"The server answered with {other} columns where {columns} were asked for.",
            "Start the task again: it then reads the object as it is now.",
        )
    if shortest < COUNT.size + _LENGTH * columns:
        raise not_understood("a row is too short")
    here = begins + COUNT.size
    for count, record in _runs(tuple(forms)):
        together = [] if record is None else _together(buffer, here, record)
        for column in together:
            yield column
            here = column.ends
        for _ in range(count - len(together)):
            column = _alone(buffer, here, _lengths(buffer, here))
            yield column
            here = column.ends
    if not np.array_equal(here, ends):
        raise not_understood("the values of a row don't fill it")


def _lengths(buffer: Bytes, here: Offsets) -> Offsets:
    """What stands here as lengths of values."""
    try:
        return _anywhere(buffer, np.dtype(">i4"))[here].astype(np.int64)
    except IndexError:
        raise not_understood("a value reaches past its row") from None


def _alone(buffer: Bytes, here: Offsets, size: Offsets) -> Column:
    """The column whose lengths stand here, which are these."""
    starts = here + _LENGTH
    nulls = None
    if size.min() < 0:
        nulls = size < 0
        size[nulls] = 0
    return Column(buffer, starts, starts + size, nulls)


def _together(buffer: Bytes, here: Offsets, record: np.dtype[np.void]) -> list[Column]:
    """Columns that stand at the same distances in all rows, the first one's lengths here, and the one behind
    them, whose length belongs to the record; none where there is a value of another size, or NULL."""
    # Without its fields: a record would be copied field by field.
    places = _anywhere(buffer, np.dtype((np.void, record.itemsize)))
    if here.max() >= len(places):
        return []
    records = places[here].view(record)
    names = record.names or ()
    found = []
    for size, value in zip(names[::2], names[1::2], strict=False):
        taken = records[value]
        if (records[size] != taken.itemsize).any():
            return []
        ends = here + (_LENGTH + taken.itemsize)
        found.append(Column(buffer, here + _LENGTH, ends, None, taken))
        here = ends
    if len(names) % 2:
        found.append(_alone(buffer, here, records[names[-1]].astype(np.int64)))
    return found


@lru_cache(maxsize=64)
def _runs(forms: tuple[str | None, ...]) -> list[tuple[int, np.dtype[np.void] | None]]:
    """Neighbours that may be taken together, the last of which may have any size: how many there are, and as
    what record; None: one by one."""
    runs: list[tuple[int, np.dtype[np.void] | None]] = []
    begin = 0
    while begin < len(forms):
        end = begin
        fields = []
        while end < len(forms) and forms[end] is not None:
            fields += [(f"size{end}", ">i4"), (f"value{end}", str(forms[end]))]
            end += 1
        if end < len(forms):
            fields.append((f"size{end}", ">i4"))
            end += 1
        runs.append((end - begin, np.dtype(fields) if len(fields) > 1 else None))
        begin = end
    return runs


def _anywhere(buffer: Bytes, kind: np.dtype[Any]) -> Numbers:
    """What would be read of this kind at each byte of the buffer: to be indexed, for `take` would copy all of
    what isn't aligned."""
    count = max(0, buffer.size - kind.itemsize + 1)
    return np.ndarray((count,), kind, buffer.data, strides=(1,))
