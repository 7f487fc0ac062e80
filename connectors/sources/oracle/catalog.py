"""What there is in the database: schemas, objects, and the shape of a table or view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import ObjectInfo, SourceColumn, TableShape
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.link import Link, Row
from connectors.sources.oracle.script import is_one_condition
from connectors.sources.oracle.types import ColumnType, Reading, reading
from connectors.words import shown
from core.errors import BrokenObject, NotFound, SchemaChanged, StatementFailed
from core.model.vocabulary import ObjectRef, ObjectType

# What OBJECT_TYPE of ALL_OBJECTS says.
TYPES = {
    ObjectType.TABLE: "TABLE",
    ObjectType.VIEW: "VIEW",
    ObjectType.MATERIALIZED_VIEW: "MATERIALIZED VIEW",
    ObjectType.FUNCTION: "FUNCTION",
    ObjectType.PROCEDURE: "PROCEDURE",
    ObjectType.PACKAGE: "PACKAGE",
    ObjectType.PACKAGE_BODY: "PACKAGE BODY",
    ObjectType.SEQUENCE: "SEQUENCE",
    ObjectType.TRIGGER: "TRIGGER",
    ObjectType.TYPE: "TYPE",
    ObjectType.TYPE_BODY: "TYPE BODY",
    ObjectType.SYNONYM: "SYNONYM",
    ObjectType.PUBLIC_SYNONYM: "PUBLIC SYNONYM",
}
OBJECT_TYPES = {said: kind for kind, said in TYPES.items()}

_LISTS: tuple[tuple[frozenset[ObjectType], str], ...] = (
    (frozenset({ObjectType.TABLE}), sql.TABLES),
    (frozenset({ObjectType.MATERIALIZED_VIEW}), sql.MATERIALIZED_VIEWS),
    (frozenset({ObjectType.VIEW}), sql.VIEWS),
    (frozenset({ObjectType.SEQUENCE}), sql.SEQUENCES),
    (frozenset({ObjectType.PUBLIC_SYNONYM}), sql.PUBLIC_SYNONYMS),
    (
        frozenset(
            {
                ObjectType.FUNCTION,
                ObjectType.PROCEDURE,
                ObjectType.PACKAGE,
                ObjectType.PACKAGE_BODY,
                ObjectType.TYPE,
                ObjectType.TYPE_BODY,
                ObjectType.TRIGGER,
                ObjectType.SYNONYM,
            }
        ),
        sql.OTHERS,
    ),
)
# Keys of these types are compared by the server as they are, in this session's binary order.
_ORDERED = ("NUMBER", "DATE", "VARCHAR2", "CHAR", "RAW", "TIMESTAMP")
_UNICODE = ("AL32UTF8", "UTF8", "AL16UTF16")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What reading needs beside the shape. `readings` by column; `ordered` the columns of the key where they
    can be walked, else empty. `heap`: rows have ROWIDs that can be compared, `moves`: an UPDATE may change
    them. `blocks` of 8 kB or so, None where nobody counted. `undone`: the server keeps no undo of it (a view
    may have it; an external table hasn't)."""

    readings: Mapping[str, Reading]
    types: Mapping[str, ColumnType]
    ordered: tuple[str, ...] = ()
    view: bool = False
    heap: bool = False
    moves: bool = False
    external: bool = False
    blocks: int | None = None


class Catalog:
    """Answers from the data dictionary. A schema is what the interface calls a database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._facts: dict[tuple[str, ObjectRef], TableFacts] = {}

    def schemas(self) -> list[str]:
        with self._link.saying("listing schemas"):
            return [str(name) for (name,) in self._link.rows(sql.SCHEMAS)]

    def notes(self) -> list[str]:
        """What a person should know about the texts of this database."""
        with self._link.saying("asking for the character set"):
            found: dict[str, object] = dict(self._link.rows(sql.CHARACTER_SETS))
        charset = str(found.get("NLS_CHARACTERSET", ""))
        words = [] if self._link.thin else ["Read through Oracle's client libraries (thick mode)."]
        if charset == "US7ASCII":
            words.append(
                "The database's character set is US7ASCII: other characters in its texts, which it "
                "doesn't know, come as question marks."
            )
        elif charset not in _UNICODE:
            words.append(f"Texts are converted from {charset} to UTF-8 by the server.")
        return words

    def require(self, schema: str) -> None:
        """Raises NotFound where there is no such schema, or none that the account may see."""
        if schema not in self.schemas():
            raise NotFound(
                f"There is no schema {shown(schema)!r} in this database, or this user may not see it.",
                "Names of schemas are in upper case mostly; `offramp objects` without --database begins in "
                "the account's own.",
            )

    def objects(
        self, schema: str, types: Sequence[ObjectType] | None, search: str | None
    ) -> list[ObjectInfo]:
        self.require(schema)
        wanted = set(TYPES) if types is None else set(TYPES) & set(types)
        found: list[ObjectInfo] = []
        with self._link.saying(f"listing objects of schema {shown(schema)}"):
            for kinds, statement in _LISTS:
                if kinds & wanted:
                    found += map(_object, self._link.rows(statement, owner=schema))
        needle = (search or "").casefold()
        order = list(ObjectType)
        return sorted(
            (o for o in found if o.ref.type in wanted and needle in o.ref.name.casefold()),
            key=lambda o: (order.index(o.ref.type), o.ref.name),
        )

    def describe(self, schema: str, ref: ObjectRef) -> TableShape:
        """The shape of a table or view; also remembers the facts that reading it needs."""
        what = f"describing {shown(str(ref))} of schema {shown(schema)}"
        with self._link.saying(what, view=ref.type is ObjectType.VIEW):
            columns = self._link.rows(sql.COLUMNS, owner=schema, name=ref.name)
            there = self._link.row(sql.OBJECT, owner=schema, name=ref.name, type=TYPES.get(ref.type, ""))
            table = self._link.row(sql.TABLE, owner=schema, name=ref.name)
            keys = self._link.rows(sql.KEYS, owner=schema, name=ref.name)
        if not there or not there[0]:
            self.require(schema)
            raise NotFound(f"There is no {shown(str(ref))} in schema {shown(schema)}.")
        if not columns:
            raise BrokenObject(
                f"{shown(str(ref))} of schema {shown(schema)} has no columns that can be selected.",
                "Exclude it, or export its schema only.",
            )
        return self._shape(schema, ref, table, columns, keys)

    def _shape(
        self, schema: str, ref: ObjectRef, table: Row, columns: Iterable[Row], keys: Iterable[Row]
    ) -> TableShape:
        shape: list[SourceColumn] = []
        types: dict[str, ColumnType] = {}
        warnings: list[str] = []
        for name, kind, owner, length, precision, scale, characters, used, nullable, virtual in columns:
            types[name] = ColumnType(
                str(kind), owner, precision, scale, length, characters if used == "C" else None
            )
            column = source_column(name, types[name], nullable=nullable == "Y", virtual=virtual == "YES")
            note = reading(name, types[name]).note
            if note:
                warnings.append(f"Column {shown(name)} ({column.type}): {note}")
            shape.append(column)
        rows, width, blocks, organisation, temporary, movement, external = table or (None,) * 7
        if temporary == "Y":
            warnings.append("It is temporary: each session has rows of its own, and this one has none.")
        if external:
            warnings.append("It is external: read as it is now, whatever the point in time.")
        key = _key(shape, keys)
        ordered = key if all(types[name].plain in _ORDERED for name in key) else ()
        view = ref.type is ObjectType.VIEW
        self._facts[schema, ref] = TableFacts(
            {name: reading(name, held) for name, held in types.items()},
            types,
            ordered=ordered,
            view=view,
            heap=bool(table) and organisation is None and not external,
            moves=movement == "ENABLED",
            external=bool(external),
            blocks=blocks,
        )
        size = int(rows) * int(width) if rows is not None and width is not None else None
        return TableShape(
            ref, tuple(shape), key, None if rows is None else int(rows), size, warnings=tuple(warnings)
        )

    def facts(self, schema: str, ref: ObjectRef) -> TableFacts:
        """What was found when it was described; describes it where that has not been."""
        if (schema, ref) not in self._facts:
            self.describe(schema, ref)
        return self._facts[schema, ref]

    def check_readable(self, schema: str, shape: TableShape, where: str | None, scn: str | None) -> None:
        """Ask for no row of all columns, as of an SCN where one is given. Raises oracledb.Error,
        SchemaChanged, StatementFailed where `where` is no condition by itself."""
        check_condition(shape, where)
        facts = self.facts(schema, shape.ref)
        behind = sql.source(schema, shape.ref.name, None if facts.external else scn)
        self._link.rows(sql.bare([column.name for column in shape.columns], behind, where))
        if not {column.name for column in shape.columns} <= facts.readings.keys():
            raise SchemaChanged(
                f"{shown(str(shape.ref))} has other columns than when it was planned.",
                "Start the task again.",
            )


def check_condition(shape: TableShape, where: str | None) -> None:
    """Raises StatementFailed where `where` could end what it is put into."""
    if where is not None and not is_one_condition(where):
        raise StatementFailed(
            f"The condition for {shown(str(shape.ref))} is no single condition: its quotes, comments or "
            "parentheses aren't closed, or it holds a semicolon.",
            "Write what would stand behind WHERE.",
        )


def source_column(name: str, held: ColumnType, *, nullable: bool, virtual: bool) -> SourceColumn:
    how = reading(name, held)
    return SourceColumn(
        name,
        held.full,
        how.kind,
        nullable=nullable,
        insertable=how.insertable and not virtual,
        logical=how.logical,
        literal=how.literal,
    )


def _object(row: Row) -> ObjectInfo:
    kind, name, rows, width, comment, status = row
    ref = ObjectRef(OBJECT_TYPES[kind], str(name))
    size = int(rows) * int(width) if rows is not None and width is not None else None
    note = "Its definition has errors (INVALID)." if status == "INVALID" else ""
    return ObjectInfo(ref, None if rows is None else int(rows), size, comment or "", note)


def _key(columns: Sequence[SourceColumn], keys: Iterable[Row]) -> tuple[str, ...]:
    """The columns of the first key without NULLs: the primary one, or a unique one."""
    strict = {column.name for column in columns if not column.nullable}
    found: dict[str, list[str]] = {}
    for _, constraint, name in keys:
        found.setdefault(constraint, []).append(name)
    for names in found.values():
        if strict.issuperset(names):
            return tuple(names)
    return ()
