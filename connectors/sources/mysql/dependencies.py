"""Which objects must be there before another can be made."""

from __future__ import annotations

from collections.abc import Iterable

from pymysql.err import MySQLError

from connectors.sources.mysql.errors import UNKNOWN_TABLE, number
from connectors.sources.mysql.information import Information
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import called_names, literal, names, qualified_names, tokens
from core.model.vocabulary import ObjectRef, ObjectType


class Dependencies:
    """Only what is in the same database counts."""

    def __init__(self, link: Link, information: Information) -> None:
        self._link = link
        self._information = information

    def of_table(self, database: str, ref: ObjectRef, create: str) -> tuple[ObjectRef, ...]:
        """Sequences that give defaults."""
        if self._link.product.family is not Family.MARIADB or "nextval(" not in create.lower():
            return ()
        quoted = {t[1:-1].replace("``", "`") for t in tokens(create) if t.startswith("`")}
        return tuple(r for r in self._tables(database, quoted - {ref.name}) if r.type is ObjectType.SEQUENCE)

    def of_view(self, database: str, ref: ObjectRef, create: str) -> tuple[ObjectRef, ...]:
        """Tables, views and functions that a view reads."""
        used = self._usage(database, ref)
        if used is None:
            used = set(qualified_names(self._definition(database, ref), database))
        functions = self._functions(database, set(called_names(create)))
        return tuple(sorted({*self._tables(database, used - {ref.name}), *functions}))

    def _usage(self, database: str, ref: ObjectRef) -> set[str] | None:
        """Names from VIEW_TABLE_USAGE (OceanBase, MySQL 8); None where the server doesn't have it."""
        if self._link.product.family is Family.MARIADB:
            return None
        try:
            rows = self._link.rows(
                "SELECT VIEW_NAME, TABLE_NAME FROM information_schema.VIEW_TABLE_USAGE"
                f" WHERE VIEW_SCHEMA = {literal(database)} AND VIEW_NAME = {literal(ref.name)}"
                f" AND TABLE_SCHEMA = {literal(database)}"
            )
        except MySQLError as error:
            if number(error) == UNKNOWN_TABLE:
                return None
            raise
        return {str(table) for view, table in rows if view == ref.name}

    def _definition(self, database: str, ref: ObjectRef) -> str:
        """A view's body with every name qualified."""
        rows = self._link.rows(
            "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS"
            f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(ref.name)}"
        )
        return next((str(body) for name, body in rows if name == ref.name), "")

    def _tables(self, database: str, wanted: set[str]) -> list[ObjectRef]:
        """Those of the names that are tables, views or sequences of the database."""
        if not wanted:
            return []
        rows = self._link.rows(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"
            f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME IN ({names(sorted(wanted))})"
        )
        types = {"VIEW": ObjectType.VIEW, "SEQUENCE": ObjectType.SEQUENCE}
        return [ObjectRef(types.get(t, ObjectType.TABLE), str(n)) for n, t in rows if n in wanted]

    def _functions(self, database: str, wanted: Iterable[str]) -> list[ObjectRef]:
        listed = sorted(set(wanted))
        if not listed:
            return []
        rows = self._link.rows(
            "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION'"
            f" AND ROUTINE_SCHEMA = {literal(database)} AND ROUTINE_NAME IN ({names(listed)})"
        )
        return [ObjectRef(ObjectType.FUNCTION, str(n)) for (n,) in rows]

    def of_trigger(self, database: str, ref: ObjectRef) -> tuple[ObjectRef, ...]:
        """Its table, and the triggers that run before it at the same event: the order is that of creation."""
        rows = self._information.of(database, "").triggers()
        own = next((row for row in rows if row[0] == ref.name), None)
        if own is None:
            return ()
        earlier = [r for r in rows if r[1:4] == own[1:4] and int(r[4] or 0) < int(own[4] or 0)]
        on = str(own[1])
        view = any(row[1] == "VIEW" for row in self._information.of(database, on).table(on))
        kind = ObjectType.VIEW if view else ObjectType.TABLE
        return (
            ObjectRef(kind, on),
            *sorted(ObjectRef(ObjectType.TRIGGER, str(r[0])) for r in earlier),
        )
