"""What must be known of a table or view before it is read.

Any value may have any type, so a column's kind is what its declared type makes likely; chunks tell where a
value differs. Affinity: https://www.sqlite.org/datatype3.html#determination_of_column_affinity.
"""

from __future__ import annotations

from connectors.base import SourceColumn, TableShape
from connectors.sources.sqlite.catalog import Catalog, Entry
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.statements import Statements
from core.chunk import Kind
from core.logical import BYTES, TEXT, Holds, LogicalType
from core.model.vocabulary import ObjectRef, ObjectType

_FTS = ("fts3", "fts4", "fts5")


def kind_of(declared: str) -> Kind:
    """The kind of value that a column of this declared type most likely holds."""
    upper = declared.upper()
    if "INT" in upper:
        return Kind.NUMBER
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return Kind.TEXT
    if "BLOB" in upper:
        return Kind.BINARY
    # Without a type anything goes; dates are NUMERIC by affinity and text in practice.
    if not upper or any(part in upper for part in ("DATE", "TIME", "JSON", "UUID", "STRING", "ANY")):
        return Kind.TEXT
    return Kind.NUMBER


def logical_of(declared: str) -> LogicalType:
    """What a column of this declared type most likely holds: `settle` looks at the values."""
    kind = kind_of(declared)
    if kind is Kind.NUMBER:
        return LogicalType(Holds.INTEGER if "INT" in declared.upper() else Holds.FLOAT, bits=64)
    return BYTES if kind is Kind.BINARY else TEXT


def describe(ask: Statements, catalog: Catalog, ref: ObjectRef) -> TableShape:
    """Raises NotFound, BrokenObject."""
    entry = catalog.entry(ref)
    ask.rows(f"SELECT * FROM main.{SQLITE.identifier(ref.name)} LIMIT 0", about=str(ref))
    rows = ask.rows(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?, 'main')",
        ref.name,
        about=str(ref),
    )
    # hidden: 1 a virtual table's hidden column, 2 and 3 generated columns, virtual and stored
    shown = [row for row in rows if row[4] != 1]
    alias = _rowid_alias(ask, catalog, entry, shown)
    clustered = entry.module is None and ref.type is ObjectType.TABLE and catalog.without_rowid(entry)
    never_null = {name for name, _, notnull, pk, _ in shown if notnull or (pk and clustered) or name == alias}
    columns = [
        SourceColumn(name, kind, kind_of(kind), name not in never_null, hidden == 0, logical_of(kind))
        for name, kind, _, _, hidden in shown
    ]
    warnings = []
    if entry.module in _FTS:
        if (rowid := catalog.rowid(entry)) == "rowid":
            # What refers to a full-text table does so by its rowid.
            integer = logical_of("INTEGER")
            columns.insert(0, SourceColumn(rowid, "INTEGER", Kind.NUMBER, nullable=False, logical=integer))
        if _contentless(entry):
            warnings.append(f"{ref} is a full-text index without content: its columns read as NULL.")
    if clustered:
        key = tuple(row[0] for row in sorted((r for r in shown if r[3]), key=lambda row: row[3]))
    elif alias is not None:
        key = (alias,)
    elif entry.module in _FTS and columns[0].name == "rowid":
        key = ("rowid",)
    else:
        key = _unique_key(ask, ref, never_null) if ref.type is ObjectType.TABLE and not entry.module else ()
    return TableShape(
        ref,
        tuple(columns),
        key=key,
        rows=catalog.rows(entry),
        bytes=catalog.sizes.get(ref.name),
        warnings=tuple(warnings),
    )


def _rowid_alias(
    ask: Statements, catalog: Catalog, entry: Entry, rows: list[tuple[str, str, int, int, int]]
) -> str | None:
    """The INTEGER PRIMARY KEY, which is the rowid: it has no index of its own."""
    keys = [row for row in rows if row[3]]
    if len(keys) != 1 or keys[0][1].upper() != "INTEGER" or entry.ref.type is not ObjectType.TABLE:
        return None
    if entry.module or catalog.without_rowid(entry):
        return None
    indexed = ask.row(
        "SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk'", entry.ref.name, about=str(entry.ref)
    )
    return None if indexed else keys[0][0]


def _unique_key(ask: Statements, ref: ObjectRef, never_null: set[str]) -> tuple[str, ...]:
    """The columns of a unique index over whole columns without NULLs, the primary key's first."""
    indexes = ask.rows(
        "SELECT name FROM pragma_index_list(?, 'main') WHERE \"unique\" AND NOT partial"
        " ORDER BY origin <> 'pk', seq DESC",
        ref.name,
        about=str(ref),
    )
    for (index,) in indexes:
        rows = ask.rows("SELECT name FROM pragma_index_info(?, 'main') ORDER BY seqno", index, about=str(ref))
        names = tuple(name for (name,) in rows)  # None for an expression
        if names and never_null.issuperset(names):
            return names
    return ()


def _contentless(entry: Entry) -> bool:
    squeezed = "".join(entry.sql.split()).lower()
    return "content=''" in squeezed or 'content=""' in squeezed
