"""The columns of a list: which are shown in a given width, and how wide each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`least` is the width that it needs, `most` what it can use (0: all there is), `share` its part of
    what is left over. Columns go, the highest `drop` first, when the width isn't enough; 0 always stays."""

    id: str
    label: str
    least: int
    most: int = 0
    share: int = 0
    drop: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A column where it is drawn: its place among all columns, where it begins, how wide it is."""

    column: Column
    index: int
    x: int
    width: int


def place(columns: Sequence[Column], width: int, *, gap: int = 1) -> tuple[Placed, ...]:
    """Fit columns into a width."""
    shown = list(enumerate(columns))

    def needed() -> int:
        return sum(column.least for _, column in shown) + gap * (len(shown) - 1)

    while needed() > width:
        worst = max(shown, key=lambda pair: pair[1].drop)
        if worst[1].drop == 0:
            break
        shown.remove(worst)
    widths = {index: column.least for index, column in shown}
    _spread(dict(shown), widths, max(0, width - needed()))
    placed, x = [], 0
    for index, column in shown:
        wide = max(0, min(widths[index], width - x))
        placed.append(Placed(column, index, x, wide))
        x += wide + gap
    return tuple(placed)


def _spread(columns: dict[int, Column], widths: dict[int, int], room: int) -> None:
    """Give what is left over to those that can use it, by their shares."""
    while room > 0:
        takers = [i for i, c in columns.items() if c.share and (not c.most or widths[i] < c.most)]
        if not takers:
            return
        total = sum(columns[i].share for i in takers)
        given = 0
        for index in takers:
            column = columns[index]
            wanted = max(1, room * column.share // total)
            limit = column.most - widths[index] if column.most else wanted
            piece = min(wanted, limit, room - given)
            widths[index] += piece
            given += piece
        if given == 0:
            return
        room -= given
