"""The catalog's queries: PostgreSQL manual, "System Catalogs".

They take no lock on what they tell of: sizes come from relpages, since pg_relation_size waits for whoever
alters a table.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.sources.postgresql.names import OBJECTS
from core.model.vocabulary import ObjectType

# What belongs to an extension comes with it, and what the system keeps isn't anybody's to export.
SCHEMAS = """
SELECT n.nspname FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::regclass
                  AND d.objid = n.oid AND d.deptype = 'e')
"""


_PARTS = """
LEFT JOIN LATERAL (
  SELECT CASE WHEN pg_catalog.min(l.reltuples) < 0 THEN -1 ELSE pg_catalog.sum(l.reltuples) END AS rows,
         pg_catalog.sum(l.relpages) AS pages
  FROM pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class l ON l.oid = p.relid
  WHERE p.isleaf AND c.relkind = 'p') parts ON true
"""
_ESTIMATES = """
CASE c.relkind WHEN 'p' THEN parts.rows ELSE c.reltuples END::float8,
CASE c.relkind WHEN 'p' THEN parts.pages ELSE c.relpages END::int8
"""
_KEEPERS = {
    ObjectType.FUNCTION: "pg_proc",
    ObjectType.PROCEDURE: "pg_proc",
    ObjectType.TRIGGER: "pg_trigger",
    ObjectType.TYPE: "pg_type",
}


def objects(wanted: Iterable[ObjectType]) -> str:
    """A query for rows of type, name, rows and pages (both as pg_class has them), comment, note; its
    parameter, once for each type, is the schema."""
    return " UNION ALL ".join(_listed(kind) for kind in wanted)


def _listed(kind: ObjectType) -> str:
    keeper = _KEEPERS.get(kind, "pg_class")
    return f"""
SELECT '{kind.value}', o.name, {_ESTIMATES}, pg_catalog.obj_description(o.oid, '{keeper}'),
       CASE WHEN c.relkind = 'p' THEN 'partitioned'
            WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'not populated'
            WHEN c.relpersistence = 'u' THEN 'unlogged'
            WHEN y.typtype = 'd' THEN 'a domain' WHEN y.typtype = 'e' THEN 'an enum'
            WHEN y.typtype = 'r' THEN 'a range' WHEN y.typtype = 'c' THEN 'a composite type'
            WHEN f.prokind = 'a' THEN 'an aggregate' ELSE '' END
FROM ({OBJECTS[kind]}) o JOIN pg_catalog.pg_namespace n ON n.oid = o.space
LEFT JOIN pg_catalog.pg_class c ON c.oid = o.oid AND '{keeper}' = 'pg_class'
LEFT JOIN pg_catalog.pg_type y ON y.oid = o.oid AND '{keeper}' = 'pg_type'
LEFT JOIN pg_catalog.pg_proc f ON f.oid = o.oid AND '{keeper}' = 'pg_proc'
{_PARTS} WHERE n.nspname = %s"""


# Of a table or view; `{oids}` in these stands for which, as `names.Asking.about` has it.
ONE = "(%s::oid)"
_RELATION = f"""
SELECT c.oid::int8, c.relkind::text, {_ESTIMATES},
       EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
               WHERE i.inhparent = c.oid AND NOT k.relispartition)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace {_PARTS}
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND
"""
RELATIONS = f"{_RELATION} c.oid IN {{oids}}"
# Parameters: schema, name.
RELATION = f"{_RELATION} n.nspname = %s AND c.relname = %s"

# A domain is followed down to what is none: there its kind is decided.
COLUMNS = """
WITH RECURSIVE below(relation, attnum, oid, mod, strict) AS (
  SELECT a.attrelid, a.attnum, a.atttypid, a.atttypmod, a.attnotnull FROM pg_catalog.pg_attribute a
  WHERE a.attrelid IN {oids} AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.relation, b.attnum, t.typbasetype, t.typtypmod, b.strict OR t.typnotnull
  FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attrelid::int8, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       pg_catalog.format_type(b.oid, b.mod),
       EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = b.oid
               AND k.casttarget = 'pg_catalog.text'::regtype AND k.castmethod = 'f'),
       b.strict, a.attgenerated <> ''
FROM pg_catalog.pg_attribute a JOIN below b ON b.relation = a.attrelid AND b.attnum = a.attnum
JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
WHERE a.attrelid IN {oids}
ORDER BY a.attnum
"""

# Unique keys over whole columns without NULLs, the primary key first; and whether
# the index is in the order in which its columns are compared by themselves. Not that of an extension's type:
# without a search path its operators aren't found, but those of a type that it can be cast to.
KEYS = """
SELECT x.indrelid::int8, pg_catalog.array_agg(a.attname::text ORDER BY k.position),
       pg_catalog.bool_and(o.opcdefault AND x.indcollation[k.position - 1] = a.attcollation
                           AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)
FROM pg_catalog.pg_index x
CROSS JOIN LATERAL pg_catalog.generate_series(1, x.indnkeyatts) AS k(position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.position - 1]
JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[k.position - 1]
JOIN pg_catalog.pg_type t ON t.oid = o.opcintype
WHERE x.indrelid IN {oids} AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL
GROUP BY x.indrelid, x.indexrelid, x.indisprimary, x.indnkeyatts
HAVING pg_catalog.bool_and(a.attnotnull) AND pg_catalog.count(*) = x.indnkeyatts
ORDER BY x.indisprimary DESC, x.indnkeyatts, x.indexrelid
"""

FOREIGN_TABLES = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c WHERE c.relkind = 'f' AND NOT c.relispartition
"""
