"""What becomes of types: which column a table has there for a column of the source, and which columns of a
table that is there can take one. Nothing is lost in silence: what a type can't hold of all values is another
type, or is looked for in the values (`Fit`), or is refused before a row is read.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from connectors.base import SourceColumn
from core.logical import Holds, LogicalType
from core.model.vocabulary import Mode

_FAMILIES = {Mode.MARIADB: "mysql", Mode.OCEANBASE: "mysql"}
_FRACTION = re.compile(r"\((\d+)\)")
_LENGTH = re.compile(r"^(?:n?varchar2?|character varying|n?char|character)\s*\((\d+)\)", re.IGNORECASE)


def family(mode: Mode | str) -> str:
    """`mysql` for MySQL, MariaDB and OceanBase, which take each other's definitions; else the mode itself."""
    return _FAMILIES.get(Mode(mode), str(mode))


class Fit(StrEnum):
    """What is looked for in the values of a column before they go there, since its type can't hold it.

    ANY      nothing: it holds them all
    DAY      dates that no calendar has, before year 1 or after 9999
    MOMENT   the same of a date with a time
    FINITE   NaN and infinity
    NUMBER   NaN
    NO_NUL   text with a NUL in it
    """

    ANY = "any"
    DAY = "day"
    MOMENT = "moment"
    FINITE = "finite"
    NUMBER = "number"
    NO_NUL = "no-nul"


class Form(StrEnum):
    """How a value's text must be changed to be read there. KEEP: not at all. DIGIT: true and false are 1 and
    0. BARE: a moment in UTC loses the `+00` behind it. SINGLE: the shortest text of the largest 32-bit
    number, which lies above it, becomes one below it that means the same number."""

    KEEP = "keep"
    DIGIT = "digit"
    BARE = "bare"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column of a table there: its `name`, `type` as it is declared, whether NULL may be in it. `binary`:
    values are bytes; `by_value`: each value has a type of its own, which it keeps. `note` says where
    something isn't as it was, without being lost."""

    name: str
    type: str
    nullable: bool = True
    binary: bool = False
    fit: Fit = Fit.ANY
    form: Form = Form.KEEP
    note: str = ""
    by_value: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a column that is there can't take the source's."""

    words: str


class Rules(ABC):
    """The rules of one kind of target. `family` as by `family`."""

    family: str

    @abstractmethod
    def column(self, source: str, column: SourceColumn, *, key: bool) -> TargetColumn:
        """The column of a table that is made, for one of a source of the family `source`. `key`: it belongs
        to the primary key."""

    @abstractmethod
    def can_be_key(self, column: TargetColumn) -> bool:
        """Whether a primary key may have it."""

    @abstractmethod
    def into(self, source: str, column: SourceColumn, there: SourceColumn) -> TargetColumn | Refused:
        """How a column that is `there` takes one of a source of the family `source`."""


def bounded_length(column_type: str) -> int | None:
    """The characters that a type of a text bounds it to, None where it doesn't."""
    found = _LENGTH.match(column_type)
    return int(found[1]) if found else None


def fraction_digits(source: str, column_type: str) -> int:
    """Digits of a second's fraction that a type for times keeps."""
    found = _FRACTION.search(column_type)
    if found:
        return int(found[1])
    return 0 if source == "mysql" else 6


def holds(outer: LogicalType, inner: LogicalType) -> bool:  # noqa: PLR0911 - a rule each
    """Whether every value of `inner` is a value of `outer`, both types for values of one meaning: integers
    are decimals, dates aren't moments."""
    if outer.holds is Holds.INTEGER and inner.holds is Holds.INTEGER:
        if inner.signed:
            return outer.signed and outer.bits >= inner.bits
        return outer.bits > inner.bits or (not outer.signed and outer.bits == inner.bits)
    if outer.holds is Holds.DECIMAL and inner.holds is Holds.INTEGER:
        return outer.precision - outer.scale >= _digits(inner)
    if outer.holds is Holds.DECIMAL and inner.holds is Holds.DECIMAL:
        whole = outer.precision - outer.scale >= inner.precision - inner.scale
        return whole and outer.scale >= inner.scale
    if outer.holds is Holds.INTEGER and inner.holds is Holds.DECIMAL:
        return inner.scale == 0 and _digits(outer) > inner.precision
    if outer.holds is Holds.FLOAT and inner.holds is Holds.FLOAT:
        return outer.bits >= inner.bits
    if outer.holds is Holds.FLOAT and inner.holds is Holds.INTEGER:
        return inner.bits < (outer.bits if outer.bits == 64 else 24)
    return outer.holds is inner.holds


def _digits(logical: LogicalType) -> int:
    """Decimal digits of the largest value of a type of integers."""
    return {8: 3, 16: 5, 32: 10, 64: 19 if logical.signed else 20}[logical.bits]


def refuse(column: SourceColumn, there: SourceColumn) -> Refused:
    return Refused(f"column {column.name} is {there.type or 'of no type'} there and {column.type} here.")
