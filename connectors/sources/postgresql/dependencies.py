"""Which objects must be there before another can be made, as pg_depend has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.sources.postgresql.names import FUNCTION_NAME, Asking
from core.errors import BrokenObject
from core.model.vocabulary import ObjectRef, ObjectType

_RELATIONS = {
    "r": ObjectType.TABLE,
    "p": ObjectType.TABLE,
    "v": ObjectType.VIEW,
    "m": ObjectType.MATERIALIZED_VIEW,
    "S": ObjectType.SEQUENCE,
    "c": ObjectType.TYPE,
}


def _in(catalog: str) -> str:
    return f"'pg_catalog.{catalog}'::pg_catalog.regclass"


@dataclass(frozen=True, slots=True)
class Needs:
    """`refs` in the same schema, `notes` about what lies elsewhere."""

    refs: tuple[ObjectRef, ...]
    notes: tuple[str, ...]


# What a type brings along: its arrays, its multirange, the functions that make its values.
_BROUGHT = (
    f"d.deptype = 'i' AND d.refclassid = {_in('pg_type')}"
    f" AND d.classid IN ({_in('pg_type')}, {_in('pg_proc')})"
)
# What a reference finally means: the type that brings it along, the table of an index, a constraint, a row
# type, a partition or a column's sequence. OFFSET 0 and count(*) keep the server from reading all of
# pg_depend, since it can't know how few rows are asked for.
_RESOLVED = f"""
, raw AS (
  SELECT DISTINCT o.root, d.refclassid AS class, d.refobjid AS id
  FROM own o CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid, d.deptype FROM pg_catalog.pg_depend d
    WHERE d.classid = o.class AND d.objid = o.id OFFSET 0) d
  WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
), up AS (
  SELECT root, class, id FROM raw UNION SELECT up.root, d.refclassid, d.refobjid FROM up CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
    WHERE d.classid = up.class AND d.objid = up.id AND {_BROUGHT} OFFSET 0) d
), elements AS MATERIALIZED (
  SELECT up.root, up.class, up.id FROM up WHERE (
    SELECT pg_catalog.count(*) FROM pg_catalog.pg_depend d
    WHERE d.classid = up.class AND d.objid = up.id AND {_BROUGHT}) = 0
), relations AS MATERIALIZED (
  SELECT e.root, e.class, e.id, CASE
    WHEN e.class = {_in("pg_class")} THEN e.id
    WHEN e.class = {_in("pg_type")}
      THEN (SELECT NULLIF(y.typrelid, 0) FROM pg_catalog.pg_type y WHERE y.oid = e.id)
    WHEN e.class = {_in("pg_constraint")}
      THEN (SELECT NULLIF(k.conrelid, 0) FROM pg_catalog.pg_constraint k WHERE k.oid = e.id)
    WHEN e.class = {_in("pg_trigger")}
      THEN (SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE t.oid = e.id)
  END AS relation FROM elements e
), tables AS MATERIALIZED (
  SELECT e.root, e.class, e.id, COALESCE(
    (SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = e.relation),
    (SELECT d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid
      WHERE s.relkind = 'S' AND d.objid = e.relation AND d.classid = {_in("pg_class")}
      AND d.refclassid = {_in("pg_class")} AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')),
    e.relation) AS relation FROM relations e
), found AS (
  SELECT t.root, t.class, t.id, COALESCE((
    SELECT pg_catalog.pg_partition_root(t.relation)::oid FROM pg_catalog.pg_class c
    WHERE c.oid = t.relation AND c.relispartition), t.relation) AS relation FROM tables t
)
SELECT f.root::bigint, c.relkind::text, y.typtype::text, p.prokind::text,
  COALESCE(c.relname::text, y.typname::text, {FUNCTION_NAME}), n.nspname::text,
  (SELECT x.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
    WHERE d.deptype = 'e' AND d.classid = CASE WHEN c.oid IS NULL THEN f.class ELSE {_in("pg_class")} END
    AND d.objid = COALESCE(c.oid, f.id)),
  pg_catalog.pg_describe_object(f.class, f.id, 0), f.id::bigint >= 16384
FROM found f
LEFT JOIN pg_catalog.pg_class c ON c.oid = f.relation
LEFT JOIN pg_catalog.pg_type y ON f.class = {_in("pg_type")} AND y.oid = f.id AND c.oid IS NULL
LEFT JOIN pg_catalog.pg_proc p ON f.class = {_in("pg_proc")} AND p.oid = f.id
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(c.relnamespace, y.typnamespace, p.pronamespace)
"""


def _belonging(catalog: str, column: str, oid: str = "oid", more: str = "") -> str:
    """What of a catalog belongs to the relations of `tree`; each looked up by itself, as above."""
    kept = "pg_class" if catalog == "pg_index" else catalog
    return (
        f"SELECT t.root, {_in(kept)}, x.id FROM tree t CROSS JOIN LATERAL (SELECT b.{oid} AS id"
        f" FROM pg_catalog.{catalog} b WHERE b.{column} = t.oid{more} OFFSET 0) x"
    )


# A relation with its partitions, and what is theirs.
_OF_RELATIONS = f"""
tree(root, oid) AS (
  SELECT r.oid, r.oid FROM pg_catalog.pg_class r WHERE r.oid IN {{oids}} AND r.relkind NOT IN ('i', 'I')
  UNION ALL SELECT t.root, i.inhrelid FROM tree t CROSS JOIN LATERAL (
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
    WHERE i.inhparent = t.oid AND k.relispartition OFFSET 0) i
), own(root, class, id) AS (
  SELECT t.root, {_in("pg_class")}::oid, t.oid FROM tree t
  UNION ALL {_belonging("pg_index", "indrelid", "indexrelid")}
  UNION ALL {_belonging("pg_attrdef", "adrelid")}
  UNION ALL {_belonging("pg_constraint", "conrelid", more=" AND b.contype IN ('c', 'p', 'u', 'x')")}
  UNION ALL {_belonging("pg_rewrite", "ev_class", more=" AND b.rulename = '_RETURN'")}
  UNION ALL {_belonging("pg_statistic_ext", "stxrelid")}
)
"""


class Dependencies:
    def __init__(self, link: Asking) -> None:
        self._link = link

    def of_relation(self, schema: str, ref: ObjectRef, oid: int) -> Needs:
        """Of a table (with its partitions), view or sequence: by its columns, defaults, checks, keys,
        indexes, statistics and query. Foreign keys, rules and policies don't count."""
        return self._needs(schema, ref, self._link.about(oid, f"WITH RECURSIVE {_OF_RELATIONS}{_RESOLVED}"))

    def of_type(self, schema: str, ref: ObjectRef, oid: int) -> Needs:
        return self._resolve(
            schema,
            ref,
            f"SELECT {oid}::oid AS root, {_in('pg_type')}::oid AS class, {oid}::oid AS id UNION ALL"
            f" SELECT {oid}, {_in('pg_class')}, typrelid FROM pg_catalog.pg_type WHERE oid = {oid}"
            f" UNION ALL SELECT {oid}, {_in('pg_constraint')}, oid FROM pg_catalog.pg_constraint"
            f" WHERE contypid = {oid}",
        )

    def of(self, schema: str, ref: ObjectRef, catalog: str, oid: int) -> Needs:
        """Of a function or trigger."""
        own = f"SELECT {oid}::oid AS root, {_in(catalog)}::oid AS class, {oid}::oid AS id"
        return self._resolve(schema, ref, own)

    def _resolve(self, schema: str, ref: ObjectRef, own: str) -> Needs:
        rows = self._link.rows(f"WITH RECURSIVE own AS ({own}){_RESOLVED}")
        return self._needs(schema, ref, [row[1:] for row in rows])

    def _needs(self, schema: str, ref: ObjectRef, rows: list[tuple[Any, ...]]) -> Needs:
        refs: set[ObjectRef] = set()
        notes: set[str] = set()
        for kind, typtype, prokind, name, space, extension, words, users in rows:
            if extension is not None:
                if extension != "plpgsql":
                    notes.add(f"Needs extension {extension}: CREATE EXTENSION.")
                continue
            found = self._type_of(kind, typtype, prokind)
            if space in ("pg_catalog", "pg_toast", "information_schema"):
                continue
            if found is None or space is None:
                # Operators, collations and the like; what the server itself brings has small numbers.
                if users and not words.startswith("schema "):
                    notes.add(f"Needs {words}, which isn't exported.")
                continue
            needed = ObjectRef(found, name)
            if space != schema:
                notes.add(f"Needs {needed} of schema {space}.")
            elif needed != ref:
                refs.add(needed)
        return Needs(tuple(sorted(refs)), tuple(sorted(notes)))

    @staticmethod
    def _type_of(kind: str | None, typtype: str | None, prokind: str | None) -> ObjectType | None:
        if kind is not None:
            return _RELATIONS.get(kind)
        if typtype is not None:
            return ObjectType.TYPE if typtype in ("e", "d", "r") else None
        if prokind is not None:
            return ObjectType.PROCEDURE if prokind == "p" else ObjectType.FUNCTION
        return None

    def check_view(self, name: str, oid: int) -> None:
        """Raises BrokenObject for a view that reads itself by way of others: none of them can be made
        first."""
        found = self._link.rows(
            "WITH RECURSIVE reads(id) AS ("
            f" SELECT {oid}::oid UNION SELECT d.refobjid FROM reads"
            " JOIN pg_catalog.pg_rewrite w ON w.ev_class = reads.id AND w.rulename = '_RETURN'"
            f" JOIN pg_catalog.pg_depend d ON d.classid = {_in('pg_rewrite')} AND d.objid = w.oid"
            f" AND d.refclassid = {_in('pg_class')} AND d.refobjid <> w.ev_class)"
            " SELECT w.ev_class::pg_catalog.regclass::text FROM reads"
            " JOIN pg_catalog.pg_rewrite w ON w.ev_class = reads.id AND w.rulename = '_RETURN'"
            f" JOIN pg_catalog.pg_depend d ON d.classid = {_in('pg_rewrite')} AND d.objid = w.oid"
            f" AND d.refclassid = {_in('pg_class')} AND d.refobjid = {oid} AND w.ev_class <> {oid}"
        )
        if found:
            raise BrokenObject(
                f"View {name} reads itself by way of {found[0][0]}: neither can be made first.",
                "Repair or exclude it.",
            )
