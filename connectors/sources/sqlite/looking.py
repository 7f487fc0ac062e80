"""Whether any row of a table meets a condition: asked of all rows, by two processes where there are two."""

from __future__ import annotations

from connectors.sources.sqlite.beside import Beside, log
from connectors.sources.sqlite.companion import Parted
from connectors.sources.sqlite.dialect import SQLITE
from connectors.sources.sqlite.split import source
from connectors.sources.sqlite.statements import Statements

# How often it is looked whether the other process is there.
STEPS = 16
# This process's share of what is left then, in eighths: the other's library is a newer one, and takes 0.6 of
# the time for as many rows.
EIGHTHS = 3


def any_row(
    ask: Statements, table: str, condition: str, about: str, *, rowid: str | None, beside: Beside | None
) -> bool:
    """Whether a table has such a row. `rowid` is a name for its rowid, None where it has none; `beside` the
    process that sees the same, or will, None where none does. Raises SourceError's kinds."""
    begin = f"SELECT 1 FROM {source(table)} NOT INDEXED WHERE ({condition})"
    if rowid is None or beside is None:
        return bool(ask.rows(f"{begin} LIMIT 1", about=about))
    key = f"{SQLITE.identifier(table)}.{rowid}"
    (span,) = ask.rows(
        f"SELECT (SELECT min({key}) FROM {source(table)}), (SELECT max({key}) FROM {source(table)})",
        about=about,
    )
    if span[0] is None:
        return False

    def within(first: int, last: int) -> str:
        return f"{begin} AND {key} BETWEEN {first} AND {last} LIMIT 1"

    def here(first: int, last: int) -> bool:
        return bool(ask.rows(within(first, last), about=about))

    low, high = span
    step = max(1, (high - low) // STEPS)
    while low <= high:
        if high - low > step:
            middle = low + (high - low) * EIGHTHS // 8
            try:
                if beside.shares():
                    answer = beside.look(within(middle + 1, high))
                    return here(low, middle) or answer()
            except Parted as error:
                log.debug("%s: looked at by one process: %s", about, error)
                return here(low, high)
        if here(low, min(low + step - 1, high)):
            return True
        low += step
    return False
