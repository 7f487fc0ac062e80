"""The picture of how data flows: every line leads from a data set to the exports that take it, and nowhere else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.plain import width
from tui.runs import run, text_of
from tui.widgets.flow import FlowExport, FlowLine, FlowSource, draw


def export(name: str, *sets: str, to: str = "/data/out") -> FlowExport:
    return FlowExport(name, sets, run("✔ Completed 14 h"), run("✔ 14 h"), to)


def picture(*sources: FlowSource, columns: int = 80, ascii_only: bool = False) -> list[str]:
    return [text_of(line.line).rstrip() for line in draw(sources, columns, ascii_only=ascii_only)]


def test_shared_data_sets_stand_once() -> None:
    source = FlowSource(
        "ob-prod",
        (
            export("orders-nightly", "shop.orders", "shop.order_items", to="/lake"),
            export("orders-new", "shop.orders"),
            export("hr-archive", "hr.*"),
        ),
    )
    assert picture(source) == [
        "ob-prod                        exports                           to",
        "├─ shop.orders ───────┬──┬──>  orders-nightly  ✔ Completed 14 h  /lake",
        "├─ shop.order_items ──│──┘",
        "│                     └─────>  orders-new      ✔ Completed 14 h  /data/out",
        "└─ hr.* ────────────────────>  hr-archive      ✔ Completed 14 h  /data/out",
    ]


def test_ascii_has_nothing_else_in_it() -> None:
    source = FlowSource("x", (FlowExport("a", ("1", "2"), run("+ 1 h"), run("+ 1 h"), "/d"),))
    lines = picture(source, ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert lines[1].startswith("+- 1 --+-->")
    assert lines[2].startswith("`- 2 --+")


def test_foreign_names_are_inert_and_keep_their_columns() -> None:
    source = FlowSource("数据库", (export("订单", "t\x1b[31m", "订单表", "[b]"), export("b", "[b]")))
    lines = picture(source, columns=100)
    assert "t\\u001b[31m" in lines[1]
    arrows = {width(line[: line.index(">")]) for line in lines if ">" in line}
    assert len(arrows) == 1


def test_a_connection_without_exports_says_so() -> None:
    assert picture(FlowSource("new", (), "no export")) == ["new", "└─ no export"]


def test_many_data_sets_are_counted() -> None:
    source = FlowSource("x", (export("big", *(f"t{i}" for i in range(40))),))
    lines = picture(source)
    assert len(lines) == 7
    assert "35 more of big" in lines[-1]


def test_destinations_are_cut_at_their_beginnings_and_go_first() -> None:
    source = FlowSource(
        "x", (export("nightly-of-the-shop", "shop.orders", to="/srv/lake/a/b/c/d/e/f/g/shop"),)
    )
    assert picture(source, columns=76)[1].endswith("/g/shop")
    assert "..." in picture(source, columns=76)[1]
    narrow = picture(source, columns=48)[1]
    assert "shop.orders"[:5] in narrow
    assert "✔ 14 h" in narrow


@settings(max_examples=120, deadline=None)
@given(
    wanted=st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=9), min_size=1, max_size=14),
    columns=st.sampled_from([60, 80, 120]),
    ascii_only=st.booleans(),
)
def test_every_line_leads_where_it_should(wanted: list[set[int]], columns: int, ascii_only: bool) -> None:
    exports = tuple(export(f"e{i}", *(f"s{n}" for n in sorted(sets))) for i, sets in enumerate(wanted))
    lines = draw([FlowSource("c", exports)], columns, ascii_only=ascii_only)
    assert all(width(text_of(line.line)) <= columns for line in lines)
    assert [line.export for line in lines if line.export] != []
    assert {line.export for line in lines if line.export} == {e.name for e in exports}
    if ascii_only:
        return  # its joints all look alike: the other drawing is the one to follow
    for item in exports:
        expected = set(item.sets if len(item.sets) <= 6 else item.sets[:5])
        rest = {f"{len(item.sets) - 5} more of {item.name}"} if len(item.sets) > 6 else set()
        assert followed(lines, item.name) == expected | rest


def followed(lines: list[FlowLine], name: str) -> set[str]:
    """The data sets whose lines end at an export, read off the drawing as an eye would."""
    grid = [text_of(line.line) for line in lines]
    top = next(y for y, line in enumerate(lines) if line.export == name)
    bracket = grid[top].index(">") - 3
    rows = [top]
    if grid[top][bracket] == "┬":
        while grid[rows[-1]][bracket] != "┘":
            rows.append(rows[-1] + 1)
            assert grid[rows[-1]][bracket] in "┤┘"
    return {follow_back(grid, y, bracket - 1) for y in rows}


def follow_back(grid: list[str], y: int, x: int) -> str:
    """Leftwards; at the bend or branch of a lane upwards to where it forks off."""
    while grid[y][x] != " ":
        if grid[y][x] in "└├":
            y -= 1
            while grid[y][x] in "│├":
                y -= 1
            assert grid[y][x] == "┬"
        x -= 1
    return grid[y][3:x].strip()
