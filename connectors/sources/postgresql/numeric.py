"""Decimals from the binary form of numeric, with steps for all values of a column at once.

A value is four times 16 bits (how many groups of four digits there are, the power of 10,000 by which the
first counts, the sign, how many digits are printed behind the point) and then the groups. Source:
numeric_send and get_str_from_var in src/backend/utils/adt/numeric.c of PostgreSQL.
"""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

from connectors.lost import not_understood
from connectors.sources.postgresql.cutting import Column, Numbers
from core.arrow import arrow_type, fixed
from core.chunk import Offsets
from core.logical import LogicalType

DIGITS = 18  # of a decimal that a 64-bit integer holds
_HEAD = 8
_GROUP = 4
_NEGATIVE = 0x4000
_SIGN = 30  # the bit of it in the first 64
_ALL_BUT_SIGN = 0xFFFF_FFFF & ~(1 << _SIGN)
# For four groups in 64 bits: how far down they are moved, by the first one's power; what of them is kept, by
# how many of the lowest powers have none; the lower one of two.
_DOWN = np.array([48, 32, 16, 0], np.uint64)
_OWN = np.array([(1 << 64) - (1 << 16 * power) for power in range(_GROUP + 1)], np.uint64)
_LOWER = np.uint64(0x0000_FFFF_0000_FFFF)
_NAMES = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}
_head = struct.Struct(">HhHH").unpack_from


class Decimals:
    """Makes decimals of one type, of at most DIGITS digits."""

    def __init__(self, kind: LogicalType) -> None:
        self._kind = arrow_type(kind)
        self._scale = kind.scale
        whole = kind.precision - kind.scale
        self._lowest = -kind.scale // _GROUP
        self._highest = -(-whole // _GROUP) - 1
        powers = range(self._highest - self._lowest + 1)
        exponents = [_GROUP * (power + self._lowest) + kind.scale for power in powers]
        # What a group counts, by its power from the lowest.
        self._factors = np.array([10 ** max(0, exponent) for exponent in exponents], np.int64)
        # The last group behind the point may hold more digits than the type: zeros.
        self._over = 10 ** max(0, -min(exponents))
        # And the first one before it fewer than four.
        self._most = 10 ** (whole - _GROUP * self._highest)
        self._end = 10**kind.precision

    def array(self, column: Column) -> pa.Array:
        """Decimals; the texts that the server prints where one of them is none of the type (NaN). Raises
        ConnectionLost for what is no numeric."""
        heads = column.at(">i8", column.starts)
        sizes = column.ends - column.starts
        if column.nulls is not None:
            heads[column.nulls], sizes[column.nulls] = self._scale, _HEAD
        groups = heads >> 48
        if not np.array_equal(sizes, _HEAD + 2 * groups):
            raise not_understood("a decimal has another size")
        # The power of the first group, from the lowest that the type has. Zero has no group.
        power = ((heads << 16) >> 48) - self._lowest
        if not groups.min():
            power[groups == 0] = 0
        highest = power.max()
        if (
            ((heads & _ALL_BUT_SIGN) != self._scale).any()
            or highest >= len(self._factors)
            or (power - groups).min() < -1
        ):
            return self._texts(column)
        found = (self._of_four if highest < _GROUP else self._of_many)(column, groups, power)
        if found is None:
            return self._texts(column)
        negative = (heads >> _SIGN) & 1
        found ^= -negative
        found += negative
        wide = np.empty((len(found), 2), np.int64)
        wide[:, 0] = found
        wide[:, 1] = found >> 63
        return fixed(self._kind, wide, column.nulls)

    def _of_four(self, column: Column, groups: Offsets, power: Offsets) -> Numbers | None:
        """What values count, signs left aside, none of which has a group of a higher power than the fourth:
        four groups taken at once, moved to where their powers are, and added in two steps. None where one
        has too many digits for the type."""
        four = column.at(">u8", column.starts + _HEAD)
        four >>= _DOWN.take(power)
        # What lies behind a value's groups is none of its own.
        four &= _OWN.take(power - groups + 1)
        pairs = ((four >> 16) & _LOWER) * 10_000
        pairs += four & _LOWER
        found: Numbers = ((pairs >> 32) * 100_000_000 + (pairs & 0xFFFF_FFFF)).view(np.int64)
        if self._over > 1:
            found //= self._over
        return None if found.max() >= self._end else found

    def _of_many(self, column: Column, groups: Offsets, power: Offsets) -> Numbers | None:
        """The same of any values, one group after the other."""
        found = np.zeros(len(groups), np.int64)
        for number in range(int(groups.max())):
            if number % _GROUP == 0:
                four = column.at(">i8", column.starts + (_HEAD + 2 * number))
            digits = (four >> (48 - 16 * (number % _GROUP))) & 0xFFFF
            digits *= groups > number
            if not number and (digits[power == len(self._factors) - 1] >= self._most).any():
                return None
            if self._over > 1:
                digits[power == number] //= self._over
            found += digits * self._factors.take(power - number, mode="clip")
        return found

    @staticmethod
    def _texts(column: Column) -> pa.Array:
        nulls = np.zeros(len(column.starts), np.bool_) if column.nulls is None else column.nulls
        spans = zip(column.starts.tolist(), column.ends.tolist(), nulls.tolist(), strict=True)
        texts = [None if null else printed(column.buffer[begin:end].tobytes()) for begin, end, null in spans]
        return pa.array(texts, pa.string())


def printed(value: bytes) -> str:
    """A numeric as the server prints it."""
    count, power, sign, scale = _head(value)
    if sign in _NAMES:
        return _NAMES[sign]
    groups = struct.unpack_from(f">{count}H", value, _HEAD)

    def digits(powers: range) -> str:
        return "".join(f"{groups[power - each] if 0 <= power - each < count else 0:04}" for each in powers)

    text = digits(range(power, -1, -1)).lstrip("0") or "0"
    if scale:
        text += "." + digits(range(-1, -scale // _GROUP - 1, -1))[:scale]
    return "-" + text if sign == _NEGATIVE else text
