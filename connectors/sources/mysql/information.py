"""What information_schema says of tables: of one, or of all of a database in as many statements.

A single look-up takes OceanBase some milliseconds, and a whole database hardly more: with thousands of
tables to look at, all of them are asked for at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from connectors.sources.mysql.link import Link, Row
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import literal
from connectors.words import shown
from core.errors import SourceError
from core.model.vocabulary import ObjectRef

# MariaDB opens each table for its estimates: at more tables than this, what asks for all of them does without
# or takes them from InnoDB's own statistics.
ESTIMATED_TABLES = 1_000
# From so many on, objects are looked up together, where they are no small share of their database.
TOGETHER = 50
SHARE = 10


class Told:
    """Rows about the table `name` of a database, or, with None, about all of its tables; each statement is
    sent when its rows are first asked for. Raises pymysql.err.MySQLError: wrap in `Link.saying`."""

    def __init__(self, link: Link, database: str, name: str | None = None, *, estimates: bool = True) -> None:
        self._link = link
        self._database = database
        self._name = name
        self._estimates = estimates
        self._known: dict[str, dict[str, list[Row]]] = {}

    def table(self, name: str) -> list[Row]:
        """TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH."""
        counted = "TABLE_ROWS, DATA_LENGTH" if self._estimates else "NULL, NULL"
        return self._rows(f"TABLE_NAME, TABLE_TYPE, ENGINE, {counted}", "TABLES").get(name, [])

    def columns(self, name: str) -> list[Row]:
        """TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME, in their order."""
        what = "TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME"
        return self._rows(what, "COLUMNS", "ORDER BY ORDINAL_POSITION").get(name, [])

    def unique(self, name: str) -> list[Row]:
        """TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART of unique indexes, in their order."""
        what = "TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART"
        rest = "AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
        return self._rows(what, "STATISTICS", rest).get(name, [])

    def partitioned(self, name: str) -> bool:
        return name in self._rows("DISTINCT TABLE_NAME", "PARTITIONS", "AND PARTITION_NAME IS NOT NULL")

    def _rows(self, what: str, table: str, rest: str = "") -> dict[str, list[Row]]:
        """By name, compared exactly, whatever the server's collation."""
        if table not in self._known:
            where = f"TABLE_SCHEMA = {literal(self._database)}"
            if self._name is not None:
                where += f" AND TABLE_NAME = {literal(self._name)}"
            found: dict[str, list[Row]] = {}
            for row in self._link.rows(f"SELECT {what} FROM information_schema.{table} WHERE {where} {rest}"):
                found.setdefault(row[0], []).append(row)
            self._known[table] = found
        return self._known[table]

    def triggers(self) -> list[Row]:
        """TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER of all."""
        if "TRIGGERS" not in self._known:
            rows = self._link.rows(
                "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"
                f" FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {literal(self._database)}"
            )
            self._known["TRIGGERS"] = {"": rows}
        return self._known["TRIGGERS"][""]


class Information:
    """`of` answers from a survey while there is one, else by statements of its own."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._survey: tuple[str, Told] | None = None

    def of(self, database: str, name: str) -> Told:
        if self._survey is not None and self._survey[0] == database:
            return self._survey[1]
        return Told(self._link, database, name)

    @contextlib.contextmanager
    def survey(self, database: str, refs: Collection[ObjectRef]) -> Iterator[None]:
        """Within it, `of` answers about all of a database as of its beginning, where enough is asked for."""
        self._survey = self._made(database, len(refs)) if len(refs) >= TOGETHER else None
        try:
            yield
        finally:
            self._survey = None

    def _made(self, database: str, wanted: int) -> tuple[str, Told] | None:
        """None where a statement for all is refused: each object then says for itself what is wrong."""
        try:
            with self._link.saying(f"looking at database {shown(database)}"):
                (number,) = self._link.row(
                    f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {literal(database)}"
                )
                if wanted * SHARE < number:
                    return None
                mariadb = self._link.product.family is Family.MARIADB
                told = Told(self._link, database, estimates=not mariadb or number <= ESTIMATED_TABLES)
                # All at one time, before the first object is looked at.
                told.table("")
                told.columns("")
                told.unique("")
                told.triggers()
                if self._link.product.family is Family.OCEANBASE:
                    told.partitioned("")
        except SourceError as error:
            if error.transient:
                raise
            return None
        return database, told
