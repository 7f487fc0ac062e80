"""Column types: how a value's bytes are understood, and which expression reads them exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import identifier
from core.chunk import Kind

_NUMBERS = {
    "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "float", "double",
    "real", "serial",
}  # fmt: skip
# YEAR among them: 0000 as a number would be read back as such only where it isn't quoted, and it always can
# be.
_PLAIN = {"date", "datetime", "timestamp", "time", "year", "uuid", "inet6", "inet4"}
_BINARY = {
    "bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point",
    "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection", "roaringbitmap",
}  # fmt: skip

_FLOATS = {"float", "double", "real"}
# What no file has a type for, and the binary protocol has no text of.
_AS_TEXT = {"time", "year"}

# Character sets whose every valid string has an exact counterpart in utf8mb4, so that the server's own
# conversion can't put a silent ? in a character's place.
_WHOLE_CHARSETS = {
    "utf8mb4",
    "utf8mb3",
    "utf8",
    "utf16",
    "utf16le",
    "utf32",
    "ucs2",
    "ascii",
    "latin1",
    "binary",
}

# Keys of these types are cut into ranges: their order by index is that of comparing with a literal. Not
# ENUM and SET (sorted by number, compared as text), BIT, nor FLOAT and DOUBLE (literals are decimals).
_RANGES_NUMBER = {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric"}
_RANGES_TEXT = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext"}
_RANGES_QUOTED = {"date", "datetime", "timestamp", "time", "year", "uuid", "inet6", "inet4"}
_RANGES_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the catalog says about a column beyond its shape: its type and character set."""

    name: str
    type: str
    charset: str | None


def base(column_type: str) -> str:
    """`decimal(18,4) unsigned` → `decimal`."""
    found = re.match(r"[a-z0-9_]+", column_type.lower())
    return found[0] if found else ""


def kind(column_type: str, family: Family) -> Kind:
    name = base(column_type)
    if name in _NUMBERS:
        return Kind.NUMBER
    if name in _PLAIN:
        return Kind.PLAIN
    # OceanBase prints a vector as text; MySQL and MariaDB send its bytes.
    if name in _BINARY or (name == "vector" and family is not Family.OCEANBASE):
        return Kind.BINARY
    return Kind.TEXT


def is_float(column_type: str) -> bool:
    """Whether the server prints it with six digits, which aren't enough: FLOAT without a number of digits."""
    return base(column_type) == "float" and "(" not in column_type


def expression(column: ColumnFacts, family: Family, *, typed: bool = False) -> str:
    """What to select so that the value arrives exactly: by the text protocol, or (`typed`) by the binary one,
    as the text that the other has or as the value itself."""
    quoted = identifier(column.name)
    name = base(column.type)
    if typed and name in _FLOATS | _AS_TEXT:
        # A number of digits for a float is one of its text: what it holds may lie beside that.
        return f"CAST({quoted} AS CHAR)" if name in _AS_TEXT or "(" in column.type else quoted
    if is_float(column.type) or (name in ("double", "real") and "(" not in column.type):
        # Not CAST(… AS DOUBLE), which MySQL has only from 8.0.17 on.
        value = f"{quoted} * 1e0" if is_float(column.type) else quoted
        if family is Family.MARIADB:
            # It prints negative zero as 0.
            return f"IF({quoted} = 0 AND ATAN2({quoted}, -1) < 0, '-0', {value})"
        return value
    if column.charset is not None and column.charset not in _WHOLE_CHARSETS:
        # Where the way to utf8mb4 and back doesn't give the same bytes, the bytes themselves, behind one
        # that makes sure that they are no UTF-8: reported as what they are instead of becoming a question
        # mark.
        raw = f"CAST({quoted} AS BINARY)"
        back = f"CAST(CONVERT(CONVERT({quoted} USING utf8mb4) USING {column.charset}) AS BINARY)"
        return f"IF({raw} <=> {back}, CONVERT({quoted} USING utf8mb4), CONCAT(X'FF', {raw}))"
    return quoted


def range_literal(column_type: str) -> tuple[str, str] | None:
    """How a key of this type is turned into a literal for range conditions: an expression with {} for the
    column, and a literal with {} for what that gave. None where it can't be."""
    name = base(column_type)
    if name in _RANGES_NUMBER:
        return "{}", "{}"
    if name in _RANGES_QUOTED:
        return "{}", "'{}'"
    if name in _RANGES_TEXT:
        return "HEX(CONVERT({} USING utf8mb4))", "_utf8mb4 X'{}'"
    if name in _RANGES_BYTES:
        return "HEX({})", "X'{}'"
    return None
