"""What a column of the MySQL family holds, by its type as the catalog prints it."""

from __future__ import annotations

import re

from connectors.sources.mysql.product import Family
from connectors.sources.mysql.types import base, kind
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType

_INTEGER_BITS = {
    "tinyint": 8,
    "smallint": 16,
    "mediumint": 32,
    "int": 32,
    "integer": 32,
    "bigint": 64,
    "serial": 64,
}
_OTHERS = {
    "float": LogicalType(Holds.FLOAT, bits=32),
    "double": LogicalType(Holds.FLOAT, bits=64),
    "real": LogicalType(Holds.FLOAT, bits=64),
    "date": LogicalType(Holds.DATE),
    "datetime": LogicalType(Holds.TIMESTAMP),
    "timestamp": LogicalType(Holds.TIMESTAMP, utc=True),
}
_PRECISION = re.compile(r"\((\d+)(?:,(\d+))?\)")


def logical(column_type: str, family: Family) -> LogicalType:
    """TIME is text: it is a span of up to 838 hours, for which neither Parquet nor most readers have a type.
    So is YEAR, whose 0000 is no year."""
    name, low = base(column_type), column_type.lower()
    digits = _PRECISION.search(low)
    if name in _INTEGER_BITS:
        return LogicalType(
            Holds.INTEGER, bits=_INTEGER_BITS[name], signed="unsigned" not in low and name != "serial"
        )
    if name in ("decimal", "numeric"):
        precision, scale = (int(digits[1]), int(digits[2] or 0)) if digits else (10, 0)
        return LogicalType(Holds.DECIMAL, precision=precision, scale=scale)
    if name in _OTHERS:
        return _OTHERS[name]
    return BYTES if kind(column_type, family) is Kind.BINARY else TEXT
