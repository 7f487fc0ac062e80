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
from connectors.sources.postgresql.cutting import Column
from core.arrow import arrow_type, fixed
from core.logical import LogicalType

DIGITS = 18  # of a decimal that a 64-bit integer holds
_HEAD = 8
_GROUP = 4
_PAD = 8
_NEGATIVE = 0x4000
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
        exponents = [_GROUP * power + kind.scale for power in range(self._lowest, self._highest + 1)]
        # By power, from the lowest. Behind the groups that a value has others are read, which count nothing.
        factors = [0] * _PAD + [10 ** max(0, exponent) for exponent in exponents]
        self._factors = np.array(factors, np.int64)
        # The last group behind the point may hold more digits than the type: zeros.
        self._over = 10 ** max(0, -min(exponents, default=0))
        # And the first one before it fewer than four.
        self._most = 10 ** (whole - _GROUP * self._highest)

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
        # By its power where the first group's factor is.
        place = ((heads << 16) >> 48) - self._lowest + _PAD
        place[groups == 0] = _PAD
        odd = (heads & ~(_NEGATIVE << 16) & 0xFFFF_FFFF) != self._scale
        odd |= (place >= len(self._factors)) | (place - groups + 1 < _PAD)
        if odd.any():
            return self._texts(column)
        found = np.zeros(len(heads), np.int64)
        for number in range(int(groups.max(initial=0))):
            if number % _GROUP == 0:
                four = column.at(">i8", column.starts + (_HEAD + 2 * number))
            digits = (four >> (48 - 16 * (number % _GROUP))) & 0xFFFF
            digits *= groups > number
            if not number and (digits[place == len(self._factors) - 1] >= self._most).any():
                return self._texts(column)
            if self._over > 1:
                last = place == _PAD
                digits[last] //= self._over
            found += digits * self._factors.take(place, mode="clip")
            place -= 1
        np.negative(found, out=found, where=(heads & (_NEGATIVE << 16)) != 0)
        wide = np.empty((len(found), 2), np.int64)
        wide[:, 0] = found
        wide[:, 1] = found >> 63
        return fixed(self._kind, wide, column.nulls)

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
