"""Rows of the MySQL text protocol cut into values, all rows of a buffer at once.

A row is a run of length-encoded strings, one for each column. Where a value begins is known only when the
one before it has been measured, so the rows advance together: column by column, with one numpy operation
for all of them ("lockstep"). No Python object is made for a value.

Source: "Protocol::ResultsetRow" (text) and "Protocol::LengthEncodedInteger" of the MySQL internals manual,
"Resultset row" of MariaDB's client/server protocol.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from core.chunk import Bytes, Mask, Offsets, TextChunk

# The first byte of a value: its length, or how the length follows.
NULL = 0xFB
LENGTH_2 = 0xFC
LENGTH_3 = 0xFD
LENGTH_8 = 0xFE
INVALID = 0xFF

# By first byte: how many bytes stand before the value beyond the first, and the value's length where the
# first byte alone tells it.
_EXTRA = np.zeros(256, dtype=np.int64)
_EXTRA[[LENGTH_2, LENGTH_3, LENGTH_8]] = (2, 3, 8)
_SHORT = np.arange(256, dtype=np.int64)
_SHORT[NULL:] = 0


class DamagedRow(Exception):
    """What was taken for a row isn't one: the values don't fill it."""


class RowSplitter:
    """Cuts rows of `columns` values. Its arrays are used again: a chunk holds until the next one is cut."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._before = np.arange(1, columns + 1)
        # Fresh memory costs more than the work that is done in it.
        self._along = self._starts = self._ends = np.empty(0, dtype=np.int64)

    def split(self, buffer: Bytes, begins: Offsets, ends: Offsets) -> TextChunk:
        """Cut rows into values.

        `begins` and `ends`, shape (rows,), say where in `buffer` each row's first value's length stands, and
        where the row ends. Returns a chunk over `buffer` itself with C-contiguous arrays. Raises DamagedRow
        where a row isn't exactly as many values as there are columns.
        """
        rows, columns = begins.shape[0], self.columns
        self._reserve(rows)
        # along[c] is where the length of value c stands, less c: so that the one byte that every value has
        # before it is added once for all at the end.
        along = self._along[: (columns + 1) * rows].reshape(columns + 1, rows)
        along[0] = begins
        extras: list[tuple[int, Offsets]] = []
        nulls: Mask | None = None
        try:
            for column, (here, following) in enumerate(pairwise(along)):
                lead = buffer[column:].take(here)
                if lead[lead.argmax()] < NULL:
                    np.add(here, lead, following)
                    continue
                sizes, extra = measure(buffer, here + column, lead)
                np.add(here, sizes, following)
                if extra is not None:
                    np.add(following, extra, following)
                    extras.append((column, extra))
                null = lead == NULL
                if null.any():
                    if nulls is None:
                        nulls = np.zeros((rows, columns), dtype=np.bool_)
                    nulls[:, column] = null
        except IndexError as error:
            raise DamagedRow("a value reaches past what was received") from error
        # No length is negative, so that a value beyond its row can't be made good by a later one.
        if not np.array_equal(along[columns] + columns, ends):
            raise DamagedRow("the values of a row don't fill it")
        value_starts = self._starts[: rows * columns].reshape(rows, columns)
        value_ends = self._ends[: rows * columns].reshape(rows, columns)
        np.add(along[:-1].T, self._before, value_starts)
        np.add(along[1:].T, self._before, value_ends)
        for column, extra in extras:
            value_starts[:, column] += extra
        return TextChunk(buffer=buffer, starts=value_starts, ends=value_ends, nulls=nulls)

    def _reserve(self, rows: int) -> None:
        if self._starts.shape[0] < rows * self.columns:
            self._along = np.empty(rows * (self.columns + 1), dtype=np.int64)
            self._starts = np.empty(rows * self.columns, dtype=np.int64)
            self._ends = np.empty(rows * self.columns, dtype=np.int64)


def measure(buffer: Bytes, at: Offsets, lead: Bytes) -> tuple[Offsets, Offsets | None]:
    """One value of each row, where some are NULL or longer than 250 bytes: their lengths, and how many bytes
    beyond the first stand before them (None: nowhere any)."""
    sizes = _SHORT.take(lead)
    longer = np.flatnonzero(lead > NULL)
    if not longer.size:
        return sizes, None
    extra = _EXTRA.take(lead)
    for code, width in ((LENGTH_2, 2), (LENGTH_3, 3), (LENGTH_8, 8)):
        which = longer[lead[longer] == code]
        if not which.size:
            continue
        position = at[which]
        size = np.zeros(which.size, dtype=np.uint64)
        for byte in range(width):
            size |= buffer.take(position + (1 + byte)).astype(np.uint64) << np.uint64(8 * byte)
        if width == 8 and size.max() > buffer.shape[0]:
            raise DamagedRow("a value is longer than what was received")
        sizes[which] = size.astype(np.int64)
    if lead[lead.argmax()] == INVALID:
        raise DamagedRow("a value has no valid length")
    return sizes, extra
