"""Which one type fits all values of a column: SQLite lets every value have its own.

Asked of the data itself, in one scan: what a column was declared as says nothing certain about them
(https://www.sqlite.org/datatype3.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.base import SourceColumn, TableShape
from connectors.sources.sqlite.beside import Beside
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.looking import any_row
from connectors.sources.sqlite.query import source as queried
from connectors.sources.sqlite.split import column as qualified
from connectors.sources.sqlite.statements import Statements
from connectors.sources.sqlite.storage import Storage
from connectors.sources.sqlite.uniform import declared_for, differs
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.vocabulary import ObjectType

_CLASSES = ("integer", "real", "text", "blob")
_INTEGER = LogicalType(Holds.INTEGER, bits=64)
_REAL = LogicalType(Holds.FLOAT, bits=64)
# A double has every integer up to here.
_EXACT_INTEGER = 1 << 53
# SQLite gives back 2,000 columns at most.
_COLUMNS_AT_ONCE = 300
# So many rows say what a column probably holds.
_SAMPLE_ROWS = 200
# Longer ones take overflow pages, which a question for the type alone doesn't look at.
_SHORT_ROW = 2048


def settle(
    ask: Statements, shape: TableShape, about: str, *, rowid: str | None = None, beside: Beside | None = None
) -> tuple[TableShape, bool]:
    """The shape with a logical type for each column that fits every value, and whether each value is known to
    be of just that type. `rowid` and `beside` as for `any_row`. Raises SourceError's kinds."""
    uniform = _uniform(ask, shape, about, rowid, beside)
    if uniform is not None:
        return uniform, True
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
            logical = _fitting(classes, column.kind, beyond=bool(beyond))
            if len(classes) > 1 and logical is not _REAL:
                warnings.append(
                    f"Column {column.name} holds values of several types ({', '.join(classes)}):"
                    f" all are written as {logical.holds}."
                )
            columns.append(replace(column, logical=logical))
    return replace(shape, columns=tuple(columns), warnings=tuple(warnings)), False


def _uniform(
    ask: Statements, shape: TableShape, about: str, rowid: str | None, beside: Beside | None
) -> TableShape | None:
    """The shape where each column of a table holds values of one type: quick to ask as long as values are
    short, since they are compared. None where it doesn't, or where that isn't known to be quick."""
    table = shape.ref.name
    if shape.query is not None or shape.ref.type is not ObjectType.TABLE:
        return None
    source = f"main.{SQLITE.identifier(table)}"
    if _row_bytes(ask, source, shape.rows, about) > _SHORT_ROW:
        return None
    types = ", ".join(f"typeof({qualified(table, column.name)})" for column in shape.columns)
    sample = ask.rows(f"SELECT {types} FROM {source} LIMIT {_SAMPLE_ROWS}", about=about)
    held, columns = [], []
    for number, column in enumerate(shape.columns):
        present = {row[number] for row in sample} - {"null"}
        if len(present) > 1:
            return None
        held.append(Storage(present.pop()) if present else declared_for(column))
    for first in range(0, len(shape.columns), _COLUMNS_AT_ONCE):
        some = zip(shape.columns, held, strict=True)
        conditions = [differs(table, column, storage) for column, storage in some]
        asked = " OR ".join(conditions[first : first + _COLUMNS_AT_ONCE])
        if any_row(ask, table, asked, about, rowid=rowid, beside=beside):
            return None
    for column, storage in zip(shape.columns, held, strict=True):
        empty = _fitting([], column.kind)
        logical = _fitting([storage], column.kind)
        if logical != empty:
            asked = f"SELECT 1 FROM {source} WHERE {qualified(table, column.name)} IS NOT NULL LIMIT 1"
            logical = logical if ask.rows(asked, about=about) else empty
        columns.append(replace(column, logical=logical))
    return replace(shape, columns=tuple(columns))


def _row_bytes(ask: Statements, source: str, rows: int | None, about: str) -> int:
    """How long rows are at most, on average."""
    if rows is None:
        rows = int(ask.value(f"SELECT count(*) FROM {source}", about=about))
    pages = int(ask.value("SELECT page_count FROM pragma_page_count", about="the file") or 0)
    size = int(ask.value("SELECT page_size FROM pragma_page_size", about="the file"))
    return pages * size // max(1, rows)


def _fitting(classes: Sequence[str], declared: Kind, *, beyond: bool = False) -> LogicalType:
    if "blob" in classes:
        return BYTES
    if "text" in classes:
        return TEXT
    if [*classes] == ["integer"]:
        return _INTEGER
    if classes:
        # Integers among reals are reals of the same value, as long as these have them.
        return TEXT if beyond and "real" in classes else _REAL
    return {Kind.NUMBER: _INTEGER, Kind.BINARY: BYTES}.get(declared, TEXT)
