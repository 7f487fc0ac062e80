"""The picture of how data flows: data sets to the left, exports to the right, destinations behind them.

    ob-prod                    exports                       to
    ├─ shop.orders ────┬──┬─>  orders-nightly  ✔ 14 h        /data/lake
    ├─ shop.order_items│──┘
    │                  └────>  orders-new      ✖ 5 min       /data/out
    └─ hr.* ────────────────>  hr-archive      · never       /data/vault

`draw` is a pure function from a frozen description to lines. An export has a row for each data set that it
takes, joined by a bracket. A data set that several exports take stands in the row of the first of them, and
has a lane: a column in which its line goes down to the others. So each line can be followed back from the
arrow without a choice; where two cross without meeting, the vertical one is drawn through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tui.plain import plain, width
from tui.runs import EMPTY, Line, fit, join, length, run
from tui.widgets.tail import tail

MOST_LANES = 8
MOST_LANES_NARROW = 4
NARROW = 100
ARROW = 5
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
    """The characters that lines are drawn with. `fork` begins a lane, `branch` leaves it, `bend` ends it;
    `top`, `side` and `bottom` are those of a bracket."""

    flat: str
    upright: str
    tee: str
    last: str
    fork: str
    branch: str
    bend: str
    top: str
    side: str
    bottom: str


UNICODE = Strokes("─", "│", "├─ ", "└─ ", "┬", "├", "└", "┬", "┤", "┘")
ASCII = Strokes("-", "|", "+- ", "`- ", "+", "+", "+", "+", "+", "+")


@dataclass(frozen=True, slots=True)
class _Row:
    """A data set on its way to an export. `first`: its name stands here. `top`, `bottom`: of the bracket."""

    set: str
    export: FlowExport
    first: bool
    top: bool
    bottom: bool


@dataclass(frozen=True, slots=True)
class _Grid:
    """Rows, and the lane of each data set that has more than one of them."""

    rows: tuple[_Row, ...] = ()
    lanes: Mapping[str, int] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return max(self.lanes.values(), default=-1) + 1

    def span(self, name: str) -> tuple[int, int]:
        """The first and the last row of a data set."""
        places = [index for index, row in enumerate(self.rows) if row.set == name]
        return places[0], places[-1]


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
        # Made inert at once: what is drawn must be as wide as it was measured.
        sets = tuple(dict.fromkeys(map(plain, export.sets)))
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
    """The grid with one more export."""
    known = {row.set for row in grid.rows}
    last = len(export.sets) - 1
    rows = tuple(
        _Row(name, export, first=name not in known, top=index == 0, bottom=index == last)
        for index, name in enumerate(export.sets)
    )
    longer = _Grid(grid.rows + rows)
    return _Grid(longer.rows, _lanes(longer))


def _lanes(grid: _Grid) -> dict[str, int]:
    """Lanes beside each other for data sets whose spans overlap."""
    spans = {row.set: grid.span(row.set) for row in grid.rows}
    lanes: dict[str, int] = {}
    for name, (low, high) in spans.items():
        if low == high:
            continue
        taken = {lane for other, lane in lanes.items() if spans[other][0] <= high and low <= spans[other][1]}
        lanes[name] = next(lane for lane in range(len(taken) + 1) if lane not in taken)
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
    sets = max((width(row.set) for grid in grids for row in grid.rows), default=0)
    long = max((length(e.state) for e in exports), default=0)
    short = max((length(e.short) for e in exports), default=0)
    to = max((width(e.to) for e in exports), default=0)
    lanes = 3 * max((grid.width for grid in grids), default=0)
    # The strokes around a data set, the bracket with its arrow, and the gaps between columns.
    fixed = 3 + 2 + lanes + ARROW + 2 + 2
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
    behind = 3 + sizes.sets + 2 + sizes.lanes + ARROW + 2
    line = join(fit(name, behind), fit(run("exports", "head"), sizes.names + 2 + sizes.states + 2))
    return join(line, run("to", "head")) if sizes.to else line


# Drawing


def _rows(grid: _Grid, sizes: _Sizes, strokes: Strokes, *, more: bool) -> Iterator[FlowLine]:
    last = max(index for index, row in enumerate(grid.rows) if row.first)
    for index, row in enumerate(grid.rows):
        going_on = more or index < last
        if row.first:
            tree = strokes.tee if going_on else strokes.last
        else:
            tree = f"{strokes.upright}  " if going_on else "   "
        wires = _wires(grid, index, sizes.lanes // 3, strokes) + _bracket(row, strokes)
        line = join(run(tree, "dim"), _label(row, sizes.sets, strokes), run(wires, "dim"))
        if not row.top:
            yield FlowLine(line)
            continue
        export = row.export
        state = export.short if sizes.short else export.state
        name = fit(run(export.name), sizes.names)
        line = join(line, run("  "), name, run("  "), fit(state, sizes.states))
        if sizes.to:
            line = join(line, run("  "), run(tail(export.to, sizes.to), "dim"))
        yield FlowLine(line, export.name)


def _label(row: _Row, columns: int, strokes: Strokes) -> Line:
    """A data set's name, and its line up to the lanes."""
    if not row.first:
        return run(" " * (columns + 2))
    shown = run(row.set) if width(row.set) <= columns else fit(run(row.set), columns)
    return join(shown, run(" " + strokes.flat * (columns - length(shown) + 1), "dim"))


def _wires(grid: _Grid, index: int, lanes: int, strokes: Strokes) -> str:
    """What a row shows of the lanes, three columns each."""
    row = grid.rows[index]
    begins = -1 if row.first else grid.lanes[row.set]
    pieces = []
    for lane in range(lanes):
        before = strokes.flat if lane > begins else " "
        after = strokes.flat if lane >= begins else " "
        pieces.append(before + _crossing(grid, index, lane, before, strokes) + after)
    return "".join(pieces)


def _crossing(grid: _Grid, index: int, lane: int, flat: str, strokes: Strokes) -> str:
    for name, its_lane in grid.lanes.items():
        low, high = grid.span(name)
        if its_lane == lane and low <= index <= high:
            if grid.rows[index].set != name:
                return strokes.upright
            return strokes.fork if index == low else strokes.bend if index == high else strokes.branch
    return flat


def _bracket(row: _Row, strokes: Strokes) -> str:
    if row.top:
        joint = strokes.flat if row.bottom else strokes.top
        return strokes.flat + joint + strokes.flat * (ARROW - 3) + ">"
    return strokes.flat + (strokes.bottom if row.bottom else strokes.side)
