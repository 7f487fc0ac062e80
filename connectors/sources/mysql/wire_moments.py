"""Dates and moments of the binary protocol: their fields become days or microseconds since 1970.

They have a length before them: 0 or 4 for a date, 0, 4, 7 or 11 for a moment. Then year (two bytes), month,
day, hour, minute, second, and microseconds (four bytes); what is left out at the end is zero. These
servers have dates that no calendar has (0000-00-00, 2020-00-15, 2021-02-31): where one is among them, all
are texts, as the server prints them.

Source: "ProtocolBinary::MYSQL_TYPE_DATETIME" of the MySQL client/server protocol.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sources.mysql.wire_rows import DamagedRow
from core.arrow import fixed, validity
from core.chunk import Bytes, Mask, Offsets

Whole = npt.NDArray[np.int64]

_DATE, _CLOCK, _ALL = 4, 7, 11  # up to which field a value of that length goes
# By a first byte: whether it is the length of a moment, and of a date.
_IS_LENGTH = np.zeros((2, 256), np.bool_)
_IS_LENGTH[0, [0, _DATE, _CLOCK, _ALL]] = True
_IS_LENGTH[1, [0, _DATE]] = True
_YEARS, _MONTHS = 10_000, 16
_DAY_SECONDS = 86_400
_SECOND = 1_000_000
_MOST_DECIMALS = 6


def _calendar() -> tuple[Whole, npt.NDArray[np.uint64]]:
    """By 16 * year + month: the day before the month's first, since 1970, and how many days it has; none in
    the year 0, which most readers of files don't have."""
    months = np.arange(np.datetime64("0000-01"), np.datetime64("10000-01"))
    firsts = months.astype("datetime64[D]").astype(np.int64)
    before = np.zeros((_YEARS, _MONTHS), np.int64)
    lengths = np.zeros((_YEARS, _MONTHS), np.uint64)
    before[:, 1:13] = firsts.reshape(_YEARS, 12) - 1
    lengths[1:, 1:13] = np.diff(firsts, append=firsts[-1] + 31).reshape(_YEARS, 12)[1:]
    return before.ravel(), lengths.ravel()


_BEFORE, _LONG = _calendar()


@dataclass(frozen=True, slots=True)
class Moment:
    """Values of a column of moments, or of dates where `kind` is one. The server prints so many `decimals` of
    a second."""

    kind: pa.DataType
    decimals: int = 0

    @property
    def dates(self) -> bool:
        return bool(pa.types.is_date(self.kind))

    def read(self, buffer: Bytes, starts: Offsets, lengths: Bytes, nulls: Mask | None) -> pa.Array:
        """`starts` say where their years stand, `lengths` how long they are (0 for NULL), both of shape
        (rows,). Gives an array of `kind`, or of texts. Raises DamagedRow."""
        if not _IS_LENGTH[int(self.dates)].take(lengths).all():
            raise DamagedRow("a date has no valid length")
        fields = _Fields(buffer, starts, lengths)
        if fields.year.max() < _YEARS and fields.month.max() < _MONTHS:
            month = fields.year << 4 | fields.month
            # A day of 0 is a very large one.
            fit = (fields.day - 1).view(np.uint64) < _LONG.take(month)
            if nulls is not None:
                fit |= nulls
            if fit.all():
                days = _BEFORE.take(month) + fields.day
                values = days.astype(np.int32) if self.dates else fields.since(days)
                return fixed(self.kind, values, nulls)
        return fields.texts(validity(nulls), clock=not self.dates, decimals=self.decimals)


class _Fields:
    """The fields of moments, each of shape (rows,)."""

    def __init__(self, buffer: Bytes, starts: Offsets, lengths: Bytes) -> None:
        self._last: npt.NDArray[np.uint32] | None = None
        shortest, longest = int(lengths.min()), int(lengths.max())
        first: Whole
        if longest == _DATE:
            first = np.ndarray((buffer.shape[0] - 3,), "<u4", buffer, strides=(1,))[starts].astype(np.int64)
        else:
            first = np.ndarray((buffer.shape[0] - 7,), "<i8", buffer, strides=(1,))[starts]
            if shortest < _CLOCK:
                first &= np.where(lengths < _CLOCK, 0xFFFFFFFF, -1)
        if not shortest:
            first[lengths == 0] = 0
        if longest > _CLOCK:
            self._last = np.ndarray((buffer.shape[0] - 3,), "<u4", buffer, strides=(1,))[starts + _CLOCK]
            if shortest <= _CLOCK:
                self._last[lengths <= _CLOCK] = 0
        self.year = first & 0xFFFF
        self.month = first >> 16 & 0xFF
        self.day = first >> 24 & 0xFF
        self._clock = first

    def _part(self, shift: int) -> Whole:
        return self._clock >> shift & 0xFF

    def since(self, days: Whole) -> Whole:
        """Microseconds since 1970."""
        seconds = (self._part(32) * 60 + self._part(40)) * 60 + self._part(48)
        found: Whole = (days * _DAY_SECONDS + seconds) * _SECOND
        if self._last is not None:
            found += self._last
        return found

    def texts(self, valid: pa.Buffer | None, *, clock: bool, decimals: int) -> pa.Array:
        """As the server prints them."""
        parts: list[tuple[Whole, int, str]] = [(self.year, 4, "-"), (self.month, 2, "-"), (self.day, 2, " ")]
        if clock:
            parts += [(self._part(32), 2, ":"), (self._part(40), 2, ":"), (self._part(48), 2, ".")]
            if 0 < decimals <= _MOST_DECIMALS:
                micros = np.zeros_like(self.year) if self._last is None else self._last.astype(np.int64)
                parts.append((micros // 10 ** (_MOST_DECIMALS - decimals), decimals, "."))
        rows, width = len(self.year), sum(digits + 1 for _, digits, _ in parts) - 1
        texts = np.empty((rows, width + 1), np.uint8)
        at = 0
        for value, digits, behind in parts:
            rest = value
            for place in range(at + digits - 1, at - 1, -1):
                rest, texts[:, place] = np.divmod(rest, 10)
            texts[:, at : at + digits] += ord("0")
            at += digits + 1
            texts[:, at - 1] = ord(behind)
        bounds = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
        data = np.ascontiguousarray(texts[:, :width])
        return pa.Array.from_buffers(pa.string(), rows, [valid, pa.py_buffer(bounds), pa.py_buffer(data)])
