"""The log of a task, on a screen of its own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual.widget import Widget

from core.model.task import Task
from core.service import Service
from tui.actions import Place
from tui.reading import Query, Seen
from tui.runs import Line, join, run
from tui.screens.base import Page
from tui.screens.task_rows import title
from tui.widgets.log_view import LogView


def read_head(service: Service, number: int) -> Task:
    """For the reader."""
    return service.tasks.get(number)


class LogsScreen(Page):
    """`alert`: opens with warnings and errors only."""

    place: ClassVar[Place] = Place.LOGS

    def __init__(self, number: int, *, alert: bool = False) -> None:
        super().__init__()
        self._number = number
        self._alert = alert
        self._about: Task | None = None

    def body(self) -> Iterable[Widget]:
        yield LogView(self._number, alert=self._alert)

    def on_mount(self) -> None:
        self.log_view.lines.focus()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def parts(self) -> tuple[Widget, ...]:
        return (self.log_view,)

    def wanted(self) -> Query | None:
        return partial(read_head, number=self._number)

    def read(self, seen: Seen) -> None:
        self._about = seen.value if isinstance(seen.value, Task) else None
        if seen.error is not None and not self.message:
            self.say(seen.error.message, "bad")

    def subject(self) -> Any:
        return self._about

    def menu_title(self) -> str:
        return f"Log of task {self._number}"

    def heading(self) -> tuple[Line, Line]:
        glyphs = self.offramp.glyphs
        task = self._about
        name = title(task, glyphs, self.size.width) if task else run(f"Task {self._number}", "strong")
        return join(name, run("log", "dim"), between=glyphs.between), self.offramp.engine_line()

    def do_app_back(self) -> None:
        """Out of a search, then of a mark, then back."""
        if not self.log_view.give_up():
            self.offramp.do_app_back()
