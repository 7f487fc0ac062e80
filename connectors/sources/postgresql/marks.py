"""Marks on PostgreSQL.

Open transactions: PostgreSQL manual, "pg_stat_activity" (of other roles only with pg_read_all_stats) and
"pg_prepared_xacts".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.base import TableShape
from connectors.marks import Ahead, MarkColumn, Marks, OpenTransactions
from connectors.sources.postgresql.catalog import Catalog
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.sql import conditions, identifier, literal
from connectors.words import shown
from core.model.mark import MarkKind
from core.model.vocabulary import ObjectRef, ObjectType

_KINDS = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric"), MarkKind.NUMBER),
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), MarkKind.TIME),
}
_FRACTION = re.compile(r"\((\d)\)")

# Parameter: the table's oid, twice. Whether the server gives each row a number; the sequence's cache;
# whether an index begins with the column, and holds each of its values once.
_FACTS = """
SELECT a.attname::text,
       a.attidentity <> '' OR COALESCE(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%%',
       (SELECT s.seqcache FROM pg_catalog.pg_sequence s
        WHERE s.seqrelid = pg_catalog.pg_get_serial_sequence(%s::oid::regclass::text,
        a.attname::text)::regclass),
       EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = a.attrelid AND x.indisvalid
               AND x.indpred IS NULL AND x.indkey[0] = a.attnum),
       EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = a.attrelid AND x.indisvalid AND
       x.indisunique
               AND x.indpred IS NULL AND x.indnkeyatts = 1 AND x.indkey[0] = a.attnum)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::oid AND a.attnum > 0 AND NOT a.attisdropped
"""

# Of a number only those that have begun to write may have taken one: they have a transaction's number, or are
# so young that they may be about to. Of a time, all: now() is the transaction's beginning.
_OPEN = """
SELECT pg_catalog.clock_timestamp(),
  (SELECT pg_catalog.min(a.xact_start) FROM pg_catalog.pg_stat_activity a
   WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.datname = pg_catalog.current_database()
     AND a.application_name NOT LIKE 'offramp task %'
     AND COALESCE(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender')
     AND ({which})),
  EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
          WHERE a.datname = pg_catalog.current_database() AND a.usesysid IS NOT NULL
            AND (a.query = '<insufficient privilege>' OR a.state = 'disabled')
            AND a.pid <> pg_catalog.pg_backend_pid()),
  EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()),
  pg_catalog.pg_is_in_recovery()
"""
_WROTE = "a.backend_xid IS NOT NULL OR a.xact_start > pg_catalog.clock_timestamp() - interval '10 s'"


class PostgresqlMarks(Marks):
    def __init__(self, link: Link, catalog: Catalog) -> None:
        self._link = link
        self._catalog = catalog

    def columns(self, database: str, shape: TableShape) -> tuple[MarkColumn, ...]:
        facts = self._catalog.facts(database, shape.ref)
        with self._link.saying(f"looking for marks of {shown(str(shape.ref))}"), self._link.letting_go():
            rows = {row[0]: row[1:] for row in self._link.rows(_FACTS, facts.oid, facts.oid)}
        found = []
        for column in shape.columns:
            held = facts.columns.get(column.name)
            if held is None or held.plain not in _KINDS:
                continue
            automatic, cache, indexed, unique = rows.get(column.name, (False, None, False, False))
            hazards = []
            if automatic and cache is not None and cache > 1:
                hazards.append(
                    f"Its sequence gives each session {cache} numbers at once: one may come in late by that."
                )
            found.append(
                MarkColumn(
                    name=column.name,
                    type=column.type,
                    kind=_KINDS[held.plain],
                    automatic=bool(automatic),
                    nullable=column.nullable,
                    indexed=bool(indexed),
                    unique=bool(unique),
                    coarse=_coarse(held.base, held.plain),
                    hazards=tuple(hazards),
                )
            )
        return tuple(found)

    def newest(self, database: str, shape: TableShape, column: MarkColumn) -> str | None:
        what = f"asking {shown(str(shape.ref))} for its newest mark"
        with self._link.saying(what, reading=True), self._link.letting_go():
            (found,) = self._link.row(
                f"SELECT pg_catalog.max({self._column(database, shape, column)})::pg_catalog.text"
                f" FROM {self._source(database, shape)}"
            )
        return None if found is None else str(found)

    def _source(self, database: str, shape: TableShape) -> str:
        return self._catalog.facts(database, shape.ref).source(database, shape.ref.name)

    def _type(self, database: str, shape: TableShape, column: MarkColumn) -> str:
        return self._catalog.facts(database, shape.ref).columns[column.name].base

    def _column(self, database: str, shape: TableShape, column: MarkColumn) -> str:
        """As what a domain is over: literals are of that."""
        return f"{identifier(column.name)}::{self._type(database, shape, column)}"

    def quoted(self, shape: TableShape, column: MarkColumn) -> str:
        return identifier(column.name)

    def compared(
        self, database: str, shape: TableShape, column: MarkColumn, operator: str, value: str
    ) -> str:
        kind = self._type(database, shape, column)
        return f"{identifier(column.name)} OPERATOR(pg_catalog.{operator}) {literal(value)}::{kind}"

    def ahead(self, database: str, shape: TableShape, column: MarkColumn, condition: str) -> Ahead:
        what = f"counting what is new in {shown(str(shape.ref))}"
        held = self._column(database, shape, column)
        with self._link.saying(what, reading=True), self._link.letting_go():
            self._link.look_in(database)
            rows, low, high = self._link.row(
                f"SELECT pg_catalog.count(*), pg_catalog.min({held})::pg_catalog.text,"
                f" pg_catalog.max({held})::pg_catalog.text"
                f" FROM {self._source(database, shape)}{conditions(condition)}"
            )
        return Ahead(int(rows), low, high)

    def open_transactions(self, kind: MarkKind) -> OpenTransactions | None:
        which = "true" if kind is MarkKind.TIME else _WROTE
        with self._link.saying("asking for open transactions"):
            now, since, hidden, prepared, standby = self._link.row(_OPEN.format(which=which))
        # When a prepared transaction began, nobody knows; on a standby, nobody knows of any.
        if hidden or prepared or standby:
            return None
        return OpenTransactions(now, since)

    def sign(self, database: str, refs: Sequence[ObjectRef]) -> str | None:
        """How many rows were written as the statistics have it, which come within a second."""
        if any(ref.type not in (ObjectType.TABLE,) for ref in refs):
            return None
        with self._link.saying("asking how much was written"), self._link.letting_go():
            rows = self._link.rows(
                "SELECT c.relname::text, pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(l.oid)"
                " + pg_catalog.pg_stat_get_tuples_updated(l.oid)"
                " + pg_catalog.pg_stat_get_tuples_deleted(l.oid))::text"
                " || ' ' || pg_catalog.max(l.relfilenode)::text"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " CROSS JOIN LATERAL (SELECT c.oid UNION"
                " SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p) t"
                " JOIN pg_catalog.pg_class l ON l.oid = t.oid"
                " WHERE n.nspname = %s AND c.relname = ANY(%s) GROUP BY c.relname",
                database,
                [ref.name for ref in refs],
            )
            (counts,) = self._link.row("SELECT pg_catalog.current_setting('track_counts')::boolean")
        if not counts or len(rows) < len(refs):
            return None
        return "; ".join(f"{name} {count}" for name, count in sorted(rows))


def _coarse(base: str, plain: str) -> str:
    if plain == "date":
        return "whole days"
    found = _FRACTION.search(base)
    return "whole seconds" if found is not None and found[1] == "0" else ""
