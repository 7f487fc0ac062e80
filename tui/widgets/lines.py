"""Lines of runs on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.look import DARK, THEMES, on, styles
from tui.runs import EMPTY, Line, fit


def role_styles(widget: Widget) -> dict[str, Style]:
    """How roles look in the theme that is in use."""
    return styles(THEMES.get(widget.app.theme, DARK))


def strip_of(line: Line, columns: int, roles: dict[str, Style], base: Style) -> Strip:
    """A line as Textual draws it, exactly `columns` wide, on the background of `base`."""
    roles = on(base, roles)
    segments = [Segment(text, base + roles[role]) for text, role in fit(line, columns)]
    return Strip(segments, columns)


class Lines(ScrollView, can_focus=False):
    """Shows lines, from the top, scrolled where there are more than fit. `show` draws only what differs.
    What is too long is cut: whoever makes the lines knows the width (`self.size.width`) and wraps.

    Keys don't go there: Tab, or a click, would take them from the list that they are for: see `Sheet`."""

    DEFAULT_CSS = """
    Lines { height: auto; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    def __init__(
        self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = tuple(lines)
        self.virtual_size = Size(0, len(self._lines))

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        old, self._lines = self._lines, tuple(lines)
        if len(old) != len(self._lines):
            self.virtual_size = Size(0, len(self._lines))
            self.refresh(layout=True)
            return
        top = self.scroll_offset.y
        for index, (before, after) in enumerate(zip(old, self._lines, strict=True)):
            if before != after and 0 <= index - top < self.size.height:
                self.refresh(Region(0, index - top, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        index = self.scroll_offset.y + y
        line = self._lines[index] if index < len(self._lines) else EMPTY
        return strip_of(line, self.size.width, role_styles(self), self.rich_style)
