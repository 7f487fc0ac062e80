"""Statements about the schema: short ones, with text decoded and errors in words."""

from __future__ import annotations

import sqlite3
from typing import Any

from connectors.sources.sqlite.errors import while_reading
from core.errors import BrokenObject


class Statements:
    """Short statements on an open file. `name` is the connection's, for messages.

    Text comes back as str, bytes that are no UTF-8 in it as lone surrogates (PEP 383).
    """

    def __init__(self, driver: sqlite3.Connection, name: str) -> None:
        self.driver = driver
        self.name = name

    def rows(self, sql: str, *values: object, about: str, planned: bool = False) -> list[tuple[Any, ...]]:
        """All rows. `about` says in messages what was asked of. Raises SourceError and its kinds."""
        try:
            found = self.driver.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise while_reading(error, self.name, about, planned=planned) from error
        except UnicodeEncodeError as error:
            raise BrokenObject(
                f"Connection {self.name!r}: {about!a} has a name that is no UTF-8.", "Rename it."
            ) from error
        return [tuple(_text(value) for value in row) for row in found]

    def row(self, sql: str, *values: object, about: str, planned: bool = False) -> tuple[Any, ...] | None:
        """The first row, None where there is none."""
        found = self.rows(sql, *values, about=about, planned=planned)
        return found[0] if found else None

    def value(self, sql: str, *values: object, about: str, planned: bool = False) -> Any:
        """The first value of the first row, None where there is none."""
        found = self.row(sql, *values, about=about, planned=planned)
        return found[0] if found else None

    def names(self, sql: str, *, about: str) -> list[str]:
        """Names of the result's columns. Raises SourceError and its kinds."""
        try:
            found = self.driver.execute(sql).description
        except sqlite3.Error as error:
            raise while_reading(error, self.name, about) from error
        return [str(column[0]) for column in found or ()]

    def plan(self, sql: str, *, about: str) -> str:
        """How SQLite would carry out a statement, as its EXPLAIN QUERY PLAN says."""
        return "\n".join(row[3] for row in self.rows(f"EXPLAIN QUERY PLAN {sql}", about=about))


def _text(value: object) -> object:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytearray) else value
