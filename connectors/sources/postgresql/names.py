"""What an object of a schema is called, and where the catalogs have it.

The interface's "database" is a schema. Names are as they stand in the catalogs, but for two kinds whose bare
name isn't unique: a function or procedure is `name(argument types)`, since each overload is an object of its
own, and a trigger is `name ON table`. Argument types are printed with an empty search_path, so that those
outside pg_catalog have their schema.

Left out everywhere: what an extension or a range type brings along; sequences of columns and partitions,
which are part of their table; row types.
"""

from __future__ import annotations

from typing import Any, Protocol

from core.errors import NotFound
from core.model.vocabulary import ObjectRef, ObjectType

FUNCTION_NAME = "p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'"
TRIGGER_NAME = "t.tgname || ' ON ' || c.relname"

_WITH_TYPES = "'e', 'i'"
_CLASS = "'pg_catalog.{}'::pg_catalog.regclass"


class Sending(Protocol):
    """Whatever sends a statement."""

    def rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]: ...


class Asking(Protocol):
    """Whatever sends a statement, with `%s` for each of `params`, and gives the rows of its answer.

    `about`: a statement that tells of a relation, `{oids}` in it standing for a list of them (behind IN); its
    first column is the relation's oid, which the rows that are given don't have.
    """

    def rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]: ...

    def about(self, oid: int, statement: str) -> list[tuple[Any, ...]]: ...

    def find(self, schema: str, ref: ObjectRef) -> int:
        """As `find` below."""
        ...


def own(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """The condition that no extension brings the object (`kinds` of dependencies as pg_depend has them)."""
    return (
        f"NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.deptype IN ({kinds})"
        f" AND x.classid = {_CLASS.format(catalog)} AND x.objid = {oid})"
    )


def _relations(kinds: str, more: str = "") -> str:
    return (
        "SELECT c.oid, c.relname::text AS name, c.relnamespace AS space FROM pg_catalog.pg_class c"
        f" WHERE c.relkind IN ({kinds}) AND {own('pg_class', 'c.oid')}{more}"
    )


def _routines(kinds: str) -> str:
    return (
        f"SELECT p.oid, {FUNCTION_NAME} AS name, p.pronamespace AS space FROM pg_catalog.pg_proc p"
        # A range type brings the functions that make its values along.
        f" WHERE p.prokind IN ({kinds}) AND {own('pg_proc', 'p.oid', _WITH_TYPES)}"
    )


# For each type, a query of (oid, name, oid of the schema).
OBJECTS: dict[ObjectType, str] = {
    ObjectType.TABLE: _relations("'r', 'p'", " AND NOT c.relispartition"),
    ObjectType.VIEW: _relations("'v'"),
    ObjectType.MATERIALIZED_VIEW: _relations("'m'"),
    ObjectType.SEQUENCE: _relations(
        "'S'",
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend o WHERE o.classid = "
        + _CLASS.format("pg_class")
        + " AND o.objid = c.oid AND o.refclassid = "
        + _CLASS.format("pg_class")
        + " AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i'))",
    ),
    ObjectType.FUNCTION: _routines("'f', 'w', 'a'"),
    ObjectType.PROCEDURE: _routines("'p'"),
    ObjectType.TYPE: (
        "SELECT y.oid, y.typname::text AS name, y.typnamespace AS space FROM pg_catalog.pg_type y"
        " LEFT JOIN pg_catalog.pg_class c ON c.oid = y.typrelid"
        " WHERE (y.typtype IN ('e', 'd', 'r') OR (y.typtype = 'c' AND c.relkind = 'c'))"
        f" AND {own('pg_type', 'y.oid')}"
    ),
    ObjectType.TRIGGER: (
        f"SELECT t.oid, {TRIGGER_NAME} AS name, c.relnamespace AS space FROM pg_catalog.pg_trigger t"
        " JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
        f" WHERE NOT t.tgisinternal AND {own('pg_trigger', 't.oid')} AND {own('pg_class', 'c.oid')}"
        # A partition's trigger may be its own, or one that its table's brought along.
        f" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.objid = t.oid"
        f" AND x.classid = {_CLASS.format('pg_trigger')} AND x.refclassid = {_CLASS.format('pg_trigger')})"
    ),
}


def find(link: Sending, schema: str, ref: ObjectRef) -> int:
    """The oid of an object. Raises NotFound, which says so where another object brings it along."""
    query = OBJECTS.get(ref.type)
    if query is not None:
        found = link.rows(
            f"SELECT o.oid::bigint FROM ({query}) o JOIN pg_catalog.pg_namespace n ON n.oid = o.space"
            " WHERE n.nspname = %s AND o.name = %s",
            schema,
            ref.name,
        )
        if found:
            return int(found[0][0])
    raise NotFound(
        f"There is no {ref} in schema {schema!r}, or it is part of another object.",
        "Partitions and the sequences of columns come with their table, and the objects of an extension "
        "with CREATE EXTENSION. Functions are named with their arguments: 'FUNCTION:f(integer, text)'; "
        "triggers with their table: 'TRIGGER:t ON orders'.",
    )
