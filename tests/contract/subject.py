"""What the contract suite must know of a kind of database, beside its source: how things are spelled there, and
how somebody else works on it meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from connectors.base import ObjectDdl, Source

Value = int | Decimal | float | str | bytes | datetime | None

# What every kind of database can hold, and programs are known to lose. By what `Subject.types` spells.
VALUES: Mapping[str, tuple[Value, ...]] = {
    "integer": (-(2**63), 2**63 - 1, 0),
    "decimal": (
        Decimal("-1234567890123456789012345678.0123456789"),
        Decimal("0.0000000001"),
        Decimal("99999999999999999999.9"),
    ),
    "double": (0.1, 1.7976931348623157e308, -1.2345678901234567e-7),
    "text": ('it\'s, "a"\n\\N\r\n;tab\there', "\N{PASSENGER SHIP} ü中文 e\u0301\u202e", " NULL\\"),
    "bytes": (b"\0\xff\n\r'\"\\,", b"\xed\xa0\x80", b"plain"),
    "time": (
        datetime(2024, 2, 29, 23, 59, 59, 999_999),
        datetime(1000, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59),
    ),
}


class Subject(ABC):
    """An empty place in a database, and what works there beside the session that is tested.

    `place` is what the interface calls a database. `types`: a column type for each of `VALUES`, and `key`,
    a text that may be a key. `slow`: a query that takes hours, or never ends; a view may be made of it.
    `server`: there is one with accounts, and somebody else may end what runs there; without, the methods
    that say so below are never called. `not_in_names`: characters that no name has there.
    """

    place: str
    types: Mapping[str, str]
    slow: str
    server: bool = True
    not_in_names: str = ""

    @abstractmethod
    def source(self, account: str | None = None, *, program: str = "offramp") -> Source:
        """A way into the place, as somebody who made everything there, or as an account of `account`."""

    @abstractmethod
    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in the place, each of them committed; the rows of the last."""

    @abstractmethod
    def empty(self) -> Self:
        """Another empty place of the same kind."""

    @abstractmethod
    def load(self, script: Path) -> None:
        """Have the database's own client run a script in the place, from the script's directory."""

    @abstractmethod
    def name(self, name: str) -> str:
        """A name, quoted."""

    @abstractmethod
    def bytes_literal(self, value: bytes) -> str:
        """Bytes as a literal."""

    def text_literal(self, value: str) -> str:
        """Text as a literal."""
        return "'" + value.replace("'", "''") + "'"

    def literal(self, value: Value) -> str:
        """A value of `VALUES`, or NULL."""
        match value:
            case None:
                return "NULL"
            case str():
                return self.text_literal(value)
            case bytes():
                return self.bytes_literal(value)
            case datetime():
                return f"'{value.isoformat(' ')}'"
            case float():
                return repr(value) if "e" in repr(value) else f"{value!r}e0"
            case _:
                return str(value)

    def common(self, definition: ObjectDdl) -> tuple[object, ...]:
        """What of an object's definition is the same in another place."""
        return definition.create, definition.fingerprint

    def account(self, *tables: str) -> str:
        """Make an account that may read these tables of the place and nothing else; its name."""
        raise NotImplementedError

    def running(self, program: str) -> int:
        """How many statements the server runs now for sessions of a program."""
        raise NotImplementedError

    def end(self, program: str) -> None:
        """End the statements that run for sessions of a program, as an administrator does."""
        raise NotImplementedError
