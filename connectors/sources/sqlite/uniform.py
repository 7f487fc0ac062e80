"""Which tables another library may read, and a statement that proves value by value that it reads them right.

SQLite gives every value a type of its own, Arrow one to a column. The Arrow driver takes the types of its
first batch. In later ones it refuses what a column of integers can't hold, text and blobs in one of doubles,
numbers in one of bytes; but it turns integers into doubles, text into bytes, and anything into text, without
a word (statement_reader.c of https://github.com/apache/arrow-adbc). So the first batch is ours, which fixes
the types; text is read as the bytes that it is; and the last column is NULL unless a value of that row is of
another type that the driver says nothing of. What orders types is how SQLite compares: numbers, then text,
then blobs (https://www.sqlite.org/datatype3.html#sort_order).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from connectors.base import SourceColumn
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.split import column as qualified
from connectors.sources.sqlite.statements import Statements
from connectors.sources.sqlite.storage import Storage
from core.chunk import Kind
from core.logical import Holds
from core.model.vocabulary import ObjectRef

_OF_TYPE = {int: Storage.INTEGER, float: Storage.REAL, bytearray: Storage.TEXT, bytes: Storage.BLOB}
_OF_LOGICAL = {
    Holds.INTEGER: Storage.INTEGER,
    Holds.FLOAT: Storage.REAL,
    Holds.TEXT: Storage.TEXT,
    Holds.BYTES: Storage.BLOB,
}
_SAMPLE = {Storage.INTEGER: "0", Storage.REAL: "0.5", Storage.TEXT: "x''", Storage.BLOB: "x''"}
_VIRTUAL = 2  # of table_xinfo's `hidden`: a generated column that is made when it is read
# Defaults that mean the same to any library. A row from before ALTER TABLE ADD COLUMN reads as the default.
_PLAIN_DEFAULT = re.compile(r"NULL|TRUE|FALSE|[+-]?[0-9]{1,18}|X'[0-9A-F]*'", re.IGNORECASE)
_TEXT_DEFAULT = re.compile(r"'(?:[^']|'')*'")


class Affinity(StrEnum):
    """https://www.sqlite.org/datatype3.html#determination_of_column_affinity"""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BLOB = "blob"
    NUMERIC = "numeric"


def affinity(declared: str) -> Affinity:
    """What a declared type does to values that are stored."""
    upper = declared.upper()
    if "INT" in upper:
        return Affinity.INTEGER
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if not upper or "BLOB" in upper:
        return Affinity.BLOB
    if any(part in upper for part in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


def why_not(ask: Statements, ref: ObjectRef, columns: Sequence[SourceColumn]) -> str | None:
    """Why another library might read other values of these columns of a table, None where it doesn't."""
    encoding = str(ask.value("PRAGMA main.encoding", about="the file"))
    if encoding != "UTF-8":
        return f"the text in the file is {encoding}"
    declared = {column.name: column.type for column in columns}
    rows = ask.rows(
        "SELECT name, hidden, dflt_value FROM pragma_table_xinfo(?, 'main')", ref.name, about=str(ref)
    )
    for name, hidden, default in rows:
        if name not in declared:
            continue
        if hidden == _VIRTUAL:
            return f"column {name} is made when it is read"
        if default is None or _PLAIN_DEFAULT.fullmatch(default):
            continue
        held = affinity(declared[name])
        if not _TEXT_DEFAULT.fullmatch(default) or held not in (Affinity.TEXT, Affinity.BLOB):
            return f"column {name} has a default that may be read differently"
    return None


def storages(
    columns: Sequence[SourceColumn], found: Sequence[set[type]], *, typed: bool
) -> tuple[list[Storage], str]:
    """What type each column has: that of the values `found` in the first rows, else the one it is declared
    for. `typed`: it must be the one that the column's logical type is of. With "", or why there is none."""
    chosen = []
    for column, types in zip(columns, found, strict=True):
        present = {_OF_TYPE[each] for each in types if each in _OF_TYPE}
        if len(present) > 1:
            return [], f"column {column.name} holds values of several types"
        wanted = _OF_LOGICAL.get(column.logical.holds) if typed else None
        storage = present.pop() if present else wanted or declared_for(column)
        if typed and storage is not wanted:
            return [], f"column {column.name} holds other values than {column.logical.holds}"
        chosen.append(storage)
    return chosen, ""


def declared_for(column: SourceColumn) -> Storage:
    """The type that a column of this declared type is for."""
    held = affinity(column.type)
    if held is not Affinity.NUMERIC:
        return Storage(held)
    return {Kind.BINARY: Storage.BLOB, Kind.NUMBER: Storage.INTEGER}.get(column.kind, Storage.TEXT)


def differs(table: str, column: SourceColumn, storage: Storage) -> str:
    """A condition that is true of a table's values that aren't of this type. NULL is of every type."""
    name = qualified(table, column.name)
    if storage is Storage.TEXT:
        return f"{name} < '' COLLATE BINARY OR {name} >= x''"
    if storage is Storage.BLOB:
        return f"{name} < x''"
    no_number = f"{name} >= '' COLLATE BINARY"
    if storage is Storage.INTEGER:
        return f"{no_number} OR typeof({name}) = 'real'"
    # SQLite makes reals of all numbers of a column of this affinity, when it reads them.
    own = affinity(column.type) is Affinity.REAL
    return no_number if own else f"{no_number} OR typeof({name}) = 'integer'"


def unnoticed(table: str, column: SourceColumn, storage: Storage) -> str | None:
    """The part of that condition that the Arrow driver says nothing of, None where it refuses all."""
    name = qualified(table, column.name)
    if storage is Storage.TEXT:
        return f"{name} >= x''"
    if storage is Storage.BLOB:
        return f"{name} < x''"
    if storage is Storage.INTEGER or affinity(column.type) is Affinity.REAL:
        return None
    return f"typeof({name}) = 'integer'"


def statement(
    table: str,
    columns: Sequence[SourceColumn],
    held: Sequence[Storage],
    tail: str,
    *,
    first: int,
    proven: bool,
) -> str:
    """What reads a table: `first` rows of ours that fix the types, then the table's, behind each of these
    NULL, or the number of the first column (from 0) that differs. `tail` is what follows the table's name,
    with an order; `proven` says that nothing differs."""
    cases = [
        f"WHEN {condition} THEN {number}"
        for number, (column, storage) in enumerate(zip(columns, held, strict=True))
        if not proven and (condition := unnoticed(table, column, storage)) is not None
    ]
    found = f"CASE {' '.join(cases)} END" if cases else "NULL"
    names = ", ".join(qualified(table, column.name) for column in columns)
    ours = ", ".join(_SAMPLE[storage] for storage in held)
    return (
        f"WITH RECURSIVE ours(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ours LIMIT {first})"
        f" SELECT {ours}, NULL FROM ours UNION ALL SELECT * FROM (SELECT {names}, {found}"
        f" FROM main.{SQLITE.identifier(table)}{tail})"
    )
