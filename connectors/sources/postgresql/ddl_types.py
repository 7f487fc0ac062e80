"""Types: enums, domains, composites, ranges. "CREATE TYPE" and "CREATE DOMAIN" of the manual."""

from __future__ import annotations

from connectors.sources.postgresql.ddl_script import Script
from connectors.sources.postgresql.names import Asking
from connectors.sources.postgresql.sql import literal
from core.errors import BrokenObject

MULTIRANGES = 140000  # the first version that has them

COLLATION = (
    "(SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)"
    " FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace"
    " WHERE co.oid = {used} AND co.oid <> {usual})"
)


class Types:
    def __init__(self, link: Asking, version: int) -> None:
        self._link = link
        self._version = version

    def create(self, oid: int, script: Script) -> str:
        """Make a type; gives the statement that drops it."""
        ((name, kind, relation, text),) = self._link.rows(
            "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(y.typname),"
            " y.typtype::text, y.typrelid::bigint, pg_catalog.obj_description(y.oid, 'pg_type')"
            " FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace"
            f" WHERE y.oid = {int(oid)}"
        )
        word = "DOMAIN" if kind == "d" else "TYPE"
        match kind:
            case "e":
                self._enum(oid, name, script)
            case "d":
                self._domain(oid, name, script)
            case "r":
                self._range(oid, name, script)
            case _:
                self._composite(relation, name, script)
        script.comment(f"{word} {name}", text)
        if kind == "d":
            self._domain_constraints(oid, name, script)
        return f"DROP {word} IF EXISTS {name}"

    def _enum(self, oid: int, name: str, script: Script) -> None:
        rows = self._link.rows(
            "SELECT enumlabel::text FROM pg_catalog.pg_enum"
            f" WHERE enumtypid = {int(oid)} ORDER BY enumsortorder"
        )
        labels = ", ".join(literal(label) for (label,) in rows)
        script.made.append(f"CREATE TYPE {name} AS ENUM ({labels})")

    def _domain(self, oid: int, name: str, script: Script) -> None:
        ((base, collation, default, required),) = self._link.rows(
            "SELECT pg_catalog.format_type(y.typbasetype, y.typtypmod),"
            f" {COLLATION.format(used='y.typcollation', usual='b.typcollation')},"
            " pg_catalog.pg_get_expr(y.typdefaultbin, 0), y.typnotnull FROM pg_catalog.pg_type y"
            f" JOIN pg_catalog.pg_type b ON b.oid = y.typbasetype WHERE y.oid = {int(oid)}"
        )
        text = f"CREATE DOMAIN {name} AS {base}"
        text += f" COLLATE {collation}" if collation else ""
        text += f" DEFAULT {default}" if default is not None else ""
        script.made.append(text + (" NOT NULL" if required else ""))

    def _domain_constraints(self, oid: int, name: str, script: Script) -> None:
        for constraint, definition, text in self._link.rows(
            "SELECT pg_catalog.quote_ident(conname), pg_catalog.pg_get_constraintdef(oid),"
            " pg_catalog.obj_description(oid, 'pg_constraint') FROM pg_catalog.pg_constraint"
            # From version 17 on, NOT NULL is there too.
            f" WHERE contypid = {int(oid)} AND contype = 'c' ORDER BY conname"
        ):
            script.made.append(f"ALTER DOMAIN {name} ADD CONSTRAINT {constraint} {definition}")
            script.comment(f"CONSTRAINT {constraint} ON DOMAIN {name}", text)

    def _composite(self, relation: int, name: str, script: Script) -> None:
        rows = self._link.rows(
            "SELECT pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod),"
            f" {COLLATION.format(used='a.attcollation', usual='y.typcollation')},"
            " pg_catalog.col_description(a.attrelid, a.attnum) FROM pg_catalog.pg_attribute a"
            " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
            f" WHERE a.attrelid = {int(relation)} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        )
        columns = [
            f"{c} {kind}" + (f" COLLATE {collation}" if collation else "") for c, kind, collation, _ in rows
        ]
        script.made.append(f"CREATE TYPE {name} AS ({', '.join(columns)})")
        for column, _, _, text in rows:
            script.comment(f"COLUMN {name}.{column}", text)

    def _range(self, oid: int, name: str, script: Script) -> None:
        multirange = "NULL"
        if self._version >= MULTIRANGES:
            multirange = (
                "(SELECT pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.typname)"
                " FROM pg_catalog.pg_type m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace"
                " WHERE m.oid = r.rngmultitypid)"
            )
        ((subtype, opclass, collation, canonical, difference, many),) = self._link.rows(
            "SELECT pg_catalog.format_type(r.rngsubtype, NULL),"
            " (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(oc.opcname)"
            " FROM pg_catalog.pg_opclass oc JOIN pg_catalog.pg_namespace n ON n.oid = oc.opcnamespace"
            " WHERE oc.oid = r.rngsubopc AND NOT oc.opcdefault),"
            f" {COLLATION.format(used='r.rngcollation', usual='y.typcollation')},"
            " NULLIF(r.rngcanonical, 0)::pg_catalog.regproc::text,"
            f" NULLIF(r.rngsubdiff, 0)::pg_catalog.regproc::text, {multirange}"
            " FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type y ON y.oid = r.rngsubtype"
            f" WHERE r.rngtypid = {int(oid)}"
        )
        if canonical not in (None, "-"):
            raise BrokenObject(
                f"Range type {name} has the canonical function {canonical}, which takes the type itself: the "
                "two can't be made one after the other.",
                "Exclude it and make it by hand, with a shell type.",
            )
        items = [f"SUBTYPE = {subtype}"]
        items += [f"SUBTYPE_OPCLASS = {opclass}"] if opclass else []
        items += [f"COLLATION = {collation}"] if collation else []
        items += [f"SUBTYPE_DIFF = {difference}"] if difference not in (None, "-") else []
        items += [f"MULTIRANGE_TYPE_NAME = {many}"] if many else []
        script.made.append(f"CREATE TYPE {name} AS RANGE ({', '.join(items)})")
