"""What a column holds, apart from how a server names it: what typed formats write, and what others decide by.

A source says it of each column as far as it knows; a value is then a text that the type can hold, unless the
server has values there that no such type holds (zero dates), which the format treats by policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Holds(StrEnum):
    """The families of types. TEXT is what everything else is taken for."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    TEXT = "text"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class LogicalType:
    """A type of one family, with what belongs to it.

    bits       INTEGER: 8, 16, 32 or 64; FLOAT: 32 or 64
    signed     INTEGER
    precision  DECIMAL: digits in all, up to 76
    scale      DECIMAL: digits behind the point
    utc        TIMESTAMP: a point in time, printed in UTC; else a date and time of no zone
    """

    holds: Holds
    bits: int = 64
    signed: bool = True
    precision: int = 0
    scale: int = 0
    utc: bool = False

    @property
    def beyond_double(self) -> bool:
        """Whether it holds numbers that a double can't have all of."""
        return self.holds is Holds.DECIMAL or (self.holds is Holds.INTEGER and self.bits == 64)


TEXT = LogicalType(Holds.TEXT)
BYTES = LogicalType(Holds.BYTES)
