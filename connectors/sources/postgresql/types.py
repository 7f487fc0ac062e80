"""Column types of PostgreSQL: how a value's bytes are understood, and which expression reads them exactly.

Everything is read as text, in the form that the server's own output functions give with DateStyle ISO,
IntervalStyle postgres, extra_float_digits 1 and TimeZone UTC (pinned at login); only bytea comes as its
bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.sources.postgresql.sql import identifier
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType

_INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64, "oid": 64}
_NUMBERS = {*_INTEGER_BITS, "real", "double precision", "numeric"}
# Words and digits only. Not interval, whose text may be of any style an old view has frozen; not arrays.
_PLAIN = {
    "date", "time without time zone", "time with time zone", "timestamp without time zone",
    "timestamp with time zone", "uuid", "boolean", "inet", "cidr", "macaddr", "macaddr8", "pg_lsn",
}  # fmt: skip
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_MODIFIER = re.compile(r"\([^)]*\)")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type: `name` as format_type prints it with its modifier, `base` that of what a domain is
    over, down to what is no domain. `casts`: a cast of its own leads to text, which may say something else
    than its output function."""

    name: str
    base: str
    casts: bool = False

    @property
    def plain(self) -> str:
        """`timestamp(3) without time zone` → `timestamp without time zone`."""
        return without_modifier(self.base)


def without_modifier(name: str) -> str:
    """`timestamp(3) without time zone` → `timestamp without time zone`."""
    return _MODIFIER.sub("", name).replace("  ", " ").strip()


def kind(column: ColumnType) -> Kind:
    if column.plain in _NUMBERS:
        return Kind.NUMBER
    if column.plain in _PLAIN:
        return Kind.PLAIN
    return Kind.BINARY if column.plain == "bytea" else Kind.TEXT


def logical(column: ColumnType) -> LogicalType:
    """A numeric without a scale is text: it may have any, and NaN. Intervals, times with a zone, ranges,
    arrays are text too."""
    plain = column.plain
    if plain in _INTEGER_BITS:
        return LogicalType(Holds.INTEGER, bits=_INTEGER_BITS[plain])
    if found := _NUMERIC.fullmatch(column.base):
        precision, scale = int(found[1]), int(found[2])
        return (
            LogicalType(Holds.DECIMAL, precision=precision, scale=scale) if 0 <= scale <= precision else TEXT
        )
    return _OTHERS.get(plain, TEXT)


_OTHERS = {
    "real": LogicalType(Holds.FLOAT, bits=32),
    "double precision": LogicalType(Holds.FLOAT, bits=64),
    "date": LogicalType(Holds.DATE),
    "time without time zone": LogicalType(Holds.TIME),
    "timestamp without time zone": LogicalType(Holds.TIMESTAMP),
    "timestamp with time zone": LogicalType(Holds.TIMESTAMP, utc=True),
    "boolean": LogicalType(Holds.BOOLEAN),
    "bytea": BYTES,
}


def expression(name: str, column: ColumnType) -> str:
    """What to select so that the value arrives as the server itself prints it, as text, or bytea."""
    quoted = identifier(name)
    if column.plain == "bytea":
        return f"{quoted}::pg_catalog.bytea"
    if column.casts and column.plain != "boolean":
        # A cast would cut off the spaces of character, and add the length of its network to inet. DISTINCT,
        # since a composite value of NULLs IS NULL and is none.
        return f"CASE WHEN {quoted} IS DISTINCT FROM NULL THEN pg_catalog.concat({quoted}) END"
    return f"{quoted}::pg_catalog.text"
