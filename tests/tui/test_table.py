"""The list with a cursor: what is drawn where."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult

from tui.look import DARK
from tui.runs import run
from tui.widgets.columns import Column
from tui.widgets.table import Row, Table


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield Table(
            [Column(id="name", label="", least=4, share=1), Column(id="n", label="", least=6, right=True)]
        )

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = "dark"


def put(app: App[Any], count: int) -> None:
    app.query_one(Table).show([Row(n, (run(f"row {n}"), run(f"{n}:end"))) for n in range(count)])


def seen(app: App[Any]) -> list[str]:
    table = app.query_one(Table)
    width = table.scrollable_content_region.width
    return [table.render_line(y).crop(0, width).text for y in range(1, table.size.height)]


async def test_the_scroll_bar_covers_no_cell() -> None:
    app = Shown()
    async with app.run_test(size=(30, 10)) as pilot:
        for count, bar in ((5, False), (50, True), (5, False)):
            put(app, count)
            await pilot.pause()
            await pilot.pause()
            assert app.query_one(Table).show_vertical_scrollbar is bar
            lines = seen(app)[: min(count, 9)]
            assert all(line.endswith(":end") for line in lines), lines
