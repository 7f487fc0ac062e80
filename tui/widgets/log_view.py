"""The log of a task, read by offset."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.runs import run
from tui.widgets.lines import Lines


class LogView(Vertical):
    """Shows the log of task `task_id`. `alert`: only WARN and ERROR. `open_at_end` after it was mounted."""

    DEFAULT_CSS = "LogView { height: 1fr; }"

    def __init__(self, task_id: int, *, alert: bool = False) -> None:
        super().__init__()
        self.task_id = task_id
        self.alert = alert

    def compose(self) -> ComposeResult:
        yield Lines([run(f" offramp logs {self.task_id}", "dim")])
