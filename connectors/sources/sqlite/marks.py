"""Marks in SQLite files.

Whoever writes has the file alone until the commit, so that nothing is committed late. A value may be of
any type whatever the column says: what the newest value is decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.base import SourceColumn, TableShape
from connectors.marks import Ahead, MarkColumn, Marks, OpenTransactions
from connectors.sources.sqlite.catalog import Catalog
from connectors.sources.sqlite.split import column as named
from connectors.sources.sqlite.split import condition as where
from connectors.sources.sqlite.split import source
from connectors.sources.sqlite.statements import Statements
from core.errors import BrokenObject
from core.model.mark import MarkKind
from core.model.vocabulary import ObjectRef, ObjectType


class SqliteMarks(Marks):
    in_order = True

    def __init__(self, ask: Statements, schema: Callable[[], Catalog], path: Path) -> None:
        self._ask = ask
        self._schema = schema
        self._path = path

    def columns(self, database: str, shape: TableShape) -> tuple[MarkColumn, ...]:
        about = str(shape.ref)
        entry = self._schema().entry(shape.ref)
        leading: dict[str, bool] = {}
        rowid = None
        if shape.ref.type is ObjectType.TABLE and not entry.module:
            for index, unique in self._ask.rows(
                "SELECT name, \"unique\" FROM pragma_index_list(?, 'main') WHERE NOT partial",
                shape.ref.name,
                about=about,
            ):
                names = self._ask.rows(
                    "SELECT name FROM pragma_index_info(?, 'main') ORDER BY seqno", index, about=about
                )
                if names and names[0][0] is not None:
                    first = names[0][0]
                    leading[first] = leading.get(first, False) or bool(unique and len(names) == 1)
            # The key that is the rowid has no index of its own.
            if (
                len(shape.key) == 1
                and shape.key[0] not in leading
                and not self._schema().without_rowid(entry)
            ):
                rowid = shape.key[0]
        again = rowid is not None and "AUTOINCREMENT" not in entry.sql.upper()
        found = []
        for column in shape.columns:
            kind = _kind(column)
            if kind is None:
                continue
            mine = column.name == rowid
            found.append(
                MarkColumn(
                    name=column.name,
                    type=column.type,
                    kind=kind,
                    automatic=mine,
                    nullable=column.nullable,
                    indexed=mine or column.name in leading,
                    unique=mine or leading.get(column.name, False),
                    coarse="whole seconds or days, where they are written so"
                    if kind is MarkKind.TIME
                    else "",
                    hazards=(
                        "Without AUTOINCREMENT, SQLite gives the numbers of rows deleted last once more: "
                        "those would be missed.",
                    )
                    if mine and again
                    else (),
                )
            )
        return tuple(found)

    def newest(self, database: str, shape: TableShape, column: MarkColumn) -> str | None:
        name = named(shape.ref.name, column.name)
        found = self._ask.value(f"SELECT max({name}) FROM {source(shape.ref.name)}", about=str(shape.ref))
        return None if found is None else _text(found, column, shape)

    def quoted(self, shape: TableShape, column: MarkColumn) -> str:
        return named(shape.ref.name, column.name)

    def compared(
        self, database: str, shape: TableShape, column: MarkColumn, operator: str, value: str
    ) -> str:
        return f"{self.quoted(shape, column)} {operator} {_literal(value, column.kind)}"

    def ahead(self, database: str, shape: TableShape, column: MarkColumn, condition: str) -> Ahead:
        name = named(shape.ref.name, column.name)
        row = self._ask.row(
            f"SELECT count(*), min({name}), max({name}) FROM {source(shape.ref.name)}{where(condition)}",
            about=str(shape.ref),
        )
        count, low, high = row if row is not None else (0, None, None)
        return Ahead(
            int(count),
            None if low is None else _text(low, column, shape),
            None if high is None else _text(high, column, shape),
        )

    def open_transactions(self, kind: MarkKind) -> OpenTransactions | None:
        return None

    def sign(self, database: str, refs: Sequence[ObjectRef]) -> str | None:
        """When the file and its write-ahead log were last written, and how long they are."""
        signs = []
        for path in (self._path, self._path.with_name(self._path.name + "-wal")):
            if path.exists():
                found = path.stat()
                signs.append(f"{found.st_mtime_ns}/{found.st_size}")
        return " ".join(signs)


def _kind(column: SourceColumn) -> MarkKind | None:
    upper = column.type.upper()
    if "DATE" in upper or "TIME" in upper:
        return MarkKind.TIME
    if "INT" in upper or any(part in upper for part in ("DEC", "NUM", "REAL", "DOUB", "FLOA")):
        return MarkKind.NUMBER
    return MarkKind.TIME if "TEXT" in upper or "CHAR" in upper else None


def _text(value: object, column: MarkColumn, shape: TableShape) -> str:
    match value:
        case int() | str():
            return str(value)
        case float():
            return repr(value)
    raise BrokenObject(
        f"{shape.ref}: the newest value of {column.name!r} is no number and no text: it can't be a mark.",
        "Name another column as its mark.",
    )


def _literal(text: str, kind: MarkKind) -> str:
    return text.strip() if kind is MarkKind.NUMBER else "'" + text.replace("'", "''") + "'"
