"""Lines to be read, scrolled by the keys of lists."""

from __future__ import annotations

from tui.actions import Place, bindings
from tui.widgets.lines import Lines


class Sheet(Lines, can_focus=True):
    """`Lines` that take the keys of a list to scroll."""

    BINDINGS = bindings(Place.LIST)

    def action_move(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, immediate=True)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 1))

    def action_go(self, place: int) -> None:
        """0 is the beginning, -1 the end."""
        self.scroll_to(y=0 if place == 0 else self.virtual_size.height, animate=False, immediate=True)
