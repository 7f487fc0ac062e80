"""The picture of how data flows: data sets to the left, exports to the right, destinations behind them.

    ob-prod                        exports                       to
    ├─ shop.orders ──────┬──┬───>  orders-nightly  ✔ 14 h        /data/lake
    │                    └──│───>  orders-new      ✖ 5 min       /data/out
    ├─ shop.order_items ────┘
    └─ hr.* ────────────────────>  hr-archive      · never       /data/vault

`draw` is a pure function from a frozen description to lines. An export that takes several data sets, or
shares one, has a lane: a column in which its lines come together. Upper exports have lanes to the right of
lower ones, so that every line runs rightwards and none of them has to be followed back; where lines cross
without meeting, the vertical one is drawn through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tui.plain import width
from tui.runs import EMPTY, Line, fit, join, length, run
from tui.widgets.tail import tail

MOST_LANES = 8
MOST_LANES_NARROW = 4
NARROW = 100
MOST_SETS = 6
FEWEST_TO_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class FlowExport:
    """An export as it is drawn: what it takes, its state (long and short), and where its files go."""

    name: str
    sets: tuple[str, ...]
    state: Line
    short: Line
    to: str


@dataclass(frozen=True, slots=True)
class FlowSource:
    """A connection with its exports; `note` stands in place of them where it has none."""

    name: str
    exports: tuple[FlowExport, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A line of the picture; `export` where it is that of an export."""

    line: Line
    export: str | None = None


@dataclass(frozen=True, slots=True)
class Strokes:
    """The characters that lines are drawn with. `joints`: by which ways go off (up, down, left, right)."""

    flat: str
    upright: str
    tee: str
    last: str
    head: str
    joints: dict[tuple[bool, bool, bool, bool], str]


UNICODE = Strokes(
    flat="─",
    upright="│",
    tee="├─ ",
    last="└─ ",
    head=">",
    joints={
        (False, True, True, True): "┬",
        (True, False, True, True): "┴",
        (True, True, True, True): "┼",
        (False, True, True, False): "┐",
        (True, False, True, False): "┘",
        (True, True, True, False): "┤",
        (False, True, False, True): "┌",
        (True, False, False, True): "└",
        (True, True, False, True): "├",
    },
)
ASCII = Strokes(flat="-", upright="|", tee="+- ", last="`- ", head=">", joints={})


@dataclass(slots=True)
class _Grid:
    """Rows of a block, each with at most one data set and one export; and the lanes between."""

    sets: list[str | None] = field(default_factory=list)
    exports: list[FlowExport | None] = field(default_factory=list)
    takes: list[tuple[FlowExport, int, tuple[int, ...]]] = field(default_factory=list)
    lanes: dict[int, int] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return max(self.lanes.values(), default=-1) + 1


def draw(sources: Sequence[FlowSource], columns: int, *, ascii_only: bool) -> list[FlowLine]:
    """The picture in so many columns: names are cut to what there is room for, and the destinations go
    before anything else does."""
    strokes = ASCII if ascii_only else UNICODE
    most = MOST_LANES_NARROW if columns < NARROW else MOST_LANES
    blocks = [(source, list(_blocks(_shortened(source.exports), most))) for source in sources]
    sizes = _sizes(blocks, columns)
    lines: list[FlowLine] = []
    for source, grids in blocks:
        if lines:
            lines.append(FlowLine(EMPTY))
        lines.append(FlowLine(_head(source, sizes, first=not lines)))
        if not grids:
            lines.append(FlowLine(join(run(strokes.last, "dim"), run(source.note, "dim"))))
        for number, grid in enumerate(grids):
            lines += _rows(grid, sizes, strokes, more=number < len(grids) - 1)
    return lines


# What goes where


def _shortened(exports: Sequence[FlowExport]) -> list[FlowExport]:
    """With no more than so many data sets each; the others are counted."""
    made = []
    for export in exports:
        sets = tuple(dict.fromkeys(export.sets))
        if len(sets) > MOST_SETS:
            rest = len(sets) - MOST_SETS + 1
            sets = (*sets[: MOST_SETS - 1], f"{rest} more of {export.name}")
        made.append(FlowExport(export.name, sets, export.state, export.short, export.to))
    return made


def _blocks(exports: Sequence[FlowExport], most: int) -> Iterator[_Grid]:
    """Grids that together hold all exports; a data set stands once in each that needs it."""
    left = list(exports)
    while left:
        grid, taken = _Grid(), 0
        for export in _order(left):
            longer = _with(grid, export)
            if taken and longer.width > most:
                break
            grid, taken = longer, taken + 1
            left.remove(export)
        yield grid


def _order(exports: Sequence[FlowExport]) -> list[FlowExport]:
    """As given, but one whose data sets stand there already comes at once behind those that brought them."""
    left, seen, made = list(exports), set[str](), list[FlowExport]()
    while left:
        following = next((e for e in left if made and seen.issuperset(e.sets)), left[0])
        left.remove(following)
        made.append(following)
        seen.update(following.sets)
    return made


def _with(grid: _Grid, export: FlowExport) -> _Grid:
    """The grid with one more export: in the row of the first data set that it brings, else in a row of its
    own."""
    made = _Grid(list(grid.sets), list(grid.exports), list(grid.takes))
    row = len(made.sets)
    fresh: list[str | None] = [name for name in export.sets if name not in made.sets]
    made.sets += fresh or [None]
    made.exports += [export] + [None] * (max(len(fresh), 1) - 1)
    made.takes.append((export, row, tuple(made.sets.index(name) for name in export.sets)))
    made.lanes = _lanes(made)
    return made


def _lanes(grid: _Grid) -> dict[int, int]:
    """The lane of each export that needs one, by its row: to the right of those of lower exports that it
    runs beside."""
    shared = {r for _, _, rows in grid.takes for r in rows if sum(r in other for *_, other in grid.takes) > 1}
    spans: list[tuple[int, int, int]] = []
    lanes: dict[int, int] = {}
    for _, row, rows in reversed(grid.takes):
        if rows == (row,) and row not in shared:
            continue
        low, high = min(row, *rows), max(row, *rows)
        lane = 1 + max((lane for a, b, lane in spans if a <= high and low <= b), default=-1)
        spans.append((low, high, lane))
        lanes[row] = lane
    return lanes


# How wide


@dataclass(frozen=True, slots=True)
class _Sizes:
    sets: int
    lanes: int
    names: int
    states: int
    short: bool
    to: int


def _sizes(blocks: Sequence[tuple[FlowSource, Sequence[_Grid]]], columns: int) -> _Sizes:
    exports = [export for source, _ in blocks for export in source.exports]
    grids = [grid for _, found in blocks for grid in found]
    names = max((width(e.name) for e in exports), default=0)
    sets = max((width(name) for grid in grids for name in grid.sets if name), default=0)
    long = max((length(e.state) for e in exports), default=0)
    short = max((length(e.short) for e in exports), default=0)
    to = max((width(e.to) for e in exports), default=0)
    lanes = 3 * max((grid.width for grid in grids), default=0)
    # The stroke before a data set, one behind it, the arrow, and the gaps between columns.
    fixed = 3 + 2 + lanes + 6 + 2
    if fixed + sets + names + long + 2 + min(to, 24) > columns:
        states, is_short = short, True
    else:
        states, is_short = long, False
    room = columns - fixed - states
    sets, names = _share(room - 2 - min(to, FEWEST_TO_COLUMNS), sets, names)
    left = room - sets - names - 2
    return _Sizes(
        sets, lanes, names, states, is_short, min(to, left) if left >= min(to, FEWEST_TO_COLUMNS) else 0
    )


def _share(room: int, sets: int, names: int) -> tuple[int, int]:
    """Two widths within a room: what one doesn't need the other may have."""
    if sets + names <= room:
        return sets, names
    half = max(room // 2, 8)
    if names <= half:
        return max(room - names, 8), names
    if sets <= half:
        return sets, max(room - sets, 8)
    return half, max(room - half, 8)


def _head(source: FlowSource, sizes: _Sizes, *, first: bool) -> Line:
    name = run(source.name, "strong")
    if not (first and source.exports):
        return name
    behind = 3 + sizes.sets + 2 + sizes.lanes + 6
    line = join(fit(name, behind), fit(run("exports", "head"), sizes.names + 2 + sizes.states + 2))
    return join(line, run("to", "head")) if sizes.to else line


# Drawing


def _rows(grid: _Grid, sizes: _Sizes, strokes: Strokes, *, more: bool) -> Iterator[FlowLine]:
    last = max(index for index, name in enumerate(grid.sets) if name is not None)
    for row, (name, export) in enumerate(zip(grid.sets, grid.exports, strict=True)):
        tree = strokes.tee if more or row < last else strokes.last
        if name is None:
            tree = f"{strokes.upright}  " if more or row < last else "   "
        left = join(run(tree, "dim"), _label(name, sizes.sets, strokes))
        line = join(left, run(_wires(grid, row, sizes, strokes), "dim"))
        if export is None:
            yield FlowLine(line)
            continue
        state = export.short if sizes.short else export.state
        line = join(line, run("  "), fit(run(export.name), sizes.names), run("  "), fit(state, sizes.states))
        if sizes.to:
            line = join(line, run("  "), run(tail(export.to, sizes.to), "dim"))
        yield FlowLine(line, export.name)


def _label(name: str | None, columns: int, strokes: Strokes) -> Line:
    """A data set, and its line up to the lanes."""
    if name is None:
        return run(" " * (columns + 2))
    shown = run(name) if width(name) <= columns else fit(run(name), columns)
    rest = columns - length(shown)
    return join(shown, run(" " + strokes.flat * (rest + 1), "dim"))


def _wires(grid: _Grid, row: int, sizes: _Sizes, strokes: Strokes) -> str:
    """The lanes of a row, then the arrow or nothing; each lane takes three columns."""
    here = grid.exports[row]
    straight = here is not None and row not in grid.lanes
    fed = {
        lane for _, other, rows in grid.takes if row in rows and (lane := grid.lanes.get(other)) is not None
    }
    out = grid.lanes.get(row) if here is not None else None
    reach = max(fed, default=-1)
    pieces = []
    for lane in range(sizes.lanes // 3):
        up, down = _passes(grid, lane, row)
        from_left = straight or lane <= reach
        to_right = straight or lane < reach or (out is not None and lane >= out)
        if lane in fed or lane == out:
            middle = strokes.joints.get((up, down, lane <= reach, to_right), "+")
            if not (up or down):
                middle = strokes.flat
        elif up or down:
            middle = strokes.upright
        else:
            from_left = straight or lane <= reach or (out is not None and lane > out)
            middle = strokes.flat if from_left else " "
        before = strokes.flat if from_left or (out is not None and lane > out) else " "
        pieces.append(before + middle + (strokes.flat if to_right else " "))
    arrow = strokes.flat * 3 + strokes.head if here is not None else ""
    return "".join(pieces) + arrow


def _passes(grid: _Grid, lane: int, row: int) -> tuple[bool, bool]:
    """Whether the lane's vertical line comes from above to this row, and goes on below it."""
    up = down = False
    for _, own, rows in grid.takes:
        if grid.lanes.get(own) == lane:
            low, high = min(own, *rows), max(own, *rows)
            up |= low < row <= high
            down |= low <= row < high
    return up, down
