"""What the catalogs say of many relations at once.

A look at one table's schema takes some twenty statements, most of which say nothing of most tables. Within a
survey each of them is sent for some hundreds of tables together, when the first of these is asked about, and
what it says is kept until the next hundreds are looked at.
"""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from connectors.sources.postgresql.errors import statement_error
from connectors.sources.postgresql.link import Link, Row
from connectors.sources.postgresql.names import OBJECTS, find
from core.errors import ConnectionLost
from core.model.vocabulary import ObjectRef, ObjectType

# From so many objects on a survey is worth it; and so many are looked at together, which bounds what is kept.
TOGETHER = 20
BATCH = 400
_RELATIONS = (ObjectType.TABLE, ObjectType.VIEW, ObjectType.MATERIALIZED_VIEW, ObjectType.SEQUENCE)
# A relation with its partitions, and the indexes and the columns' sequences of all of these.
_MEMBERS = """
WITH RECURSIVE tree(oid) AS (
  SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid IN {oids}
  UNION ALL
  SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
  JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid AND k.relispartition
)
SELECT oid::bigint FROM tree UNION SELECT x.indexrelid::bigint FROM tree
JOIN pg_catalog.pg_index x ON x.indrelid = tree.oid UNION SELECT d.objid::bigint FROM tree
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = tree.oid
AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
"""


class Survey:
    """Asks as a link does; what is about one of `refs` is asked for many of them together."""

    def __init__(self, link: Link, schema: str, refs: Collection[ObjectRef]) -> None:
        """Raises psycopg.Error: wrap in `Link.saying`."""
        self._link = link
        self._schema = schema
        self._oids: dict[ObjectRef, int] = {}
        for kind in {ref.type for ref in refs} & OBJECTS.keys():
            for oid, name in link.rows(
                f"SELECT o.oid::bigint, o.name FROM ({OBJECTS[kind]}) o"
                " JOIN pg_catalog.pg_namespace n ON n.oid = o.space WHERE n.nspname = %s",
                schema,
            ):
                self._oids[ObjectRef(kind, name)] = oid
        wanted = [self._oids[ref] for ref in refs if ref.type in _RELATIONS and ref in self._oids]
        self._batches = [wanted[at : at + BATCH] for at in range(0, len(wanted), BATCH)]
        self._batch_of = {oid: number for number, batch in enumerate(self._batches) for oid in batch}
        self._current: int | None = None
        self._members: frozenset[int] = frozenset()
        self._answers: dict[str, dict[int, list[Row]] | None] = {}

    def oid(self, schema: str, ref: ObjectRef) -> int | None:
        """An object's oid, None where it wasn't there when the survey began."""
        return self._oids.get(ref) if schema == self._schema else None

    def find(self, schema: str, ref: ObjectRef) -> int:
        """An object's oid, as `names.find`."""
        oid = self.oid(schema, ref)
        return find(self._link, schema, ref) if oid is None else oid

    def rows(self, statement: str, *params: object) -> list[Row]:
        return self._link.rows(statement, *params)

    def about(self, oid: int, statement: str) -> list[Row]:
        batch = self._batch_of.get(oid)
        if batch is not None and batch != self._current:
            self._look_at(batch)
        if oid not in self._members:
            return self._link.about(oid, statement)
        if statement not in self._answers:
            self._answers[statement] = self._together(statement)
        answers = self._answers[statement]
        return self._link.about(oid, statement) if answers is None else answers.get(oid, [])

    def _together(self, statement: str) -> dict[int, list[Row]] | None:
        """What a statement says of all members, by their oids; None where it is refused for one of them:
        each is then asked about by itself."""
        try:
            # The locks that it takes aren't kept.
            with self._link.letting_go():
                rows = self._link.rows(statement.replace("{oids}", _listed(self._members)))
        except psycopg.Error as error:
            if isinstance(statement_error(error, "looking at tables"), ConnectionLost):
                raise
            return None
        found: dict[int, list[Row]] = {}
        for number, *row in rows:
            found.setdefault(int(number), []).append(tuple(row))
        return found

    def _look_at(self, batch: int) -> None:
        rows = self._link.rows(_MEMBERS.replace("{oids}", _listed(self._batches[batch])))
        self._members = frozenset(int(oid) for (oid,) in rows)
        self._answers = {}
        self._current = batch


def _listed(oids: Collection[int]) -> str:
    """As a query, of which the server knows how many rows it gives."""
    return f"(SELECT pg_catalog.unnest('{{{','.join(map(str, sorted(oids)))}}}'::oid[]))"
