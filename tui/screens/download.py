"""Getting a task's files to where a person is."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.model.task import Task
from tui.runs import run
from tui.widgets.lines import Lines


class Download(ModalScreen[None]):
    BINDINGS = [Binding("escape", "leave", show=False)]

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task_shown = task

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield Lines([run(f"offramp download {self._task_shown.id} --to -")])

    def action_leave(self) -> None:
        self.dismiss(None)
