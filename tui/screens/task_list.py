"""The list of tasks without its table: what is read for it, and the lines above it or in its stead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.model.task import TaskObject
from core.model.task_filter import TaskFilter, TaskOrder
from core.service import Service, words
from core.service.overview import TaskWindow
from tui.filters import Filter
from tui.look import STATUS_ROLES, Glyphs
from tui.runs import EMPTY, Line, join, length, run
from tui.widgets.list_bar import Order

ADD_FIRST = "Add a connection to a database, then browse what is in it."
ORDERS = (
    Order(id=TaskOrder.URGENCY, label="Running and queued first", key="u", turns=False),
    Order(id=TaskOrder.NAME, label="Task", key="t"),
    Order(id=TaskOrder.NUMBER, label="Number", key="n", descending=True),
    Order(id=TaskOrder.CONNECTION, label="Connection", key="c"),
    Order(id=TaskOrder.CREATED, label="Created", key="a", descending=True),
    Order(id=TaskOrder.STATUS, label="Status", key="s"),
    Order(id=TaskOrder.PROGRESS, label="Progress", key="p", descending=True),
    Order(id=TaskOrder.DURATION, label="Took", key="d", descending=True),
    Order(id=TaskOrder.OWNER, label="Owner", key="o"),
    Order(id=TaskOrder.OUTPUT, label="Destination", key="z"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A window of the list, whether there is any task at all (and any connection, where there is none), and
    the objects of the selected one."""

    window: TaskWindow
    any_task: bool
    any_connection: bool
    selected: int | None
    objects: tuple[TaskObject, ...]


def read(service: Service, wanted: TaskFilter, selected: int | None) -> Shown:
    """For the reader. `selected`: a task whose objects are wanted too."""
    window = service.overview.tasks(wanted)
    any_task = (
        bool(window.total)
        or bool(sum(window.counts.values()))
        or bool(service.tasks.list(since=None, limit=1))
    )
    objects: tuple[TaskObject, ...] = ()
    if selected is not None and any(task.id == selected for task in window.tasks):
        objects = service.tasks.objects(selected)
    any_connection = any_task or bool(service.connections.list())
    return Shown(window, any_task, any_connection, selected, objects)


def counts(window: TaskWindow, since: timedelta | None, marked: int, glyphs: Glyphs, *, columns: int) -> Line:
    """How many there are in each status as far as there is room, and in all."""
    pieces = [
        run(f"{number} {status.value.lower()}", STATUS_ROLES[status])
        for status, number in window.counts.items()
        if number
    ]
    total = run(f"{span(since)}{glyphs.between}{words.count(window.total, 'task')}", "dim")
    if marked:
        total = join(run(f"{marked} marked", "accent"), total, between=", ")
    both = join(join(*pieces, between=", "), total, between="  ")
    return both if length(both) < columns else total


def span(since: timedelta | None) -> str:
    if since is None:
        return "all"
    hours = since.total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"


def nothing(wanted: Filter, shown: Shown, key: Callable[[str], str]) -> list[Line]:
    """What an empty list says; `key` is the key of an action as people read it."""
    if not shown.any_task:
        return greeting(key, shown.any_connection)
    if wanted.narrows:
        return [
            run("No task matches the filter."),
            EMPTY,
            run("Esc clears it; since:all looks further back.", "dim"),
        ]
    return [
        run(f"No task in the last {span(wanted.since)}."),
        EMPTY,
        run("Filter since:all shows older ones.", "dim"),
    ]


def greeting(key: Callable[[str], str], any_connection: bool) -> list[Line]:
    """What a store without tasks says."""
    first = "Browse what is in a database." if any_connection else ADD_FIRST
    return [
        run("Nothing has been exported yet.", "strong"),
        EMPTY,
        join(run("  3", "key"), run(f"  {first}")),
        join(run(f"  {key('export.new')}", "key"), run("  Make an export, step by step.")),
        join(
            run(f"  {key('demo.make')}", "key"),
            run("  Look around first: make a sample shop with three exports."),
        ),
        EMPTY,
        join(run("  ?", "key"), run("  shows what the keys do, on every screen.")),
    ]
