"""Marks on Oracle.

Open transactions: V$TRANSACTION, which an account sees with SELECT_CATALOG_ROLE. A transaction is there from
its first change on, which is when its rows get their marks at the earliest.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from connectors.base import TableShape
from connectors.marks import Ahead, MarkColumn, Marks, OpenTransactions
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import Catalog, TableFacts
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.snapshot import SnapshotState
from connectors.sources.oracle.types import ColumnType
from connectors.words import shown
from core.model.mark import MarkKind

_KINDS = {
    "NUMBER": MarkKind.NUMBER,
    "DATE": MarkKind.TIME,
    "TIMESTAMP": MarkKind.TIME,
    "TIMESTAMP WITH LOCAL TIME ZONE": MarkKind.TIME,
    "TIMESTAMP WITH TIME ZONE": MarkKind.TIME,
}
_REFUSED = ("ORA-00942", "ORA-01031", "ORA-41900")
_FINEST = 9


class OracleMarks(Marks):
    def __init__(self, link: Link, catalog: Catalog, snapshot: SnapshotState) -> None:
        self._link = link
        self._catalog = catalog
        self._snapshot = snapshot

    def columns(self, database: str, shape: TableShape) -> tuple[MarkColumn, ...]:
        facts = self._catalog.facts(database, shape.ref)
        with self._link.saying(f"looking for marks of {shown(str(shape.ref))}"):
            indexes = self._link.rows(sql.INDEXES, owner=database, name=shape.ref.name)
            identity = {
                str(row[0]) for row in self._link.rows(sql.IDENTITY, owner=database, name=shape.ref.name)
            }
        indexed = {str(name) for name, _, _ in indexes}
        unique = {str(name) for name, kind, width in indexes if kind == "UNIQUE" and width == 1}
        found = []
        for column in shape.columns:
            held = facts.types.get(column.name)
            if held is None or held.plain not in _KINDS:
                continue
            hazards = []
            if column.name in identity:
                hazards.append(
                    "Each instance of a cluster takes numbers ahead: one may come in late by that."
                )
            found.append(
                MarkColumn(
                    name=column.name,
                    type=column.type,
                    kind=_KINDS[held.plain],
                    automatic=column.name in identity,
                    nullable=column.nullable,
                    indexed=column.name in indexed,
                    unique=column.name in unique,
                    coarse="whole seconds" if held.plain == "DATE" or not held.fraction else "",
                    hazards=tuple(hazards),
                )
            )
        return tuple(found)

    def newest(self, database: str, shape: TableShape, column: MarkColumn) -> str | None:
        with self._link.saying(f"asking {shown(str(shape.ref))} for its newest mark", reading=True):
            found = self._link.row(
                sql.one([_text(f"MAX({sql.identifier(column.name)})", self._held(database, shape, column))],
                        self._source(database, shape))
            )  # fmt: skip
        return _plain(found[0])

    def _facts(self, database: str, shape: TableShape) -> TableFacts:
        return self._catalog.facts(database, shape.ref)

    def _held(self, database: str, shape: TableShape, column: MarkColumn) -> ColumnType:
        return self._facts(database, shape).types[column.name]

    def _source(self, database: str, shape: TableShape) -> str:
        external = self._facts(database, shape).external
        return sql.source(database, shape.ref.name, None if external else self._snapshot.scn)

    def quoted(self, shape: TableShape, column: MarkColumn) -> str:
        return sql.identifier(column.name)

    def compared(
        self, database: str, shape: TableShape, column: MarkColumn, operator: str, value: str
    ) -> str:
        written = _literal(value, self._held(database, shape, column))
        return f"{self.quoted(shape, column)} {operator} {written}"

    def ahead(self, database: str, shape: TableShape, column: MarkColumn, condition: str) -> Ahead:
        held, name = self._held(database, shape, column), sql.identifier(column.name)
        asked = [sql.ALL_ROWS, _text(f"MIN({name})", held), _text(f"MAX({name})", held)]
        with self._link.saying(f"counting what is new in {shown(str(shape.ref))}", reading=True):
            self._link.enter(database)
            rows, low, high = self._link.row(sql.one(asked, self._source(database, shape), condition))
        return Ahead(int(rows), _plain(low), _plain(high))

    def open_transactions(self, kind: MarkKind) -> OpenTransactions | None:
        with self._link.saying("asking for open transactions"):
            found = self._link.rows_unless(_REFUSED, sql.OPEN_TRANSACTIONS)
        if not found:
            return None
        now, since = (None if text is None else _instant(str(text)) for text in found[0])
        return None if now is None else OpenTransactions(now, since)


def _text(expression: str, held: ColumnType) -> str:
    """A mark as the server writes it; moments with a zone in UTC."""
    if held.plain == "NUMBER":
        return sql.number(expression)
    if held.plain == "DATE":
        return sql.moment(expression)
    if held.plain == "TIMESTAMP WITH TIME ZONE":
        expression = sql.in_utc(expression)
    return sql.moment(expression, _FINEST)


def _plain(text: object) -> str | None:
    """With a digit before the point, which the server leaves out."""
    return None if text is None else re.sub(r"^(-?)\.", r"\g<1>0.", str(text))


def _literal(text: str, held: ColumnType) -> str:
    if held.plain == "NUMBER":
        return sql.number_literal(text)
    if held.plain == "DATE":
        # A bound that was moved back may lie between two seconds.
        return sql.timestamp_literal(text) if "." in text else sql.date_literal(text)
    if held.plain == "TIMESTAMP WITH TIME ZONE":
        return sql.zoned_literal(f"{text} +00:00")
    return sql.timestamp_literal(text)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
