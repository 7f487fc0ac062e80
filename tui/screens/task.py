"""One task in full: information, objects, files, logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from core.model.task import FileEntry, Task, TaskObject
from core.model.vocabulary import ObjectStatus
from core.service import Service
from tui import actions
from tui.actions import Action, Place, bindings
from tui.rates import Rates
from tui.reading import Query, Seen
from tui.runs import Line, join, run, wrap
from tui.screens import task_details, task_live
from tui.screens.task_information import information
from tui.screens.task_page import TaskPage
from tui.screens.task_panel import summary
from tui.screens.task_rows import title
from tui.widgets.dialog import Choice, Choose
from tui.widgets.lines import Lines
from tui.widgets.log_view import LogView
from tui.widgets.sheet import Sheet
from tui.widgets.table import Table

TABS = ("information", "objects", "files", "logs")
# Rows of a table at a time; and up to how many objects are read where they aren't shown, to tell how many
# there are in each status where one asks for those of one.
WINDOW = 300
FEW = 500
ABOUT_ROWS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """`objects` and `files` are None where they weren't read; `counted`: the total of rows is exact."""

    task: Task
    counted: bool
    objects: tuple[TaskObject, ...] | None
    files: tuple[FileEntry, ...] | None
    ssh_host: str | None


def read_task(service: Service, number: int, tab: str) -> Shown:
    """What a tab shows, for the reader: a task may have tens of thousands of objects."""
    task = service.tasks.get(number)
    objects = service.tasks.objects(number) if tab == "objects" or task.objects_total <= FEW else None
    files = service.tasks.files(number) if tab == "files" else None
    counted = task.status.holds_slot and service.tasks.counted(number)
    return Shown(task, counted, objects, files, service.preferences.ssh_host)


class TaskScreen(TaskPage):
    """Opens on `tab`, one of `TABS`."""

    place: ClassVar[Place] = Place.TASK
    BINDINGS = bindings(Place.TASK)
    CSS = """
    TaskScreen #tabs { height: 1; margin-bottom: 1; }
    TaskScreen ContentSwitcher { height: 1fr; }
    TaskScreen ContentSwitcher > * { height: 1fr; }
    TaskScreen #information { padding: 0 1; }
    TaskScreen #about { height: auto; max-height: 5; padding: 0 2; }
    TaskScreen #live { height: auto; padding: 0 1; }
    """

    def __init__(self, number: int, *, tab: str = "information") -> None:
        super().__init__()
        self._number = number
        self._tab = tab
        self._shown: Shown | None = None
        self._only: ObjectStatus | None = None
        self._first = dict.fromkeys(("objects", "files"), 0)
        self._rates = Rates()
        self._object_rates = task_details.ObjectRates()
        self._wrong = ""

    def body(self) -> Iterable[Widget]:
        yield Lines(id="tabs")
        with ContentSwitcher(initial=self._tab):
            yield Sheet(id="information")
            yield Table(task_details.OBJECT_COLUMNS, id="objects")
            yield Table(task_details.FILE_COLUMNS, id="files")
            with Vertical(id="logs"):
                yield LogView(self._number)
        yield Lines(id="about")
        yield Lines(id="live")

    def on_mount(self) -> None:
        self._show_tab()

    def wanted(self) -> Query | None:
        return partial(read_task, number=self._number, tab=self._tab)

    def subject(self) -> Any:
        return self._shown.task if self._shown is not None else None

    def menu_title(self) -> str:
        task = self.subject()
        return f"{task.name} {task.id}" if task is not None else f"Task {self._number}"

    def heading(self) -> tuple[Line, Line]:
        task = self.subject()
        if task is None:
            return run(f"Task {self._number}", "strong"), self.offramp.engine_line()
        glyphs = self.offramp.glyphs
        where = task.settings.connection + (f" / {task.settings.database}" if task.settings.database else "")
        left = join(title(task, glyphs, self.size.width), run(where, "dim"), between=glyphs.between)
        return left, self.offramp.engine_line()

    # The log's own actions are there while it is shown; they go before others of the same keys.

    def parts(self) -> tuple[Widget, ...]:
        return (self.query_one(LogView),) if self._tab == "logs" else ()

    def actions(self) -> tuple[Action, ...]:
        if self._tab != "logs":
            return super().actions()
        of_log = actions.of(Place.LOGS)
        taken = {key for action in of_log for key in action.keys}
        others = [a for a in super().actions() if not taken & set(a.keys)]
        return (*of_log, *others)

    def refusal(self, action: Action) -> str:
        if action.id == "task.logs" and self._tab == "logs":
            return "The log is what is shown."
        return super().refusal(action)

    def do_app_back(self) -> None:
        """Out of a search in the log, then out of the filter, then back."""
        if self._tab == "logs" and self.query_one(LogView).give_up():
            return
        if self._tab == "objects" and self._only is not None:
            self._filter("all")
        else:
            self.offramp.do_app_back()

    # Reading

    def read(self, seen: Seen) -> None:
        self._wrong = str(seen.error) if seen.error is not None else ""
        if isinstance(seen.value, Shown):
            self._shown = seen.value
            now = self.offramp.now()
            self._rates.take((seen.value.task,), now)
            self._object_rates.take(seen.value.objects or (), now)
        elif seen.error is not None:
            self._shown = None
        self._show()

    def _show(self) -> None:
        shown = self._shown
        self._show_information()
        glyphs = self.offramp.glyphs
        objects = self._objects()
        self._show_rows(
            "objects",
            objects,
            lambda item: task_details.object_row(item, self._object_rates.of(item.number), glyphs),
        )
        self._show_rows("files", self._files(), task_details.file_row)
        self._show_about()
        live: list[Line] = []
        if shown is not None:
            task, now = shown.task, self.offramp.now()
            live = task_live.live(
                task,
                self._rates.of(task.id),
                now,
                glyphs,
                self.size.width - 2,
                exact=shown.counted,
                silent=self._rates.silent(task.id, now),
            )
        self.query_one("#live", Lines).show(live)
        self._show_tabs()
        self.refresh_title()

    def _objects(self) -> Sequence[TaskObject]:
        found = self._shown.objects or () if self._shown is not None else ()
        return [item for item in found if summary(item) is self._only] if self._only else found

    def _files(self) -> Sequence[FileEntry]:
        return self._shown.files or () if self._shown is not None else ()

    def _show_rows(self, name: str, things: Sequence[Any], row: Any) -> None:
        first = min(self._first[name], max(0, len(things) - 1))
        window = [row(thing) for thing in things[first : first + WINDOW]]
        self.query_one(f"#{name}", Table).show(window, offset=first, total=len(things))

    def _show_information(self) -> None:
        columns = max(20, self.size.width - 5)
        sheet = self.query_one("#information", Sheet)
        if self._wrong and self._shown is None:
            sheet.show([run(line, "bad") for line in wrap(self._wrong, columns)])
        elif self._shown is not None:
            sheet.show(information(self._shown.task, self._shown.ssh_host, self.offramp.now(), columns))

    def _show_about(self) -> None:
        """What the row under the cursor has no room for; or why there is none."""
        about = self.query_one("#about", Lines)
        columns = max(20, self.size.width - 4)
        lines: list[Line] = []
        shown = self._shown
        if shown is None and self._wrong and self._tab != "information":
            lines = [run(line, "bad") for line in wrap(self._wrong, columns)]
        elif self._tab == "objects" and shown is not None and shown.objects is not None:
            chosen = self.query_one("#objects", Table).cursor_id
            item = next((item for item in self._objects() if item.number == chosen), None)
            if item is not None:
                lines = task_details.about_object(item, self.offramp.now(), columns)
            elif not shown.objects:
                lines = [run("No objects are known yet: they are found when the task begins.", "dim")]
            else:
                lines = [run("No object is in that status. Esc shows all of them.", "dim")]
        elif self._tab == "files" and shown is not None and shown.files is not None:
            chosen = self.query_one("#files", Table).cursor_id
            entry = next((entry for entry in shown.files if entry.path == chosen), None)
            if entry is not None:
                lines = task_details.about_file(entry, columns)
            elif shown.task.status.ended:
                lines = [run("This task has made no files.", "dim")]
            else:
                lines = [run("No file is finished yet.", "dim")]
        about.show(lines[:ABOUT_ROWS])

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._show_about()

    def on_table_window_wanted(self, event: Table.WindowWanted) -> None:
        self._first[event.table.id or ""] = event.first
        self._show()

    # Tabs

    def _show_tabs(self) -> None:
        shown = self._shown
        numbers: dict[str, str] = {}
        if shown is not None:
            total = shown.task.objects_total or len(shown.objects or ())
            kept = f"{len(self._objects()):,} {self._only} of " if self._only else ""
            numbers["objects"] = f"{kept}{total:,}"
            if shown.files is not None:
                numbers["files"] = f"{len(shown.files):,}"
        pieces = [
            join(
                run(tab.capitalize(), "accent" if tab == self._tab else "dim"),
                run(f" {numbers[tab]}" if tab in numbers else "", "dim"),
            )
            for tab in TABS
        ]
        self.query_one("#tabs", Lines).show([join(run(" "), join(*pieces, between="   "))])

    def _show_tab(self) -> None:
        self.query_one(ContentSwitcher).current = self._tab
        if self._tab == "logs":
            self.query_one(LogView).lines.focus()
        else:
            self.query_one(f"#{self._tab}").focus()
        self._show_tabs()
        self._show_about()
        self.ask_again()
        self.refresh_actions()

    def _go(self, tab: str) -> None:
        self._tab = tab
        self._show_tab()

    def do_task_next_tab(self) -> None:
        self._go(TABS[(TABS.index(self._tab) + 1) % len(TABS)])

    def do_task_previous_tab(self) -> None:
        self._go(TABS[(TABS.index(self._tab) - 1) % len(TABS)])

    def do_task_logs(self) -> None:
        self._go("logs")

    # Objects of one status

    def do_object_filter(self) -> None:
        objects = self._shown.objects if self._shown is not None else None
        found = task_details.counts(objects) if objects is not None else None
        choices = [Choice("all", "All", "a", f"{len(objects):,}" if objects is not None else "")]
        choices += [
            Choice(s.value, s.value.capitalize(), s.value[0], f"{found[s]:,}" if found is not None else "")
            for s in ObjectStatus
        ]
        chosen = self._only.value if self._only else "all"
        self.app.push_screen(Choose("Objects", choices, default=chosen), self._filter)

    def _filter(self, chosen: str | None) -> None:
        if chosen is None:
            return
        self._only = None if chosen == "all" else ObjectStatus(chosen)
        self._first["objects"] = 0
        self._go("objects")
        self._show()
