"""Rows that go into another database: which one, and what becomes of tables that are there."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote, unquote

import msgspec

from core.errors import InvalidValue

PREFIX = "connection:"


class Existing(StrEnum):
    """CREATE: the tables are made, and none of their names may be there yet. APPEND: rows are added to tables
    that are there. REPLACE: tables are made anew where definitions leave too, else their rows give way to
    the new ones; what isn't there is made."""

    CREATE = "create"
    APPEND = "append"
    REPLACE = "replace"


class Into(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`connection` is a saved connection, `database` a database of it (PostgreSQL: a schema), None for the
    one that it begins in."""

    connection: str
    database: str | None = None
    existing: Existing = Existing.CREATE

    def __post_init__(self) -> None:
        if not self.connection:
            raise InvalidValue("Rows into another database need the name of a connection.")

    @property
    def place(self) -> str:
        """`connection:NAME` or `connection:NAME/DATABASE`, as people type it: the output of a task."""
        name = PREFIX + quote(self.connection, safe=" ")
        return name if self.database is None else f"{name}/{quote(self.database, safe=' ')}"

    @classmethod
    def parse(cls, text: str) -> Into | None:
        """From `connection:NAME[/DATABASE]`, each percent-encoded where it holds a `/` or `%`; None for
        anything else. Raises InvalidValue."""
        if not text.startswith(PREFIX):
            return None
        name, slash, database = text.removeprefix(PREFIX).partition("/")
        if "/" in database or (slash and not database):
            raise InvalidValue(
                f"{text!r} names no database.", "Write connection:NAME or connection:NAME/DATABASE."
            )
        return cls(connection=unquote(name), database=unquote(database) or None)
