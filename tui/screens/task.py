"""One task in full: information, objects, files, logs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from core.service import Service
from core.service.tasks import TaskDetails
from tui.actions import Action, Place, bindings
from tui.look import status_line
from tui.rates import Rates
from tui.reading import Query, Seen
from tui.runs import EMPTY, Line, join, run, wrap
from tui.screens import task_details, task_panel
from tui.screens.task_page import TaskPage
from tui.widgets.lines import Lines
from tui.widgets.log_view import LogView
from tui.widgets.table import Table

TABS = ("information", "objects", "files", "logs")


@dataclass(frozen=True, slots=True)
class Shown:
    details: TaskDetails
    ssh_host: str | None


def read_task(service: Service, number: int) -> Shown:
    """For the reader."""
    return Shown(service.tasks.show(number), service.preferences.ssh_host)


class TaskScreen(TaskPage):
    """Opens on `tab`, one of `TABS`."""

    place: ClassVar[Place] = Place.TASK
    BINDINGS = bindings(Place.TASK)
    CSS = """
    TaskScreen #tabs { height: 1; margin-bottom: 1; }
    TaskScreen ContentSwitcher { height: 1fr; }
    TaskScreen ContentSwitcher > * { height: 1fr; }
    TaskScreen #information { padding: 0 1; }
    TaskScreen #live { height: 1; }
    """

    def __init__(self, number: int, *, tab: str = "information") -> None:
        super().__init__()
        self._number = number
        self._tab = tab
        self._shown: Shown | None = None
        self._rates = Rates()
        self._object_rates = task_details.ObjectRates()

    def body(self) -> Iterable[Widget]:
        yield Lines(id="tabs")
        with ContentSwitcher(initial=self._tab):
            yield Lines(id="information")
            yield Table(task_details.OBJECT_COLUMNS, id="objects")
            yield Table(task_details.FILE_COLUMNS, id="files")
            with Vertical(id="logs"):
                yield LogView(self._number)
        yield Lines(id="live")

    def on_mount(self) -> None:
        self._show_tab()

    def wanted(self) -> Query | None:
        return partial(read_task, number=self._number)

    def subject(self) -> Any:
        return self._shown.details.task if self._shown is not None else None

    def menu_title(self) -> str:
        task = self.subject()
        return f"{task.name} {task.id}" if task is not None else f"Task {self._number}"

    def refusal(self, action: Action) -> str:
        if action.id == "task.logs" and self._tab == "logs":
            return "The log is what is shown."
        return super().refusal(action)

    def heading(self) -> tuple[Line, Line]:
        task = self.subject()
        if task is None:
            return run(f"Task {self._number}", "strong"), self.offramp.engine_line()
        glyphs = self.offramp.glyphs
        where = task.settings.connection + (f" / {task.settings.database}" if task.settings.database else "")
        name = run(f"{task.name} {task.id}", "strong")
        left = join(name, status_line(task.status, glyphs), run(where, "dim"), between=glyphs.between)
        return left, self.offramp.engine_line()

    # Reading

    def read(self, seen: Seen) -> None:
        if seen.error is not None:
            self._gone(str(seen.error))
            return
        if not isinstance(seen.value, Shown):
            return
        self._shown = seen.value
        details = self._shown.details
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        self._rates.take((details.task,), now)
        self._object_rates.take(details.objects, now)
        self.query_one("#objects", Table).show(
            [
                task_details.object_row(item, self._object_rates.of(item.number), glyphs)
                for item in details.objects
            ]
        )
        self.query_one("#files", Table).show([task_details.file_row(entry) for entry in details.files])
        self._show_information()
        live = task_panel.pace(
            details.task, self._rates.of(details.task.id), now, glyphs, self.size.width - 2
        )
        self.query_one("#live", Lines).show([join(run(" "), live)])
        self._show_tabs()
        self.refresh_title()

    def _gone(self, text: str) -> None:
        self._shown = None
        self.query_one("#information", Lines).show(
            [run(line, "bad") for line in wrap(text, self.size.width - 4)]
        )
        self.query_one("#objects", Table).show([])
        self.query_one("#files", Table).show([])
        self.query_one("#live", Lines).show([EMPTY])

    def _show_information(self) -> None:
        if self._shown is not None:
            lines = task_details.information(
                self._shown.details.task,
                self._shown.ssh_host,
                self.offramp.now(),
                max(20, self.size.width - 4),
            )
            self.query_one("#information", Lines).show(lines)

    def on_resize(self) -> None:
        self._show_information()

    # Tabs

    def _show_tabs(self) -> None:
        details = self._shown.details if self._shown is not None else None
        numbers = (
            {"objects": len(details.objects), "files": len(details.files)} if details is not None else {}
        )
        pieces = [
            join(
                run(tab.capitalize(), "accent" if tab == self._tab else "dim"),
                run(f" {numbers[tab]:,}" if tab in numbers else "", "dim"),
            )
            for tab in TABS
        ]
        self.query_one("#tabs", Lines).show([join(run(" "), join(*pieces, between="   "))])

    def _show_tab(self) -> None:
        self.query_one(ContentSwitcher).current = self._tab
        self._show_tabs()
        shown = self.query_one(f"#{self._tab}")
        if shown.focusable:
            shown.focus()
        else:
            for child in shown.query("*"):
                if child.focusable:
                    child.focus()
                    break
        self.refresh_actions()

    def do_task_next_tab(self) -> None:
        self._tab = TABS[(TABS.index(self._tab) + 1) % len(TABS)]
        self._show_tab()

    def do_task_previous_tab(self) -> None:
        self._tab = TABS[(TABS.index(self._tab) - 1) % len(TABS)]
        self._show_tab()

    def do_task_logs(self) -> None:
        self._tab = "logs"
        self._show_tab()
