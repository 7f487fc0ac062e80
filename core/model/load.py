"""How hard an export may work its source: how fast it reads, and for how long one statement stays open."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec

from core.errors import InvalidValue

_RATE = re.compile(r"(\d+)\s*(?:(?P<unit>[kmgt]?)(?:i?b)?|(?P<rows>rows?))\s*(?:/\s*s)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Per(StrEnum):
    """What is counted: bytes of values as the source sends them, or rows."""

    BYTES = "bytes"
    ROWS = "rows"


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So much in a second, of a whole task."""

    amount: int
    per: Per = Per.BYTES

    def __post_init__(self) -> None:
        if self.amount < 1:
            raise InvalidValue(f"A rate of {self.amount} {self.per} a second can't be: use 1 or more.")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """`10m`, `500 KiB/s`, `20000 rows`; bytes in multiples of 1024. Raises InvalidValue."""
        found = _RATE.fullmatch(text.strip())
        if found is None:
            raise InvalidValue(
                f"{text!r} is no rate.", "Write bytes a second (500k, 10m), or rows a second (20000 rows)."
            )
        if found["rows"]:
            return cls(int(found[1]), Per.ROWS)
        return cls(int(found[1]) * _UNITS[(found["unit"] or "").lower()])

    def __str__(self) -> str:
        """The shortest that `parse` takes for the same."""
        if self.per is Per.ROWS:
            return f"{self.amount} rows"
        unit = next(u for u, factor in reversed(_UNITS.items()) if self.amount % factor == 0)
        return f"{self.amount // _UNITS[unit]}{unit}"


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`rate`: at most so fast, None for as fast as the server sends; it can be changed while a task runs.
    `statement_rows`: a statement reads about so many rows at most, along the table's key, so that none stays
    open for long on the server; None: as many as a part has."""

    rate: Rate | None = None
    statement_rows: int | None = None

    def __post_init__(self) -> None:
        if self.statement_rows is not None and self.statement_rows < 1:
            raise InvalidValue(
                f"Statements of {self.statement_rows} rows can't be: use 1 or more, or leave it out."
            )
