"""Privileges on objects, as GRANT statements. Owners are never among them, nor what an owner has anyway.

What PUBLIC has by default (to run a function, to use a type) is taken from it where it was taken from it in
the original. "Privileges" in chapter "Data Definition" of the manual.
"""

from __future__ import annotations

from typing import Any

from connectors.sources.postgresql.names import Asking
from core.model.vocabulary import ObjectRef, ObjectType

_CLASS = "pg_catalog.pg_class"

# The relation, the partitions below it, and the sequences of their columns.
_RELATIONS = f"""
WITH RECURSIVE tree(root, oid) AS (
  SELECT r.oid, r.oid FROM {_CLASS} r WHERE r.oid IN {{oids}} AND r.relkind NOT IN ('i', 'I')
  UNION ALL SELECT tree.root, i.inhrelid FROM tree
  JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
  JOIN {_CLASS} k ON k.oid = i.inhrelid AND k.relispartition
), members AS (
  SELECT root, oid FROM tree UNION SELECT tree.root, d.objid FROM tree JOIN pg_catalog.pg_depend d
  ON d.classid = '{_CLASS}'::pg_catalog.regclass AND d.refclassid = '{_CLASS}'::pg_catalog.regclass
  AND d.refobjid = tree.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
  JOIN {_CLASS} s ON s.oid = d.objid AND s.relkind = 'S'
), acls AS (
  SELECT m.root,
    CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::pg_catalog.regclass::text AS what,
    NULL::text AS col, c.relacl AS acl, c.relowner AS owner, 'r'::"char" AS kind
  FROM members m JOIN {_CLASS} c ON c.oid = m.oid
  UNION ALL
  SELECT m.root, 'TABLE ' || c.oid::pg_catalog.regclass::text, pg_catalog.quote_ident(a.attname), a.attacl,
    c.relowner, 'c'
  FROM members m JOIN {_CLASS} c ON c.oid = m.oid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
)
"""
_ROUTINE = """
WITH acls AS (
  SELECT oid AS root,
    CASE WHEN prokind = 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || oid::pg_catalog.regprocedure::text
    AS what, NULL::text AS col, proacl AS acl, proowner AS owner, 'f'::"char" AS kind
  FROM pg_catalog.pg_proc WHERE oid IN {oids}
)
"""
_TYPE = """
WITH acls AS (
  SELECT y.oid AS root,
    'TYPE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(y.typname) AS what,
    NULL::text AS col, y.typacl AS acl, y.typowner AS owner, 'T'::"char" AS kind
  FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace WHERE y.oid IN {oids}
)
"""
_GRANTED = """
SELECT a.root::bigint, a.what, a.col, pg_catalog.quote_ident(r.rolname), x.is_grantable,
  pg_catalog.array_agg(x.privilege_type::text ORDER BY x.privilege_type)
FROM acls a CROSS JOIN LATERAL pg_catalog.aclexplode(a.acl) x
LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE x.grantee <> a.owner AND (r.oid IS NOT NULL OR (x.grantee = 0 AND a.kind NOT IN ('f', 'T')))
GROUP BY a.root, a.what, a.col, r.rolname, x.is_grantable
ORDER BY a.what, a.col NULLS FIRST, r.rolname NULLS FIRST, x.is_grantable
"""
_TAKEN = """
SELECT a.root::bigint, a.what, x.privilege_type::text
FROM acls a CROSS JOIN LATERAL pg_catalog.aclexplode(pg_catalog.acldefault(a.kind, a.owner)) x
WHERE a.acl IS NOT NULL AND a.kind IN ('f', 'T') AND x.grantee = 0 AND NOT EXISTS (
  SELECT FROM pg_catalog.aclexplode(a.acl) y WHERE y.grantee = 0 AND y.privilege_type = x.privilege_type)
"""


class Grants:
    def __init__(self, link: Asking) -> None:
        self._link = link

    def of(self, ref: ObjectRef, oid: int) -> tuple[str, ...]:
        """The statements that give others what they have of the object, in an order that doesn't change."""
        if ref.type is ObjectType.TRIGGER:
            return ()
        acls = {
            ObjectType.FUNCTION: _ROUTINE, ObjectType.PROCEDURE: _ROUTINE, ObjectType.TYPE: _TYPE,
        }.get(ref.type, _RELATIONS)  # fmt: skip
        statements = []
        for what, privilege in self._rows(ref, oid, acls + _TAKEN):
            statements.append(f"REVOKE {privilege} ON {what} FROM PUBLIC")
        for what, column, role, grantable, privileges in self._rows(ref, oid, acls + _GRANTED):
            listed = ", ".join(f"{p} ({column})" if column else p for p in privileges)
            option = " WITH GRANT OPTION" if grantable else ""
            statements.append(f"GRANT {listed} ON {what} TO {role or 'PUBLIC'}{option}")
        return tuple(statements)

    def _rows(self, ref: ObjectRef, oid: int, statement: str) -> list[tuple[Any, ...]]:
        if ref.type in (ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.TYPE):
            # No relation may be meant by an oid of theirs.
            return [row[1:] for row in self._link.rows(statement.replace("{oids}", f"({int(oid)})"))]
        return self._link.about(oid, statement)
