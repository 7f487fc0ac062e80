"""The tasks: the home screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from core.model.task import Task, TaskObject
from core.model.task_filter import TaskOrder
from core.service.overview import TaskWindow
from tui import filters
from tui.actions import Action, Place, bindings
from tui.rates import Rates
from tui.reading import Query, Seen
from tui.runs import EMPTY
from tui.screens import task_list, task_panel, task_rows
from tui.screens.task_page import TaskPage
from tui.widgets.lines import Lines
from tui.widgets.list_bar import ListBar
from tui.widgets.table import Table

WINDOW = 300
WIDE = 120
ASK_EVERY = timedelta(minutes=1)


class TasksScreen(TaskPage):
    """The list with its filter above and the selected task below, or beside it from 120 columns on."""

    place: ClassVar[Place] = Place.TASKS
    BINDINGS = bindings(Place.TASKS)
    CSS = """
    TasksScreen #list { width: 1fr; }
    TasksScreen #side { display: none; width: 42; padding: 0 1; height: 1fr; }
    TasksScreen.-wide #side { display: block; }
    TasksScreen #strip { height: 2; margin-top: 1; }
    TasksScreen.-wide #strip { display: none; }
    TasksScreen #empty { height: 1fr; padding: 1 3; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._filter = filters.Filter()
        self._rates = Rates()
        self._rows = task_rows.Rows()
        self._wanted_at: datetime | None = None
        self._tasks: dict[int, Task] = {}
        self._objects: tuple[TaskObject, ...] = ()
        self._objects_of: int | None = None
        self._offset = 0
        self._going: int | None = None

    def body(self) -> Iterable[Widget]:
        yield ListBar(task_list.ORDERS, filters.parse, self._keys_to_list)
        with Horizontal():
            with Vertical(id="list"):
                yield Lines(id="empty")
                yield Table(task_rows.COLUMNS)
            yield Lines(id="side")
        yield Lines(id="strip")

    def on_mount(self) -> None:
        self.bar.keep(self.offramp.state.tasks)
        self._filter = filters.parse(self.bar.view.filter)
        self.table.set_order(self.bar.order)
        self.query_one(Table).focus()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def _keys_to_list(self) -> None:
        self.table.focus()

    @property
    def bar(self) -> ListBar:
        return self.query_one(ListBar)

    def parts(self) -> tuple[Widget, ...]:
        return (self.bar,)

    @property
    def side_is_read(self) -> bool:
        """Whether the objects that are shown beside the list are those of the task under the cursor."""
        return self._objects_of == self.table.cursor_id

    # Reading

    def tick(self) -> None:
        """Now and then also which tasks are recent, and who is next once pauses have ended, is asked anew."""
        if self._wanted_at is not None and self.offramp.now() - self._wanted_at >= ASK_EVERY:
            self.ask_again()
        super().tick()

    def wanted(self) -> Query | None:
        self._wanted_at = self.offramp.now()
        wanted = replace(
            self._filter.at(self._wanted_at),
            order=TaskOrder(self.bar.view.order),
            descending=self.bar.view.descending,
            limit=WINDOW,
            offset=self._offset,
        )
        selected = self.table.cursor_id if self.has_class("-wide") else None
        return partial(
            task_list.read, wanted=wanted, selected=selected if isinstance(selected, int) else None
        )

    def read(self, seen: Seen) -> None:
        shown = seen.value
        if not isinstance(shown, task_list.Shown):
            return
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        window = shown.window
        self._tasks = {task.id: task for task in window.tasks}
        self._objects_of, self._objects = shown.selected, shown.objects
        self._rates.take(window.tasks, now)
        self.table.marks &= set(self._tasks) if window.total <= len(window.tasks) else self.table.marks
        self.table.show(
            self._rows.of(window.tasks, now, glyphs),
            offset=window.offset,
            total=window.total,
        )
        if self._going is not None and self.table.select(self._going):
            self._going = None
        self._show_empty(shown)
        self._show_counts(window)
        self._show_selected()

    def subject(self) -> Any:
        return self._tasks.get(self.table.cursor_id) if isinstance(self.table.cursor_id, int) else None

    def done(self, tasks: Sequence[Task]) -> None:
        self.table.set_marks(self.table.marks - {task.id for task in tasks})

    def subjects(self) -> list[Task]:
        """The marked tasks, else the one under the cursor."""
        marked = [
            self._tasks[i]
            for i in sorted(m for m in self.table.marks if isinstance(m, int))
            if i in self._tasks
        ]
        here = self.subject()
        return marked or ([here] if here is not None else [])

    def refusal(self, action: Action) -> str:
        """With marks, an action on several is offered where it applies to one of them."""
        if action.several and self.table.marks and not (action.writes and self.offramp.read_only):
            reasons = [action.applies(task) for task in self.subjects()]
            return "" if "" in reasons else next(iter(reasons), "")
        return super().refusal(action)

    def menu_title(self) -> str:
        marked = len(self.table.marks)
        task = self.subject()
        return f"{marked} marked tasks" if marked else f"{task.name} {task.id}" if task else "Tasks"

    # Showing

    def _show_counts(self, window: TaskWindow) -> None:
        since, marked, glyphs = self._filter.since, len(self.table.marks), self.offramp.glyphs
        self.bar.put(lambda columns: task_list.counts(window, since, marked, glyphs, columns=columns))

    def _show_empty(self, shown: task_list.Shown) -> None:
        empty = self.query_one("#empty", Lines)
        nothing = not shown.window.total
        if empty.display != nothing:
            empty.display = nothing
            self.table.display = not nothing
            if not nothing and not self.bar.typing:
                self.table.focus()
        if nothing:
            empty.show(task_list.nothing(self._filter, shown, self.offramp.key_name))

    def _show_selected(self) -> None:
        task = self.subject()
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        if self.has_class("-wide"):
            side = self.query_one("#side", Lines)
            size = side.size
            lines = (
                task_panel.panel(
                    task,
                    self._objects if self.side_is_read else (),
                    self._rates.of(task.id),
                    now,
                    glyphs,
                    size=size,
                )
                if task is not None
                else []
            )
            side.show(lines)
        else:
            strip = self.query_one("#strip", Lines)
            width = strip.size.width
            strip.show(
                task_panel.strip(task, self._rates.of(task.id), now, glyphs, width)
                if task is not None
                else [EMPTY, EMPTY]
            )

    def on_resize(self) -> None:
        wide = self.size.width >= WIDE
        if wide != self.has_class("-wide"):
            self.set_class(wide, "-wide")
            self.ask_again()
        self.call_after_refresh(self.tick)

    # Moving

    def go_to(self, task_id: int) -> None:
        """Put the cursor on a task as soon as it is read, unless it is moved before."""
        self._going = task_id
        self._offset = 0
        self.ask_again()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._going = None
        if self.has_class("-wide"):
            self.ask_again()
        self._show_selected()
        self.refresh_actions()

    def on_table_window_wanted(self, event: Table.WindowWanted) -> None:
        self._offset = max(0, event.first - WINDOW // 2 + self.table.size.height)
        self.ask_again()

    def on_table_chosen(self) -> None:
        self.action_act("task.view")

    def on_table_head_clicked(self, event: Table.HeadClicked) -> None:
        self.bar.sort(event.column_id)

    # Filter and order

    def do_app_back(self) -> None:
        """Out of the filter, then the filter itself, then the marks."""
        if not self.bar.back() and self.table.marks:
            self.table.set_marks(set())
            self.tick()

    def on_list_bar_changed(self) -> None:
        """Another filter or order: kept, and read from the beginning."""
        self.offramp.remember(tasks=self.bar.view)
        self._filter = filters.parse(self.bar.view.filter)
        self._offset = 0
        self.table.set_order(self.bar.order)
        self.ask_again()

    # Marks

    def do_list_mark(self) -> None:
        self.table.toggle_mark()
        self.tick()

    def do_list_mark_all(self) -> None:
        self.table.set_marks(set() if self.table.marks else set(self._tasks))
        self.tick()
        self.refresh_actions()
