"""Column types of Oracle: what is asked for in place of a column, as which Arrow type it comes, and how its
text is understood and written.

Whatever the driver's Arrow batches would lose is asked for as text that the server prints: NUMBER without a
precision (a double there), fractions of a second past microseconds, time zones, years before Christ. Numbers
with a precision come as integers or decimals, LOBs whole. What Arrow can't hold at all (BFILE, UROWID) makes
the object be read as rows. Source: "Working with Data Frames" of python-oracledb's documentation, and "Data
Types" of the "SQL Language Reference".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from connectors.dialect import SqlLiteral
from connectors.sources.oracle import statements as sql
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType

_MODIFIER = re.compile(r"\(\d+\)")
_LONGEST_INTEGER = 18  # digits that 64 bits hold all of
_LONGEST_DECIMAL = 38
_MOST_DIGITS = 76
_MICROSECONDS = 6
_BUILT_IN = ("SYS", "PUBLIC", "XDB")

_STRING, _BINARY = pa.large_string(), pa.large_binary()


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type as ALL_TAB_COLS has it: `name` DATA_TYPE, which says `TIMESTAMP(6) WITH TIME ZONE`, but
    `NUMBER`; `owner` of a type that somebody made; `length` in bytes, `characters` where it is counted so."""

    name: str
    owner: str | None = None
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    characters: int | None = None

    @property
    def plain(self) -> str:
        """`TIMESTAMP(6) WITH TIME ZONE` → `TIMESTAMP WITH TIME ZONE`."""
        return _MODIFIER.sub("", self.name)

    @property
    def full(self) -> str:
        """As one would declare it: `NUMBER(10,2)`, `VARCHAR2(10 CHAR)`, `HR.ADDRESS`."""
        name = self.name
        if self.owner is not None and self.owner not in _BUILT_IN:
            return f"{self.owner}.{name}"
        if name == "NUMBER" and self.scale is not None:
            return f"NUMBER({'*' if self.precision is None else self.precision},{self.scale})"
        if name == "FLOAT" and self.precision is not None:
            return f"FLOAT({self.precision})"
        if name in ("CHAR", "VARCHAR2", "NCHAR", "NVARCHAR2") and self.characters is not None:
            return f"{name}({self.characters}{'' if name.startswith('N') else ' CHAR'})"
        if name in ("CHAR", "VARCHAR2", "RAW", "UROWID") and self.length is not None:
            return f"{name}({self.length})"
        return name

    @property
    def fraction(self) -> int:
        """Digits of a fraction of a second."""
        found = re.match(r"TIMESTAMP\((\d)\)", self.name)
        return int(found[1]) if found else _MICROSECONDS


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: `expression` is asked for; `arrow` is what it comes as, None where only rows can
    hold it; `lob` says that it may be large, and `sized` that the server knows at once how large."""

    expression: str
    arrow: pa.DataType | None
    kind: Kind
    logical: LogicalType
    literal: SqlLiteral
    lob: bool = False
    sized: bool = False
    insertable: bool = True
    note: str = ""


def _call(name: str, form: str = "", quote: bytes = b"'") -> SqlLiteral:
    after = f",'{form}')" if form else ")"
    return SqlLiteral(quote=quote, before=f"{name}(".encode(), after=after.encode())


def _special(kind: str) -> dict[bytes, bytes]:
    return {
        b"NaN": f"{kind}_NAN".encode(),
        b"Infinity": f"{kind}_INFINITY".encode(),
        b"-Infinity": f"-{kind}_INFINITY".encode(),
    }


_NUMBER = SqlLiteral(quote=b"")
_TEXT = SqlLiteral()
_NATIONAL = SqlLiteral(quote=b"N'")
_CLOB = SqlLiteral(empty=b"EMPTY_CLOB()", large="CLOB")
_NCLOB = SqlLiteral(quote=b"N'", empty=b"EMPTY_CLOB()", large="NCLOB")
_BLOB = SqlLiteral(before=b"HEXTORAW(", after=b")", empty=b"EMPTY_BLOB()", large="BLOB")
_FLOAT = SqlLiteral(quote=b"", after=b"f", special=_special("BINARY_FLOAT"))
_DOUBLE = SqlLiteral(quote=b"", after=b"d", special=_special("BINARY_DOUBLE"))


def reading(name: str, column: ColumnType) -> Reading:
    """How the column `name` of this type is read."""
    quoted = sql.identifier(name)
    plain = column.plain
    own = column.owner is None or column.owner in _BUILT_IN
    if own and plain == "NUMBER":
        return _number(quoted, column)
    if own and plain in _MOMENTS:
        return _moment(quoted, column)
    if own and plain in _SIMPLE:
        return _simple(quoted, plain)
    if column.owner is None:
        # The driver may know it: its own words for it are taken.
        return Reading(quoted, None, Kind.TEXT, TEXT, _TEXT, note="Its type is unknown here: read as text.")
    note = "Its values are objects: written as XML, and left out of SQL files, which can't make them."
    return Reading(
        sql.instance(quoted), _STRING, Kind.TEXT, TEXT, _CLOB, lob=True, insertable=False, note=note
    )


def _number(quoted: str, column: ColumnType) -> Reading:
    """Exact, whatever its precision: as an integer, a decimal, or the server's text."""
    precision, scale = column.precision, column.scale
    if precision is None and scale == 0:
        # INTEGER: the server lets it have more digits than its 38.
        whole = LogicalType(Holds.DECIMAL, precision=_LONGEST_DECIMAL)
        return Reading(sql.number(quoted), _STRING, Kind.NUMBER, whole, _NUMBER)
    if precision is None or scale is None:
        return Reading(sql.number(quoted), _STRING, Kind.NUMBER, TEXT, _NUMBER)
    digits, behind = max(precision, scale) - min(scale, 0), max(scale, 0)
    if not behind and digits <= _LONGEST_INTEGER:
        return Reading(quoted, pa.int64(), Kind.NUMBER, LogicalType(Holds.INTEGER, bits=64), _NUMBER)
    logical = LogicalType(Holds.DECIMAL, precision=digits, scale=behind) if digits <= _MOST_DIGITS else TEXT
    if digits <= _LONGEST_DECIMAL:
        return Reading(quoted, pa.decimal128(digits, behind), Kind.NUMBER, logical, _NUMBER)
    return Reading(sql.number(quoted), _STRING, Kind.NUMBER, logical, _NUMBER)


_MOMENTS = {
    "DATE": "TO_DATE",
    "TIMESTAMP": "TO_TIMESTAMP",
    "TIMESTAMP WITH LOCAL TIME ZONE": "TO_TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TO_TIMESTAMP_TZ",
}


def _moment(quoted: str, column: ColumnType) -> Reading:
    plain = column.plain
    fraction = 0 if plain == "DATE" else column.fraction
    zone = plain == "TIMESTAMP WITH TIME ZONE"
    form = f"{sql.DATE}{'.FF' if fraction else ''}{' TZH:TZM' if zone else ''}"
    # Finer ones, and those with an offset of their own, are no Arrow timestamps without a loss.
    exact = fraction <= _MICROSECONDS and not zone
    local = plain.endswith("LOCAL TIME ZONE")
    return Reading(
        sql.moment(quoted, fraction, zone=zone),
        _STRING,
        Kind.PLAIN,
        LogicalType(Holds.TIMESTAMP, utc=local) if exact else TEXT,
        _call(_MOMENTS[plain], form),
    )


# Expression (None: the column itself), Arrow type, kind, logical type, literal, LOB, LOB of a known size.
_SIMPLE: dict[str, tuple[object, pa.DataType | None, Kind, LogicalType, SqlLiteral, bool, bool]] = {
    "FLOAT": (sql.number, _STRING, Kind.NUMBER, TEXT, _NUMBER, False, False),
    "BINARY_FLOAT": (
        None, pa.float32(), Kind.NUMBER, LogicalType(Holds.FLOAT, bits=32), _FLOAT, False, False,
    ),
    "BINARY_DOUBLE": (
        None, pa.float64(), Kind.NUMBER, LogicalType(Holds.FLOAT, bits=64), _DOUBLE, False, False,
    ),
    "CHAR": (None, _STRING, Kind.TEXT, TEXT, _TEXT, False, False),
    "VARCHAR2": (None, _STRING, Kind.TEXT, TEXT, _TEXT, False, False),
    "NCHAR": (None, _STRING, Kind.TEXT, TEXT, _NATIONAL, False, False),
    "NVARCHAR2": (None, _STRING, Kind.TEXT, TEXT, _NATIONAL, False, False),
    "CLOB": (None, _STRING, Kind.TEXT, TEXT, _CLOB, True, True),
    "NCLOB": (None, _STRING, Kind.TEXT, TEXT, _NCLOB, True, True),
    "LONG": (None, _STRING, Kind.TEXT, TEXT, _TEXT, True, False),
    "RAW": (None, _BINARY, Kind.BINARY, BYTES, _call("HEXTORAW"), False, False),
    "BLOB": (None, _BINARY, Kind.BINARY, BYTES, _BLOB, True, True),
    "LONG RAW": (None, _BINARY, Kind.BINARY, BYTES, _call("HEXTORAW"), True, False),
    "INTERVAL YEAR TO MONTH": (
        sql.interval, _STRING, Kind.PLAIN, TEXT, _call("TO_YMINTERVAL"), False, False,
    ),
    "INTERVAL DAY TO SECOND": (
        sql.interval, _STRING, Kind.PLAIN, TEXT, _call("TO_DSINTERVAL"), False, False,
    ),
    "BOOLEAN": (None, pa.bool_(), Kind.PLAIN, LogicalType(Holds.BOOLEAN), _NUMBER, False, False),
    "ROWID": (sql.rowid, _STRING, Kind.TEXT, TEXT, _call("CHARTOROWID"), False, False),
    "UROWID": (None, None, Kind.TEXT, TEXT, _TEXT, False, False),
    "BFILE": (None, None, Kind.TEXT, TEXT, SqlLiteral(quote=b"", bare=True), False, False),
    "XMLTYPE": (
        sql.xml, _STRING, Kind.TEXT, TEXT,
        SqlLiteral(before=b"XMLTYPE(", after=b")", large="CLOB"), True, False,
    ),
    "JSON": (
        sql.json, _STRING, Kind.TEXT, TEXT,
        SqlLiteral(before=b"JSON(", after=b")", large="CLOB"), True, False,
    ),
    "VECTOR": (
        sql.vector, _STRING, Kind.TEXT, TEXT,
        SqlLiteral(before=b"TO_VECTOR(", after=b")", large="CLOB"), True, False,
    ),
}  # fmt: skip


def _simple(quoted: str, plain: str) -> Reading:
    asked, arrow, kind, logical, literal, lob, sized = _SIMPLE[plain]
    expression = str(asked(quoted)) if callable(asked) else quoted
    return Reading(expression, arrow, kind, logical, literal, lob=lob, sized=sized)
