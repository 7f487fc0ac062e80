"""The picture of how data flows on the screen: scrolled, with a cursor that goes from export to export."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import look
from tui.actions import Place, bindings
from tui.runs import EMPTY, fit, join, run
from tui.widgets.flow import FlowLine, FlowSource, draw
from tui.widgets.lines import role_styles

EDGE = 2


class FlowView(ScrollView, can_focus=True):
    """`show` gives it what is to be drawn; the cursor stays on the same export."""

    DEFAULT_CSS = """
    FlowView { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS = bindings(Place.LIST)

    class Moved(Message):
        """The cursor is on another export, or on none."""

    class Chosen(Message):
        """The export under the cursor was clicked twice."""

    def __init__(self, *, ascii_only: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ascii = ascii_only
        self._sources: tuple[FlowSource, ...] = ()
        self._lines: tuple[FlowLine, ...] = ()
        self._cursor: str | None = None

    @property
    def cursor(self) -> str | None:
        """The name of the export under the cursor."""
        return self._cursor

    @property
    def lines(self) -> tuple[FlowLine, ...]:
        return self._lines

    def show(self, sources: Sequence[FlowSource]) -> None:
        if tuple(sources) != self._sources:
            self._sources = tuple(sources)
            self._draw()

    def select(self, name: str | None) -> None:
        if name != self._cursor and any(line.export == name for line in self._lines):
            self._cursor = name
            self._scroll_to_cursor()
            self.refresh()
            self.post_message(self.Moved())

    # Moving

    def action_move(self, rows: int) -> None:
        names = self._names
        if names:
            here = names.index(self._cursor) if self._cursor in names else 0
            self.select(names[max(0, min(here + rows, len(names) - 1))])

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height // 2))

    def action_go(self, place: int) -> None:
        if self._names:
            self.select(self._names[place])

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y
        name = self._lines[index].export if index < len(self._lines) else None
        if name is not None and name == self._cursor and event.chain > 1:
            self.post_message(self.Chosen())
        else:
            self.select(name)

    @property
    def _names(self) -> list[str]:
        return [line.export for line in self._lines if line.export is not None]

    def _scroll_to_cursor(self) -> None:
        at = next((i for i, line in enumerate(self._lines) if line.export == self._cursor), 0)
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self._cursor in self._names[:1]:
            at = 0  # with the heads of the columns
        if at < top or at >= top + height:
            self.scroll_to(y=at if at < top else at - height + 1, animate=False, immediate=True)

    # Drawing

    def on_resize(self) -> None:
        self._draw()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _draw(self) -> None:
        if self.size.width <= EDGE:
            return
        # A column to the right stays free for the scroll bar, so that nothing is drawn anew when it comes.
        room = self.scrollable_size.width - EDGE
        self._lines = tuple(draw(self._sources, room, ascii_only=self._ascii))
        before, names = self._cursor, self._names
        if self._cursor not in names:
            self._cursor = names[0] if names else None
        self.virtual_size = Size(0, len(self._lines))
        self._scroll_to_cursor()
        self.refresh()
        if before != self._cursor:
            self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        index = self.scroll_offset.y + y
        line = self._lines[index] if index < len(self._lines) else FlowLine(EMPTY)
        here = line.export is not None and line.export == self._cursor
        base = self.rich_style
        theme = look.THEMES.get(self.app.theme, look.DARK)
        if here:
            base += look.cursor_style(theme)
        roles = look.on(base, role_styles(self))
        head = run("> ", "accent") if here and self.has_focus else run("  ")
        segments = [
            Segment(text, base + roles[role]) for text, role in fit(join(head, line.line), self.size.width)
        ]
        return Strip(segments, self.size.width)
