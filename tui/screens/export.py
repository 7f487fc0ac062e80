"""One saved export: its definition, and the history of its runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from textual.widget import Widget

from core.model.past_run import PastRun
from core.model.run import PeriodicRun
from core.model.settings import Export
from core.model.task import Task
from core.service import Service, words
from core.service.saved import History
from tui.actions import Place, bindings
from tui.look import Glyphs
from tui.reading import Query, Seen
from tui.runs import EMPTY, Line, join, run, wrap
from tui.screens import export_rows, past_rows, schedule_rows
from tui.screens.export_page import ExportPage
from tui.widgets.dialog import confirm
from tui.widgets.lines import Lines
from tui.widgets.table import Row, Table

STRIP_ROWS = 4


@dataclass(frozen=True, slots=True)
class Opened:
    """The export, and its run under the cursor, None where no task was made of that."""

    export: Export
    run: Task | None


def read_history(service: Service, name: str) -> History:
    """For the reader."""
    return service.saved.history(name)


class ExportScreen(ExportPage):
    place: ClassVar[Place] = Place.EXPORT
    BINDINGS = bindings(Place.EXPORT)
    CSS = f"""
    ExportScreen #definition {{ height: auto; max-height: 9; padding: 0 1; margin-bottom: 1; }}
    ExportScreen #empty {{ height: 1fr; padding: 0 1; display: none; }}
    ExportScreen #run {{ height: {STRIP_ROWS}; padding: 0 1; margin-top: 1; }}
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._export_name = name
        self._history: History | None = None
        self._not_run: dict[str, PeriodicRun] = {}
        self._forgotten: dict[str, PastRun] = {}

    def body(self) -> Iterable[Widget]:
        yield Lines(id="definition")
        yield Table(export_rows.RUN_COLUMNS)
        yield Lines(id="empty")
        yield Lines(id="run")

    def on_mount(self) -> None:
        self.query_one(Table).focus()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def wanted(self) -> Query | None:
        return partial(read_history, name=self._export_name)

    def subject(self) -> Any:
        if self._history is None:
            return None
        here = self.table.cursor_id
        return Opened(self._history.export, next((t for t in self._history.runs if t.id == here), None))

    def menu_title(self) -> str:
        return f"Export {self._export_name}"

    def heading(self) -> tuple[Line, Line]:
        left = run(f"Export {self._export_name}", "strong")
        if self._history is not None:
            settings = self._history.export.settings
            where = settings.connection + (f" / {settings.database}" if settings.database else "")
            runs = words.count(self._history.total + len(past_rows.forgotten(self._history)), "run")
            left = join(left, run(where, "dim"), run(runs, "dim"), between=self.offramp.glyphs.between)
        return left, self.offramp.engine_line()

    def read(self, seen: Seen) -> None:
        if seen.error is not None:
            self._gone(str(seen.error))
            return
        if not isinstance(seen.value, History):
            return
        self._history = seen.value
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        rows = self._rows(self._history, now, glyphs)
        self.table.show(rows)
        empty = self.query_one("#empty", Lines)
        empty.display = not rows
        self.table.display = bool(rows)
        if rows:
            self.table.focus()
        else:
            key = self.offramp.key_name("export.run")
            empty.show([run("It has never been run."), EMPTY, join(run(key, "key"), run("  runs it now."))])
        self._show_definition()
        self._show_run()
        self.refresh_title()

    def _rows(self, history: History, now: datetime, glyphs: Glyphs) -> list[Row]:
        """Tasks and the times that no task was made of, the newest first."""
        self._not_run = schedule_rows.not_run(history)
        rows = [(export_rows.began(task), export_rows.run_row(task, now, glyphs)) for task in history.runs]
        rows += [(gone.due, schedule_rows.run_row(name, gone)) for name, gone in self._not_run.items()]
        self._forgotten = past_rows.forgotten(history)
        for name, past in self._forgotten.items():
            rows.append((past.started or past.created, past_rows.run_row(name, past, glyphs)))
        return [row for _, row in sorted(rows, key=lambda pair: pair[0], reverse=True)]

    def _gone(self, text: str) -> None:
        """Somebody has deleted it while it was looked at."""
        self._history = None
        self.table.show([])
        self.query_one("#empty").display = False
        self.query_one("#definition", Lines).show([run(t, "bad") for t in wrap(text, self._columns)])
        self._show_run()

    @property
    def _columns(self) -> int:
        return max(30, self.size.width - 3)

    def _show_definition(self) -> None:
        if self._history is not None:
            lines = export_rows.definition(self._history, self.offramp.now(), self._columns)
            self.query_one("#definition", Lines).show(lines)

    def _show_run(self) -> None:
        opened = self.subject()
        task = opened.run if opened is not None else None
        gone = self._not_run.get(str(self.table.cursor_id)) if opened is not None else None
        past = self._forgotten.get(str(self.table.cursor_id)) if opened is not None else None
        if gone is not None:
            lines = schedule_rows.run_lines(gone, self._columns, STRIP_ROWS)
        elif past is not None:
            lines = past_rows.run_lines(past, self._columns, STRIP_ROWS)
        else:
            lines = export_rows.run_lines(task, self.offramp.now(), self._columns, STRIP_ROWS)
            lines += past_rows.mark_lines(self._past_of(task), self._columns)
        self.query_one("#run", Lines).show(lines[:STRIP_ROWS])

    def _past_of(self, task: Task | None) -> PastRun | None:
        past = self._history.past if self._history is not None and task is not None else ()
        return next((run for run in past if task is not None and run.task == task.id), None)

    def on_resize(self) -> None:
        self.call_after_refresh(self.tick)

    def on_table_moved(self) -> None:
        self._show_run()
        self.refresh_actions()

    def on_table_chosen(self) -> None:
        self.action_act("run.view")

    def forgotten(self) -> None:
        if self.app.screen is self:
            self.app.pop_screen()
            self.offramp.page_say(f"Export {self._export_name} is forgotten.")

    def do_run_view(self) -> None:
        self._open("information")

    def do_run_rewind(self) -> None:
        """Have the next run read again what this one has read, once that is confirmed."""
        number, name = self.subject().run.id, self._export_name

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.offramp.call(
                    lambda: self.offramp.service.marks.rewind(name, number),
                    lambda _: self.offramp.page_say(f"The next run begins where task {number} began."),
                )

        question = confirm(
            f"Read again what task {number} has read?",
            yes="Read again",
            text="Its marks go back to where they stood before: the next run reads what it read, and all "
            "that came later. Files that are there stay.",
        )
        self.app.push_screen(question, answered)

    def do_run_logs(self) -> None:
        self._open("logs")

    def _open(self, tab: str) -> None:
        from tui.screens.task import TaskScreen  # noqa: PLC0415 - only when it is opened

        self.app.push_screen(TaskScreen(self.subject().run.id, tab=tab))
