"""What there is on the server: databases, objects, and the shape of a table or view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pymysql.err import MySQLError

from connectors.base import ObjectInfo, SourceColumn, TableShape
from connectors.sources.mysql.information import ESTIMATED_TABLES, Information, Told
from connectors.sources.mysql.link import Link, Row
from connectors.sources.mysql.logical import logical
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import identifier, literal
from connectors.sources.mysql.types import ColumnFacts, kind
from connectors.words import shown
from core.errors import NoPrivilege, NotFound, SchemaChanged
from core.model.vocabulary import ObjectRef, ObjectType

_SYSTEM = {
    "information_schema", "performance_schema", "mysql", "sys", "oceanbase", "__recyclebin", "__public",
    "lbacsys", "oraauditor",
}  # fmt: skip

_CLUSTERED = {"innodb", "rocksdb", "tokudb", "oceanbase"}
_TRANSACTIONAL = {"innodb", "rocksdb", "tokudb", "ndbcluster", "ndb", "oceanbase"}

_OBJECT_TYPES = {
    "BASE TABLE": ObjectType.TABLE,
    "SYSTEM VERSIONED": ObjectType.TABLE,
    "VIEW": ObjectType.VIEW,
    "SEQUENCE": ObjectType.SEQUENCE,
}


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What reading needs beside the shape. `ordered` are the columns that rows come in the order of by
    themselves (the clustered key), empty where sorting would cost; `columns` by name."""

    columns: Mapping[str, ColumnFacts]
    ordered: tuple[str, ...]
    view: bool


class Catalog:
    """Answers from information_schema. Names are compared exactly here, whatever the server's collation."""

    def __init__(self, link: Link, information: Information) -> None:
        self._link = link
        self._information = information
        self._facts: dict[tuple[str, str], TableFacts] = {}

    def databases(self) -> list[str]:
        with self._link.saying("listing databases"):
            rows = self._link.rows("SHOW DATABASES")
        return sorted(str(name) for (name,) in rows if str(name).lower() not in _SYSTEM)

    def require(self, database: str) -> None:
        """Raises NotFound where there is no such database, or none that the account may see."""
        with self._link.saying("looking for the database"):
            rows = self._link.rows(
                f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal(database)}"
            )
        if (database,) not in rows:
            raise NotFound(
                f"There is no database {shown(database)!r} here, or this user may not see it.",
                "`offramp objects` without --database lists those that it may.",
            )

    def objects(
        self, database: str, types: Sequence[ObjectType] | None, search: str | None
    ) -> list[ObjectInfo]:
        self.require(database)
        wanted = set(self._link.product.types if types is None else types) & set(self._link.product.types)
        found: list[ObjectInfo] = []
        with self._link.saying(f"listing objects of database {shown(database)}"):
            if wanted & {ObjectType.TABLE, ObjectType.VIEW, ObjectType.SEQUENCE}:
                found += self._tables(database)
            if wanted & {ObjectType.FUNCTION, ObjectType.PROCEDURE}:
                found += self._routines(database)
            if ObjectType.TRIGGER in wanted:
                found += self._triggers(database)
            if ObjectType.EVENT in wanted:
                found += self._events(database)
        needle = (search or "").casefold()
        order = list(ObjectType)
        return sorted(
            (o for o in found if o.ref.type in wanted and needle in o.ref.name.casefold()),
            key=lambda o: (order.index(o.ref.type), o.ref.name),
        )

    def _tables(self, database: str) -> list[ObjectInfo]:
        family, schema = self._link.product.family, literal(database)
        counted: dict[str, tuple[int | None, int | None]] | None = None
        detail = "TABLE_ROWS, DATA_LENGTH, TABLE_COMMENT"
        if family is Family.MARIADB:
            (number,) = self._link.row(
                f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}"
            )
            if number > ESTIMATED_TABLES:
                detail = "NULL, NULL, ''"
                counted = self._innodb_estimates(schema)
        rows = self._link.rows(
            f"SELECT TABLE_NAME, TABLE_TYPE, {detail} FROM information_schema.TABLES"
            f" WHERE TABLE_SCHEMA = {schema}"
        )
        return [self._table(row, counted) for row in rows if row[1] in _OBJECT_TYPES]

    def _table(self, row: Row, counted: Mapping[str, tuple[int | None, int | None]] | None) -> ObjectInfo:
        name, table_type, rows, size, comment = row
        ref = ObjectRef(_OBJECT_TYPES[table_type], str(name))
        if ref.type is not ObjectType.TABLE:
            return ObjectInfo(ref, comment="" if comment == "VIEW" else str(comment or ""))
        if counted is not None:
            rows, size = counted.get(ref.name, (None, None))
        note = "the history of rows is not read" if table_type == "SYSTEM VERSIONED" else ""
        return ObjectInfo(ref, self._estimate(rows), self._estimate(size), str(comment or ""), note)

    def _estimate(self, value: object) -> int | None:
        number = None if value is None else int(str(value))
        # Without statistics yet, OceanBase says 0, however full the table is.
        return None if number == 0 and self._link.product.family is Family.OCEANBASE else number

    def _innodb_estimates(self, schema: str) -> dict[str, tuple[int | None, int | None]]:
        """InnoDB's persistent statistics, where the account may read them; they open no table."""
        try:
            rows = self._link.rows(
                "SELECT table_name, SUM(n_rows), SUM(clustered_index_size) * @@innodb_page_size"
                f" FROM mysql.innodb_table_stats WHERE database_name = {schema}"
                " GROUP BY table_name"
            )
        except MySQLError:
            return {}  # an ordinary account may not; the list then has no estimates
        return {str(n).partition("#P#")[0]: (int(r), int(s)) for n, r, s in rows}

    def _routines(self, database: str) -> list[ObjectInfo]:
        rows = self._link.rows(
            "SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_COMMENT FROM information_schema.ROUTINES"
            f" WHERE ROUTINE_SCHEMA = {literal(database)} AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE')"
        )
        return [ObjectInfo(ObjectRef(ObjectType(t), str(n)), comment=str(c or "")) for n, t, c in rows]

    def _triggers(self, database: str) -> list[ObjectInfo]:
        rows = self._link.rows(
            "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS"
            f" WHERE TRIGGER_SCHEMA = {literal(database)}"
        )
        return [
            ObjectInfo(ObjectRef(ObjectType.TRIGGER, str(n)), note=f"on {shown(str(t))}") for n, t in rows
        ]

    def _events(self, database: str) -> list[ObjectInfo]:
        rows = self._link.rows(
            "SELECT EVENT_NAME, EVENT_COMMENT FROM information_schema.EVENTS"
            f" WHERE EVENT_SCHEMA = {literal(database)}"
        )
        return [ObjectInfo(ObjectRef(ObjectType.EVENT, str(n)), comment=str(c or "")) for n, c in rows]

    def describe(self, database: str, ref: ObjectRef) -> TableShape:
        """The shape of a table or view; also remembers the facts that reading it needs."""
        view = ref.type is ObjectType.VIEW
        what = f"describing {shown(str(ref))} of database {shown(database)}"
        told = self._information.of(database, ref.name)
        with self._link.saying(what, view=view):
            table = next((r for r in told.table(ref.name) if _OBJECT_TYPES.get(r[1]) is ref.type), None)
            if table is None:
                self._missing(database, ref)
                raise NotFound(
                    f"There is no {shown(str(ref))} in database {shown(database)}, or this user can't see it."
                )
            columns = told.columns(ref.name)
            if not columns:
                # A broken view has none; asking for its rows makes the server say why.
                self._link.rows(f"SELECT * FROM {identifier(database)}.{identifier(ref.name)} LIMIT 0")
                raise NoPrivilege(f"No column of {shown(str(ref))} may be seen by this user.")
            keys = [] if view else _keys(told.unique(ref.name))
            return self._shape(database, ref, table, keys, told)

    def _missing(self, database: str, ref: ObjectRef) -> None:
        """Tell a missing database from a missing object, and a hidden object from none at all."""
        self.require(database)
        if ref.type.has_data:
            with self._link.saying(f"looking for {shown(str(ref))}", view=ref.type is ObjectType.VIEW):
                self._link.rows(f"SELECT 1 FROM {identifier(database)}.{identifier(ref.name)} LIMIT 0")

    def _shape(
        self,
        database: str,
        ref: ObjectRef,
        table: Row,
        keys: list[tuple[str, tuple[str, ...]]],
        told: Told,
    ) -> TableShape:
        family = self._link.product.family
        _, table_type, engine, rows, size = table
        shape, facts = [], {}
        for _, name, column_type, nullable, extra, charset in told.columns(ref.name):
            generated = "GENERATED" in extra.upper().replace("DEFAULT_GENERATED", "")
            old_generated = extra.upper() in ("VIRTUAL", "PERSISTENT")  # MariaDB before 10.2
            shape.append(
                SourceColumn(
                    name,
                    column_type,
                    kind(column_type, family),
                    nullable=nullable == "YES",
                    insertable=not (generated or old_generated),
                    logical=logical(column_type, family),
                )
            )
            facts[name] = ColumnFacts(name, column_type, charset)
        # OceanBase calls its engine InnoDB.
        store = "oceanbase" if family is Family.OCEANBASE else str(engine or "").lower()
        warnings = []
        if ref.type is ObjectType.TABLE and store not in _TRANSACTIONAL:
            warnings.append(f"Engine {engine} knows no points in time: it is read as it is at that moment.")
        if table_type == "SYSTEM VERSIONED":
            warnings.append("Current rows only: the history of rows is not read.")
        key = keys[0][1] if keys else ()
        clustered = bool(keys) and keys[0][0] == "PRIMARY" and store in _CLUSTERED
        # MySQL and MariaDB merge partitions in key order for free; OceanBase would sort.
        if clustered and family is Family.OCEANBASE:
            clustered = not told.partitioned(ref.name)
        ordered = key if clustered else ()
        view = ref.type is ObjectType.VIEW
        self._facts[database, ref.name] = TableFacts(facts, ordered, view)
        return TableShape(
            ref,
            tuple(shape),
            key,
            None if view else self._estimate(rows),
            None if view else self._estimate(size),
            tuple(warnings),
        )

    def facts(self, database: str, ref: ObjectRef) -> TableFacts:
        """What was found when it was described; describes it where that has not been."""
        if (database, ref.name) not in self._facts:
            self.describe(database, ref)
        return self._facts[database, ref.name]

    def check_readable(self, database: str, shape: TableShape, where: str | None = None) -> None:
        """Ask for no row of all columns. Columns that the account may not see are missing in
        information_schema without a word: `*` is refused then. And whether `where` is one condition."""
        view = shape.ref.type is ObjectType.VIEW
        source = f"{identifier(database)}.{identifier(shape.ref.name)}"
        listed = ", ".join(identifier(c.name) for c in shape.columns)
        what = f"reading {shown(str(shape.ref))} of database {shown(database)}"
        with self._link.saying(what, reading=True, view=view):
            visible = [] if shape.chosen else self._link.columns_of(f"SELECT * FROM {source} LIMIT 0")
            if visible != [c.name for c in shape.columns]:
                # Invisible ones aren't in `*`.
                self._link.rows(f"SELECT {listed} FROM {source} LIMIT 0")
        if not set(visible) <= {c.name for c in shape.columns}:
            raise SchemaChanged(
                f"{shown(str(shape.ref))} has other columns than when it was planned.",
                "Start the task again.",
            )
        if where is not None:
            self._link.use(database)
            with self._link.saying(f"looking at the condition of {shown(str(shape.ref))}", reading=True):
                # Bare too: what has more to it than one condition is taken only with parentheses, or without.
                for form in (f"{where}\n", f"({where}\n)"):
                    self._link.prepare(f"SELECT {listed} FROM {source} WHERE {form}")


def _keys(rows: Iterable[Row]) -> list[tuple[str, tuple[str, ...]]]:
    """Unique keys without NULLs over whole columns, the primary key first, then in the server's order."""
    found: dict[str, list[str]] = {}
    unfit: set[str] = set()
    for _, index, column, nullable, part in rows:
        found.setdefault(index, []).append(column)
        if column is None or nullable == "YES" or part is not None:
            unfit.add(index)
    keys = [(index, tuple(columns)) for index, columns in found.items() if index not in unfit]
    return sorted(keys, key=lambda k: (k[0] != "PRIMARY", len(k[1]), k[0]))
