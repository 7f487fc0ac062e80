"""Which one type fits all values of a column: SQLite lets every value have its own.

Asked of the data itself, in one scan: what a column was declared as says nothing certain about them
(https://www.sqlite.org/datatype3.html).
"""

from __future__ import annotations

from dataclasses import replace

from connectors.base import SourceColumn, TableShape
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.query import source as queried
from connectors.sources.sqlite.statements import Statements
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType

_CLASSES = ("integer", "real", "text", "blob")
_INTEGER = LogicalType(Holds.INTEGER, bits=64)
_REAL = LogicalType(Holds.FLOAT, bits=64)
# A double has every integer up to here.
_EXACT_INTEGER = 1 << 53
# SQLite gives back 2,000 columns at most.
_COLUMNS_AT_ONCE = 300


def settle(ask: Statements, shape: TableShape, about: str) -> TableShape:
    """The shape with a logical type for each column that fits every value. Raises SourceError's kinds."""
    source = f"main.{SQLITE.identifier(shape.ref.name)}" if shape.query is None else queried(shape.query)
    columns: list[SourceColumn] = []
    warnings = list(shape.warnings)
    for first in range(0, len(shape.columns), _COLUMNS_AT_ONCE):
        some = shape.columns[first : first + _COLUMNS_AT_ONCE]
        asked = []
        for column in some:
            name = SQLITE.identifier(column.name)
            asked += [f"max(typeof({name}) = '{each}')" for each in _CLASSES]
            beyond = f"({name} > {_EXACT_INTEGER} OR {name} < -{_EXACT_INTEGER})"
            asked.append(f"max(typeof({name}) = 'integer' AND {beyond})")
        (found,) = ask.rows(f"SELECT {', '.join(asked)} FROM {source}", about=about)
        for number, column in enumerate(some):
            *held, beyond = found[number * 5 : number * 5 + 5]
            classes = [each for each, has in zip(_CLASSES, held, strict=True) if has]
            logical = _fitting(classes, bool(beyond), column.kind)
            if len(classes) > 1 and logical is not _REAL:
                warnings.append(
                    f"Column {column.name} holds values of several types ({', '.join(classes)}):"
                    f" all are written as {logical.holds}."
                )
            columns.append(replace(column, logical=logical))
    return replace(shape, columns=tuple(columns), warnings=tuple(warnings))


def _fitting(classes: list[str], beyond: bool, declared: Kind) -> LogicalType:
    if "blob" in classes:
        return BYTES
    if "text" in classes:
        return TEXT
    if classes == ["integer"]:
        return _INTEGER
    if classes:
        # Integers among reals are reals of the same value, as long as these have them.
        return TEXT if beyond and "real" in classes else _REAL
    return {Kind.NUMBER: _INTEGER, Kind.BINARY: BYTES}.get(declared, TEXT)
