"""Paths where there is little room: their ends tell them apart, so their beginnings are cut."""

from __future__ import annotations

from dataclasses import dataclass

from tui.plain import plain, width
from tui.runs import Line, run


def tail(text: str, columns: int) -> str:
    """The end of a text, with `...` where its beginning was cut."""
    kept = plain(text)
    if width(kept) <= columns:
        return kept
    while kept and width(kept) > columns - 3:
        kept = kept[1:]
    return f"...{kept}"[: max(columns, 0)]


@dataclass(frozen=True, slots=True)
class TailCell:
    """A cell of a list with a path in it."""

    text: str
    role: str = ""

    def fit(self, columns: int) -> Line:
        return run(tail(self.text, columns), self.role)
