"""Publishing in a server of the MySQL family, where making and renaming tables ends any transaction.

What is to be done is written into the marker table first, so that another attempt can go on from any point:

1. rows for tables that are there, in one transaction, together with the word that this is done;
2. new tables under their names, in one RENAME, which others see at once or not at all;
3. foreign keys, then views, routines, triggers;
4. tables that gave way and staging tables are dropped.

Source: "RENAME TABLE Statement" and "Statements That Cause an Implicit Commit" of the MySQL 8.0 manual.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
from pymysql.err import MySQLError

from connectors.sources.mysql.errors import number
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.sql import identifier, literal, names
from connectors.words import shown
from core.errors import StatementFailed

DUPLICATE = 1062
_LONGEST_PLAN = 1 << 20  # of a row of the marker: a plan may be longer than a packet


class Swap(msgspec.Struct, frozen=True):
    """A staging table that takes the name `table`; `old` is what the table there is called from then on."""

    staging: str
    table: str
    old: str | None


class Fill(msgspec.Struct, frozen=True):
    """Rows of a staging table that go into `table`, in the place of its own where `replace`."""

    staging: str
    table: str
    columns: tuple[str, ...]
    replace: bool
    rows: int


class Key(msgspec.Struct, frozen=True):
    """A foreign key to add: its name, None where the server gives one, and the statement."""

    table: str
    name: str | None
    statement: str


class Plan(msgspec.Struct, frozen=True):
    """All of it. `after` are groups of statements; the first of a group drops what it makes."""

    swaps: tuple[Swap, ...] = ()
    fills: tuple[Fill, ...] = ()
    keys: tuple[Key, ...] = ()
    after: tuple[tuple[str, ...], ...] = ()


class Publication:
    """The marker table of one attempt, in the current database."""

    def __init__(self, link: Link, database: str, marker: str) -> None:
        self._link = link
        self._database = database
        self.marker = marker

    def make(self) -> None:
        self._link.execute(
            f"CREATE TABLE {identifier(self.marker)} (step VARCHAR(20) NOT NULL, part INT NOT NULL,"
            " body LONGTEXT NOT NULL, PRIMARY KEY (step, part)) DEFAULT CHARSET = utf8mb4"
        )

    def drop(self) -> None:
        self._link.execute(f"DROP TABLE IF EXISTS {identifier(self.marker)}")

    def write(self, plan: Plan) -> None:
        """From here on, another attempt carries it out."""
        text = msgspec.json.encode(plan).decode()
        self._link.execute("START TRANSACTION")
        for part, begin in enumerate(range(0, len(text), _LONGEST_PLAN)):
            self._note("plan", part, text[begin : begin + _LONGEST_PLAN])
        self._link.execute("COMMIT")

    def read(self) -> Plan | None:
        """What is to be done, None where it hasn't been written."""
        rows = self._link.rows(
            f"SELECT body FROM {identifier(self.marker)} WHERE step = 'plan' ORDER BY part"
        )
        return msgspec.json.decode("".join(str(body) for (body,) in rows), type=Plan) if rows else None

    def _note(self, step: str, part: int, body: str) -> None:
        self._link.execute(
            f"INSERT INTO {identifier(self.marker)} (step, part, body) VALUES"
            f" ({literal(step)}, {part}, {literal(body)})"
        )

    def carry_out(self, plan: Plan) -> None:
        """Do what isn't done yet. Where the first visible step is refused, the plan is taken back: another
        attempt then begins anew. Raises MySQLError, StatementFailed."""
        try:
            filled = self._fill(plan)
        except (MySQLError, StatementFailed):
            self._take_back()
            raise
        try:
            self._swap(plan)
        except MySQLError:
            if not filled:
                self._take_back()
            raise
        self._drop([swap.old for swap in plan.swaps if swap.old is not None])
        self._add_keys(plan)
        for group in plan.after:
            for statement in group:
                self._link.execute(statement)
        self._drop([fill.staging for fill in plan.fills])

    def _take_back(self) -> None:
        with contextlib.suppress(MySQLError):
            self._link.execute("ROLLBACK")
            self._link.execute(f"DELETE FROM {identifier(self.marker)}")

    def _fill(self, plan: Plan) -> bool:
        """Rows into tables that are there; whether there were any to fill."""
        if not plan.fills:
            return False
        self._link.execute("START TRANSACTION")
        try:
            # Before the rows: whoever of two does this second waits here for the first.
            self._note("filled", 0, "")
        except MySQLError as error:
            self._link.execute("ROLLBACK")
            if number(error) == DUPLICATE:
                return True
            raise
        for fill in reversed(plan.fills):
            if fill.replace:
                self._link.execute(f"DELETE FROM {identifier(fill.table)}")
        for fill in plan.fills:
            columns = ", ".join(map(identifier, fill.columns))
            taken = self._link.change(
                f"INSERT INTO {identifier(fill.table)} ({columns}) SELECT {columns} FROM"
                f" {identifier(fill.staging)}"
            )
            if taken != fill.rows:
                raise StatementFailed(
                    f"Table {shown(fill.table)} took {taken} of {fill.rows} rows: nothing was changed.",
                    "Look for triggers and limits of that table.",
                )
        self._link.execute("COMMIT")
        return True

    def _swap(self, plan: Plan) -> None:
        there = self.tables([swap.staging for swap in plan.swaps])
        steps: list[str] = []
        for swap in plan.swaps:
            if swap.staging not in there:
                continue
            if swap.old is not None:
                steps.append(f"{identifier(swap.table)} TO {identifier(swap.old)}")
            steps.append(f"{identifier(swap.staging)} TO {identifier(swap.table)}")
        if steps:
            self._link.execute(f"RENAME TABLE {', '.join(steps)}")

    def _add_keys(self, plan: Plan) -> None:
        for key in plan.keys:
            rows = self._link.rows(
                "SELECT CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS"
                f" WHERE TABLE_SCHEMA = {literal(self._database)} AND TABLE_NAME = {literal(key.table)}"
                " AND CONSTRAINT_TYPE = 'FOREIGN KEY'"
            )
            if key.name is None or key.name.lower() not in {str(name).lower() for (name,) in rows}:
                self._link.execute(key.statement)

    def _drop(self, tables: list[str]) -> None:
        if not tables:
            return
        with self.unchecked():
            self._link.execute(f"DROP TABLE IF EXISTS {', '.join(map(identifier, tables))}")

    @contextlib.contextmanager
    def unchecked(self) -> Iterator[None]:
        """Tables that gave way may refer to each other in circles."""
        self._link.execute("SET SESSION foreign_key_checks = 0")
        yield
        self._link.execute("SET SESSION foreign_key_checks = 1")

    def tables(self, wanted: list[str]) -> set[str]:
        """Which of these are there."""
        if not wanted:
            return set()
        rows = self._link.rows(
            f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {literal(self._database)}"
            f" AND TABLE_NAME IN ({names(wanted)})"
        )
        found = {str(name) for (name,) in rows}
        if self._link.folds_names():
            folded = {name.lower() for name in found}
            return {name for name in wanted if name.lower() in folded}
        return found & set(wanted)


def own_tables(link: Link, database: str, prefix: str) -> list[str]:
    """Tables of a database whose names begin so."""
    return own_everywhere(link, prefix, database).get(database, [])


def own_everywhere(link: Link, prefix: str, database: str | None = None) -> dict[str, list[str]]:
    """Tables whose names begin so, by database. The prefix holds no character that LIKE takes for another,
    but for `_`."""
    escaped = prefix.replace("_", "\\_")
    within = f" AND TABLE_SCHEMA = {literal(database)}" if database is not None else ""
    rows = link.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
        f" WHERE TABLE_NAME LIKE {literal(escaped + '%')}{within}"
    )
    found: dict[str, list[str]] = {}
    for schema, name in sorted((str(schema), str(name)) for schema, name in rows):
        if name.startswith(prefix):
            found.setdefault(schema, []).append(name)
    return found
