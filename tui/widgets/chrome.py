"""The two lines that every screen has: the title above, the keys that work now below."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from tui.actions import Action, key_name
from tui.runs import EMPTY, Line, ends, join, length, run
from tui.widgets.lines import Lines

NOT_IN_FOOTER = 99
LAST = 90


class TitleLine(Lines, can_focus=False):
    """Where one is to the left, how things stand to the right."""

    DEFAULT_CSS = """
    TitleLine { dock: top; height: 1; background: $panel; }
    TitleLine:ansi { text-style: reverse; }
    """

    def on_mount(self) -> None:
        self._left: Line = EMPTY
        self._right: Line = EMPTY

    def put(self, left: Line, right: Line) -> None:
        self._left, self._right = left, right
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.show([ends(join(run(" "), self._left), join(self._right, run(" ")), self.size.width)])


class Footer(Lines, can_focus=False):
    """The keys that work now, by rank, as many as fit; or for a while a message instead."""

    DEFAULT_CSS = """
    Footer { dock: bottom; height: 1; }
    """

    def on_mount(self) -> None:
        self._items: tuple[tuple[Line, Action], ...] = ()
        self._places: tuple[tuple[int, int, str], ...] = ()
        self._message: Line = EMPTY

    def put(self, actions: Sequence[tuple[Action, str]]) -> None:
        """Actions with the key that each has now."""
        shown = sorted(
            (pair for pair in actions if pair[0].rank < NOT_IN_FOOTER), key=lambda pair: pair[0].rank
        )
        self._items = tuple(
            (join(run(key_name(key), "key"), run(f" {action.label}", "dim")), action) for action, key in shown
        )
        self._draw()

    def say(self, message: Line) -> None:
        """Show a message; empty shows the keys again."""
        self._message = message
        self._draw()

    @property
    def message(self) -> Line:
        return self._message

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        for start, stop, name in self._places:
            if start <= event.x < stop:
                self.screen.action_act(name)  # type: ignore[attr-defined]

    def _draw(self) -> None:
        if self._message:
            self._places = ()
            self.show([join(run(" "), self._message)])
            return
        line: Line = run(" ")
        places = []
        for item, action in self._fitting():
            start = length(line)
            line = join(line, item, run("  "))
            places.append((start, length(line), action.id))
        self._places = tuple(places)
        self.show([line])

    def _fitting(self) -> list[tuple[Line, Action]]:
        # The ways to all the rest stay, whatever else must go.
        last = [item for item in self._items if item[1].rank >= LAST]
        room = self.size.width - 1 - sum(length(line) + 2 for line, _ in last)
        chosen = []
        for item in self._items:
            needed = length(item[0]) + 2
            if item[1].rank >= LAST or needed > room:
                break
            chosen.append(item)
            room -= needed
        return chosen + last
