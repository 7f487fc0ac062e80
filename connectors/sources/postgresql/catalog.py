"""What there is in the database: schemas, objects, and the shape of a table or view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import ObjectInfo, SourceColumn, TableShape
from connectors.sources.postgresql import catalog_sql
from connectors.sources.postgresql.link import Link, Row
from connectors.sources.postgresql.names import OBJECTS
from connectors.sources.postgresql.sql import identifier, qualified
from connectors.sources.postgresql.survey import Survey
from connectors.sources.postgresql.types import ColumnType, kind, logical
from connectors.words import shown
from core.errors import BrokenObject, NotFound, SchemaChanged
from core.model.vocabulary import ObjectRef, ObjectType

_RELATION_TYPES = {
    "r": ObjectType.TABLE,
    "p": ObjectType.TABLE,
    "v": ObjectType.VIEW,
    "m": ObjectType.MATERIALIZED_VIEW,
}
_PAGE_BYTES = 8192
_OF_ONE_COLUMNS, _OF_ONE_KEYS = (
    text.replace("{oids}", catalog_sql.ONE) for text in (catalog_sql.COLUMNS, catalog_sql.KEYS)
)
_ALWAYS_KNOWN = 140000  # from this version on, tables that were never counted are told from empty ones


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What reading needs beside the shape. `relkind` as pg_class has it; `ordered` the columns of the key
    where its index is in the order of comparing them, else empty; `columns` by name."""

    oid: int
    relkind: str
    columns: Mapping[str, ColumnType]
    ordered: tuple[str, ...]

    @property
    def view(self) -> bool:
        return self.relkind == "v"

    def source(self, schema: str, name: str) -> str:
        """What stands behind FROM. Tables that inherit are objects of their own: their rows are theirs."""
        return f"ONLY {qualified(schema, name)}" if self.relkind == "r" else qualified(schema, name)


class Catalog:
    """Answers from the system catalogs. A schema is what the interface calls a database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._facts: dict[tuple[str, ObjectRef], TableFacts] = {}
        self._survey: Survey | None = None

    def schemas(self) -> list[str]:
        with self._link.saying("listing schemas"):
            rows = self._link.rows(catalog_sql.SCHEMAS)
        return sorted(str(name) for (name,) in rows)

    def notes(self) -> list[str]:
        """What a person should know about what isn't listed."""
        with self._link.saying("looking for foreign tables"):
            (foreign,) = self._link.row(catalog_sql.FOREIGN_TABLES)
        return ["Foreign tables, which are another server's, are not exported."] if foreign else []

    def require(self, schema: str) -> None:
        """Raises NotFound where there is no such schema, or none that the account may see."""
        if schema not in self.schemas():
            raise NotFound(
                f"There is no schema {shown(schema)!r} in this database, or this user may not see it.",
                "`offramp objects` without --database lists those that it may.",
            )

    def objects(
        self, schema: str, types: Sequence[ObjectType] | None, search: str | None
    ) -> list[ObjectInfo]:
        self.require(schema)
        wanted = [kind for kind in OBJECTS if types is None or kind in types]
        if not wanted:
            return []
        with self._link.saying(f"listing objects of schema {shown(schema)}"):
            rows = self._link.rows(catalog_sql.objects(wanted), *[schema] * len(wanted))
        needle = (search or "").casefold()
        order = list(ObjectType)
        return sorted(
            (o for o in map(self._object, rows) if needle in o.ref.name.casefold()),
            key=lambda o: (order.index(o.ref.type), o.ref.name),
        )

    def _object(self, row: Row) -> ObjectInfo:
        object_type, name, rows, pages, comment, note = row
        ref = ObjectRef(ObjectType(object_type), str(name))
        if ref.type not in (ObjectType.TABLE, ObjectType.MATERIALIZED_VIEW):
            return ObjectInfo(ref, comment=comment or "", note=note)
        return ObjectInfo(ref, *self._estimates(rows, pages), comment=comment or "", note=note)

    def _estimates(self, rows: float | None, pages: int | None) -> tuple[int | None, int | None]:
        """Rows and bytes by the last VACUUM or ANALYZE; None where there was none."""
        if rows is None or pages is None or rows < 0:
            return None, None
        if not rows and not pages and self._link.version < _ALWAYS_KNOWN:
            return None, None
        return int(rows), int(pages) * _PAGE_BYTES

    def describe(self, schema: str, ref: ObjectRef) -> TableShape:
        """The shape of a table or view; also remembers the facts that reading it needs."""
        what = f"describing {shown(str(ref))} of schema {shown(schema)}"
        with self._link.saying(what, view=ref.type is ObjectType.VIEW):
            found, columns, keys = self._told(schema, ref)
            if not found or _RELATION_TYPES[found[1]] is not ref.type:
                self.require(schema)
                raise NotFound(f"There is no {shown(str(ref))} in schema {shown(schema)}.")
        if not columns:
            raise BrokenObject(
                f"{shown(str(ref))} of schema {shown(schema)} has no columns: its rows can't be written.",
                "Exclude it, or export its schema only.",
            )
        return self._shape(schema, ref, found, columns, keys)

    def _told(self, schema: str, ref: ObjectRef) -> tuple[Row, list[Row], list[Row]]:
        """What the catalogs say of a relation, its columns and its keys; nothing where there is none."""
        survey = self._survey
        if survey is not None and (oid := survey.oid(schema, ref)) is not None:
            relations = survey.about(oid, catalog_sql.RELATIONS)
            found = (oid, *relations[0]) if relations else ()
            return found, survey.about(oid, catalog_sql.COLUMNS), survey.about(oid, catalog_sql.KEYS)
        found = self._link.row(catalog_sql.RELATION, schema, ref.name)
        if not found:
            return (), [], []
        # With parameters, so that the server needn't plan them for each anew.
        columns = self._link.rows(_OF_ONE_COLUMNS, found[0], found[0])
        keys = self._link.rows(_OF_ONE_KEYS, found[0])
        return found, [row[1:] for row in columns], [row[1:] for row in keys]

    def knows(self, schema: str, ref: ObjectRef) -> bool:
        """Whether it is described from a survey."""
        return self._survey is not None and self._survey.oid(schema, ref) is not None

    @contextlib.contextmanager
    def surveyed(self, survey: Survey) -> Iterator[None]:
        """Within it, what `survey` knows is described from it."""
        self._survey = survey
        try:
            yield
        finally:
            self._survey = None

    def _shape(
        self, schema: str, ref: ObjectRef, found: Row, columns: Iterable[Row], keys: Sequence[Row]
    ) -> TableShape:
        oid, relkind, rows, pages, has_children = found
        shape, types = [], {}
        for name, full, base, casts, strict, generated in columns:
            column = types[name] = ColumnType(full, base, casts)
            shape.append(
                SourceColumn(
                    name,
                    full,
                    kind(column),
                    nullable=not strict,
                    insertable=not generated,
                    logical=logical(column),
                )
            )
        warnings = []
        if has_children and relkind == "r":
            warnings.append("Tables inherit from it: their rows are read with them, not with it.")
        key, ordered = (tuple(keys[0][0]), keys[0][1]) if keys else ((), False)
        self._facts[schema, ref] = TableFacts(int(oid), relkind, types, key if ordered else ())
        estimates = (None, None) if relkind == "v" else self._estimates(rows, pages)
        return TableShape(ref, tuple(shape), key, *estimates, tuple(warnings))

    def facts(self, schema: str, ref: ObjectRef) -> TableFacts:
        """What was found when it was described; describes it where that has not been."""
        if (schema, ref) not in self._facts:
            self.describe(schema, ref)
        return self._facts[schema, ref]

    def check_readable(self, schema: str, shape: TableShape, where: str | None = None) -> None:
        """Ask for no row of all columns: rights are checked, row security too, and that a materialized view
        has been populated. And whether `where` is one condition. Within `letting_go`."""
        facts = self.facts(schema, shape.ref)
        source = facts.source(schema, shape.ref.name)
        listed = ", ".join(identifier(c.name) for c in shape.columns)
        what = f"reading {shown(str(shape.ref))} of schema {shown(schema)}"
        with self._link.saying(what, reading=True, view=facts.view):
            visible = [] if shape.chosen else self._link.columns_of(f"SELECT * FROM {source} LIMIT 0")
            self._link.rows(f"SELECT {listed} FROM {source} LIMIT 0")
        if not set(visible) <= {c.name for c in shape.columns}:
            raise SchemaChanged(
                f"{shown(str(shape.ref))} has other columns than when it was planned.",
                "Start the task again.",
            )
        if where is not None:
            with self._link.saying(f"looking at the condition of {shown(str(shape.ref))}", reading=True):
                self._link.look_in(schema)
                # Bare too: what has more to it than one condition is taken only with parentheses, or without.
                for form in (f"{where}\n", f"({where}\n)"):
                    self._link.prepare(f"SELECT {listed} FROM {source} WHERE {form}")
