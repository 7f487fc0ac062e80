"""A list with a cursor: only what differs is drawn again, and a long list is read in windows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import look
from tui.actions import Place, bindings
from tui.runs import Line, fit, run
from tui.widgets.columns import Column, Placed, place
from tui.widgets.lines import role_styles

EDGE = 2
HEAD = 1


class Fits(Protocol):
    """A cell that makes use of the width it gets, such as a progress bar. Equal ones look the same."""

    def fit(self, columns: int) -> Line: ...


Cell = Line | Fits


@dataclass(frozen=True, slots=True)
class Row:
    """`id` says which thing this is, whatever place it has; one cell for each column. `role` is for all of
    a row whose runs have none."""

    id: Hashable
    cells: tuple[Cell, ...]
    role: str = ""


class Table(ScrollView, can_focus=True):
    """A list. `show` gives it its rows, again and again: it keeps the cursor on the same thing, and draws
    only cells that differ. With `offset` and `total` the rows are a window of a longer list; when the cursor
    or the scrolling leaves it, `WindowWanted` asks for another one.

    `marks` holds the ids of marked rows. `order` (column id, descending) is shown in the head.
    """

    DEFAULT_CSS = """
    Table { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS = bindings(Place.LIST)

    class Moved(Message):
        """The cursor is on another thing, or on none (id None)."""

        def __init__(self, table: Table, row_id: Hashable | None) -> None:
            super().__init__()
            self.table = table
            self.row_id = row_id

        @property
        def control(self) -> Table:
            return self.table

    class Chosen(Moved):
        """The row under the cursor was clicked."""

    class HeadClicked(Message):
        def __init__(self, table: Table, column_id: str) -> None:
            super().__init__()
            self.table = table
            self.column_id = column_id

    class WindowWanted(Message):
        """Rows from place `first` on are needed."""

        def __init__(self, table: Table, first: int) -> None:
            super().__init__()
            self.table = table
            self.first = first

    def __init__(self, columns: Sequence[Column], *, head: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.marks: set[Hashable] = set()
        self.order: tuple[str, bool] | None = None
        self._head = HEAD if head else 0
        self._rows: tuple[Row, ...] = ()
        self._offset = 0
        self._total = 0
        self._cursor = 0
        self._cursor_id: Hashable | None = None
        self._placed: tuple[Placed, ...] = ()
        self._asked: int | None = None

    # What is in it

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    @property
    def total(self) -> int:
        return self._total

    @property
    def cursor(self) -> int:
        """The cursor's place in the whole list, from 0."""
        return self._cursor

    @property
    def cursor_id(self) -> Hashable | None:
        return self._cursor_id

    def show(self, rows: Sequence[Row], *, offset: int = 0, total: int | None = None) -> None:
        old = {self._offset + i: row for i, row in enumerate(self._rows)}
        self._rows, self._offset = tuple(rows), offset
        self._total = offset + len(self._rows) if total is None else total
        self._asked = None
        before, before_id = self._cursor, self._cursor_id
        self._keep_cursor()
        if self.virtual_size.height != self._total + self._head:
            self.virtual_size = Size(0, self._total + self._head)
        self._refresh_differences(old)
        if before != self._cursor:
            self._refresh_row(before)
            self._refresh_row(self._cursor)
            self._scroll_to_cursor()
        if before_id != self._cursor_id:
            self.post_message(self.Moved(self, self._cursor_id))
        self._look_for_window()

    def _keep_cursor(self) -> None:
        for index, row in enumerate(self._rows):
            if row.id == self._cursor_id:
                self._cursor = self._offset + index
                return
        self._cursor = max(0, min(self._cursor, self._total - 1))
        here = self._row(self._cursor)
        self._cursor_id = here.id if here is not None else None

    def _row(self, place_: int) -> Row | None:
        index = place_ - self._offset
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def select(self, row_id: Hashable) -> bool:
        """Put the cursor on a thing; False where it isn't in the window."""
        for index, row in enumerate(self._rows):
            if row.id == row_id:
                self._go(self._offset + index)
                return True
        return False

    def set_columns(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._place()
        self.refresh()

    def set_order(self, order: tuple[str, bool] | None) -> None:
        """Show by which column the list is sorted."""
        if order != self.order:
            self.order = order
            self.refresh(Region(0, 0, self.size.width, 1))

    # Marks

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or no longer, and go on to the next one."""
        if self._cursor_id is not None:
            self.marks ^= {self._cursor_id}
            self._refresh_row(self._cursor)
            self._go(self._cursor + 1)

    def set_marks(self, marks: set[Hashable]) -> None:
        if marks != self.marks:
            self.marks = set(marks)
            self.refresh()

    # Moving

    def action_move(self, rows: int) -> None:
        self._go(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self._go(self._cursor + pages * max(1, self.size.height - self._head - 1))

    def action_go(self, place_: int) -> None:
        """0 is the first row, -1 the last."""
        self._go(place_ if place_ >= 0 else self._total - 1)

    def _go(self, place_: int) -> None:
        place_ = max(0, min(place_, self._total - 1))
        row = self._row(place_)
        if place_ != self._cursor or (row is not None and row.id != self._cursor_id):
            before, self._cursor = self._cursor, place_
            self._cursor_id = row.id if row is not None else None
            self._refresh_row(before)
            self._refresh_row(place_)
            self._scroll_to_cursor()
            self.post_message(self.Moved(self, self._cursor_id))
        self._look_for_window()

    def _scroll_to_cursor(self) -> None:
        height = self.size.height - self._head
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif height > 0 and self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look_for_window()

    def _look_for_window(self) -> None:
        """Ask for other rows when what is seen, or where the cursor stands, isn't there."""
        top = self.scroll_offset.y
        bottom = min(top + max(1, self.size.height), self._total) - 1
        for wanted in (top, bottom, self._cursor):
            if 0 <= wanted < self._total and self._row(wanted) is None:
                first = max(0, wanted - max(1, len(self._rows)) // 2)
                if self._asked != first:
                    self._asked = first
                    self.post_message(self.WindowWanted(self, first))
                return

    # Mouse

    def on_click(self, event: events.Click) -> None:
        if self._head and event.y == 0:
            for placed in self._placed:
                if placed.x + EDGE <= event.x < placed.x + EDGE + placed.width:
                    self.post_message(self.HeadClicked(self, placed.column.id))
            return
        place_ = self.scroll_offset.y + event.y - self._head
        if self._row(place_) is None:
            return
        if place_ == self._cursor and event.chain > 1:
            self.post_message(self.Chosen(self, self._cursor_id))
        else:
            self._go(place_)

    # Drawing

    def on_resize(self) -> None:
        self._place()
        self.refresh()
        self._scroll_to_cursor()
        self._look_for_window()

    def watch_show_vertical_scrollbar(self) -> None:
        self._place()
        self.refresh()

    def on_focus(self) -> None:
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        self._refresh_row(self._cursor)

    def _place(self) -> None:
        # What a scroll bar covers is no place for a cell; `size` has it in.
        self._placed = place(self.columns, max(0, self.scrollable_content_region.width - EDGE))

    def _refresh_row(self, place_: int) -> None:
        y = place_ - self.scroll_offset.y + self._head
        if self._head <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _refresh_differences(self, old: dict[int, Row]) -> None:
        top = self.scroll_offset.y
        for y in range(self._head, self.size.height):
            place_ = top + y - self._head
            before, after = old.get(place_), self._row(place_)
            if before == after:
                continue
            if before is None or after is None or before.id != after.id or before.role != after.role:
                self.refresh(Region(0, y, self.size.width, 1))
                continue
            for placed in self._placed:
                if before.cells[placed.index] != after.cells[placed.index]:
                    self.refresh(Region(placed.x + EDGE, y, placed.width, 1))

    def render_line(self, y: int) -> Strip:
        roles = role_styles(self)
        if self._head and y == 0:
            return self._head_strip(roles)
        place_ = self.scroll_offset.y + y - self._head
        row = self._row(place_)
        width = self.size.width
        if row is None:
            return Strip.blank(width, self.rich_style)
        base = self.rich_style
        here = place_ == self._cursor
        if here:
            theme = look.THEMES.get(self.app.theme, look.DARK)
            shape = look.cursor_style(theme)
            base += shape if self.has_focus or not theme.ansi else Style(bold=True)
            roles = look.on(base, roles)
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        first: Line = ((glyphs.mark if row.id in self.marks else " ", "accent"), (" ", ""))
        if here:
            edge = glyphs.mark if row.id in self.marks else glyphs.cursor
            first = ((edge, "accent"), (" ", ""))
        segments = [Segment(text, base + roles[role]) for text, role in first]
        x = EDGE
        for placed in self._placed:
            gap = placed.x + EDGE - x
            if gap:
                segments.append(Segment(" " * gap, base))
            cell = row.cells[placed.index]
            line = cell if isinstance(cell, tuple) else cell.fit(placed.width)
            for text, role in fit(line, placed.width, right=placed.column.right):
                segments.append(Segment(text, base + roles[role or row.role]))
            x = placed.x + EDGE + placed.width
        if x < width:
            segments.append(Segment(" " * (width - x), base))
        return Strip(segments).adjust_cell_length(width, base)

    def _head_strip(self, roles: dict[str, Style]) -> Strip:
        base = self.rich_style + roles["head"]
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        segments = [Segment(" " * EDGE, base)]
        x = EDGE
        for placed in self._placed:
            segments.append(Segment(" " * (placed.x + EDGE - x), base))
            label = placed.column.label
            if self.order is not None and self.order[0] == placed.column.id:
                label += glyphs.down if self.order[1] else glyphs.up
            for text, _ in fit(run(label), placed.width, right=placed.column.right):
                segments.append(Segment(text, base))
            x = placed.x + EDGE + placed.width
        return Strip(segments).adjust_cell_length(self.size.width, base)
