"""The rows of a log view: lines with a cursor among them, each as many rows high as it takes."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from core.log_pages import Place as LogPlace
from tui import look
from tui.actions import Place, bindings
from tui.log_rows import rows
from tui.log_window import View
from tui.runs import EMPTY, Line, fit, run
from tui.widgets.lines import role_styles

EDGE = 2
WHEEL = 3


class LogLines(Widget, can_focus=True):
    """Shows a `View`, and asks for another one by `Wanted`. `broken`: long lines take several rows."""

    DEFAULT_CSS = """
    LogLines { height: 1fr; }
    """
    BINDINGS = bindings(Place.LIST)

    class Wanted(Message):
        """The cursor is to move `by` lines, or, where `to` isn't None, to the first (0) or last (-1)."""

        def __init__(self, by: int = 0, to: int | None = None) -> None:
            super().__init__()
            self.by = by
            self.to = to

    def __init__(self, *, broken: bool) -> None:
        super().__init__()
        self.broken = broken
        self._view = View()
        self._mark: LogPlace | None = None
        self._found = ""
        self._nothing: Line = EMPTY
        self._top: LogPlace | None = None
        self._skip = 0
        self._shown: list[tuple[Line, str]] = []

    def show(self, view: View, *, mark: LogPlace | None, found: str, nothing: Line) -> None:
        """`nothing` is said where there is no line."""
        if view.line is None or self._view.line is None or view.line.start != self._view.line.start:
            self._skip = 0
        self._view, self._mark, self._found, self._nothing = view, mark, found, nothing
        self._draw()

    def set_broken(self, broken: bool) -> None:
        self.broken = broken
        self._skip = 0
        self._draw()

    # Moving

    def action_move(self, lines: int) -> None:
        # A line that is higher than the screen is gone through row by row.
        room = self._height(self._view.cursor) - self.size.height if self._view.lines else 0
        if room > 0 and 0 <= self._skip + lines <= room:
            self._skip += lines
            self._draw()
        else:
            self.post_message(self.Wanted(by=lines))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 1))

    def action_go(self, place: int) -> None:
        self.post_message(self.Wanted(to=place))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-WHEEL)

    def on_click(self, event: events.Click) -> None:
        index = self._index_at(event.y)
        if index is not None and index != self._view.cursor:
            self.post_message(self.Wanted(by=index - self._view.cursor))

    def _index_at(self, y: int) -> int | None:
        if not self._view.lines:
            return None
        index, used = self._first(), -self._skip
        while index < len(self._view.lines):
            used += self._height(index)
            if y < used:
                return index
            index += 1
        return None

    # Drawing

    def on_resize(self) -> None:
        self._shown = []
        self._draw()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _rows(self, index: int) -> list[Line]:
        return rows(
            self._view.lines[index], max(20, self.size.width - EDGE), broken=self.broken, found=self._found
        )

    def _height(self, index: int) -> int:
        return len(self._rows(index))

    def _first(self) -> int:
        """The index of the line at the top: where it was, as far as the cursor can be seen then."""
        lines, cursor, room = self._view.lines, self._view.cursor, self.size.height
        top = next((i for i, placed in enumerate(lines) if placed.start == self._top), None)
        # As far up as the cursor's line still fits below.
        highest, used = cursor, self._height(cursor)
        while highest > 0 and used + self._height(highest - 1) <= room:
            highest -= 1
            used += self._height(highest)
        top = highest if top is None else max(highest, min(top, cursor))
        # No empty rows below as long as there are lines above.
        below = 0
        for index in range(top, len(lines)):
            below += self._height(index)
            if below >= room:
                return top
        while top > highest and below + self._height(top - 1) <= room:
            top -= 1
            below += self._height(top)
        return top

    def _draw(self) -> None:
        """Lay the rows out, and draw those again that differ."""
        height = self.size.height
        made: list[tuple[Line, str]] = []
        if self._view.lines and height:
            first = self._first()
            self._top = self._view.lines[first].start
            here = self._view.lines[self._view.cursor].start
            low, high = sorted((self._mark or here, here))
            index = first
            while len(made) < height + self._skip and index < len(self._view.lines):
                start = self._view.lines[index].start
                state = "cursor" if start == here else "marked" if low <= start <= high else ""
                made += [(line, state) for line in self._rows(index)]
                index += 1
            made = made[self._skip : self._skip + height]
        elif height:
            self._top = None
            made = [(run(" "), ""), (self._nothing, "")]
        old, self._shown = self._shown, made
        for y in range(max(len(old), len(made))):
            if old[y : y + 1] != made[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        if y >= len(self._shown):
            return Strip.blank(width, base)
        line, state = self._shown[y]
        roles = role_styles(self)
        theme = look.THEMES.get(self.app.theme, look.DARK)
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        edge = " "
        if state == "cursor":
            shape = look.cursor_style(theme)
            base += shape if self.has_focus or not theme.ansi else Style(bold=True)
            roles = look.on(base, roles)
            edge = glyphs.cursor
        elif state == "marked":
            edge = glyphs.mark
        segments = [Segment(f"{edge} ", base + roles["accent"])]
        segments += [Segment(text, base + roles[role]) for text, role in fit(line, width - EDGE)]
        return Strip(segments).adjust_cell_length(width, base)
