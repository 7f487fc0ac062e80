"""How a line of a log looks: time, level as a word in its colour, text; broken into rows or cut."""

from __future__ import annotations

from core.log_pages import PlacedLine
from tui.plain import plain
from tui.runs import Line, join, run, wrap

LEVEL_ROLES = {"DEBUG": "dim", "INFO": "dim", "WARN": "warn", "ERROR": "bad"}
# From this width on the date stands before the time.
WIDE = 110


def rows(placed: PlacedLine, columns: int, *, broken: bool, found: str = "") -> list[Line]:
    """The rows of a line in so many columns: one, cut where it is drawn, or with `broken` as many as it
    takes. Where `found` stands in it, it is shown so."""
    level, when = placed.line.level, placed.time
    if level is None or when is None:
        head: Line = ()
        indent = 0
    else:
        local = when.astimezone()
        clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
        date = f"{local:%Y-%m-%d} " if columns >= WIDE else ""
        head = join(run(f"{date}{clock} ", "dim"), run(f"{level:<5} ", LEVEL_ROLES[level]))
        indent = len(date) + len(clock) + 7
    role = LEVEL_ROLES[level] if level in ("WARN", "ERROR") else ""
    room = max(10, columns - indent)
    pieces = wrap(placed.message, room) if broken else [plain(placed.message)]
    if placed.missing:
        pieces.append(f"... {placed.missing:,} more bytes, to be seen in the pager")
    return [
        join(head if number == 0 else run(" " * indent), _marked(piece, found, role))
        for number, piece in enumerate(pieces)
    ]


def _marked(text: str, found: str, role: str) -> Line:
    """A text with each `found` in it standing out."""
    if not found:
        return run(text, role)
    low, wanted = text.lower(), found.lower()
    if len(low) != len(text):
        # Lower case of some letters is longer: better no mark than one beside the place.
        return run(text, role)
    made: list[Line] = []
    at = 0
    while (hit := low.find(wanted, at)) >= 0:
        made += [run(text[at:hit], role), run(text[hit : hit + len(wanted)], "found")]
        at = hit + len(wanted)
    return join(*made, run(text[at:], role))
