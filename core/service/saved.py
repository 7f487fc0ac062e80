"""What is saved, with what is known around it: for lists that show all of it at once."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core import secrets
from core.errors import NotFound
from core.model import destination as model
from core.model.connection import Connection
from core.model.destination import is_local, place_of
from core.model.mark import Mark, Window
from core.model.past_run import PastRun
from core.model.run import PeriodicRun
from core.model.settings import Export
from core.model.task import Task
from core.model.task_filter import TaskFilter
from core.model.vocabulary import TaskStatus
from core.service.context import Context

if TYPE_CHECKING:
    from core.store.watches import Watched

HISTORY = 200
OPEN = tuple(status for status in TaskStatus if not status.ended)


@dataclass(frozen=True, slots=True)
class SavedExport:
    """An export, its newest run, and its connection (None where somebody has removed that). `due`: when it
    runs by itself next, None where it won't; `watched`: what is known of a source that is asked for new
    data."""

    export: Export
    last: Task | None
    connection: Connection | None
    due: datetime | None = None
    watched: Watched | None = None


@dataclass(frozen=True, slots=True)
class History:
    """An export with its runs, the newest first, at most `HISTORY` of `total`. `past`: those that have ended,
    as they are remembered, also when their tasks are forgotten. `periodic`: what became of the
    newest times at which it was to run by itself; `due` when it does so next, None where it won't; `started`
    counts them since the schedule was last changed. `watched` is what is known of a source that is asked for
    new data, `marks` how far one that takes only new rows has read."""

    export: Export
    runs: tuple[Task, ...]
    total: int
    periodic: tuple[PeriodicRun, ...] = ()
    due: datetime | None = None
    started: int = 0
    watched: Watched | None = None
    marks: tuple[Mark, ...] = ()
    past: tuple[PastRun, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedConnection:
    """A connection, where its password comes from in words, what its last test recorded (when, whether all
    went well, and the steps), and which exports and which tasks that haven't ended use it."""

    connection: Connection
    password: str
    last_test: dict[str, object] | None
    exports: tuple[str, ...]
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SavedDestination:
    """A destination, where its password comes from in words, what its last test recorded (when, whether all
    went well, and the steps), and which exports and which tasks that haven't ended use it."""

    destination: model.Destination
    password: str
    last_test: dict[str, object] | None
    exports: tuple[str, ...]
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that exports go to: a directory, a URL, or a destination with a name (`NAME:`). `usual`: the
    one for exports that name no other."""

    directory: str
    exports: tuple[str, ...]
    usual: bool
    named: SavedDestination | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How much is free where a directory is or will be, in bytes, or why that can't be told. `exists`: the
    directory itself is there."""

    free: int
    total: int
    exists: bool
    problem: str = ""


class Saved:
    def __init__(self, context: Context) -> None:
        self._context = context

    def exports(self) -> tuple[SavedExport, ...]:
        """All, by name."""
        store = self._context.store
        last = store.tasks.last_of_exports()
        connections = {connection.name: connection for connection in store.connections.list()}
        planned = store.schedules.planned()
        watched = store.watches.states()
        return tuple(
            SavedExport(
                export,
                last.get(export.name),
                connections.get(export.settings.connection),
                planned[export.name].due if export.name in planned else None,
                watched.get(export.name) if export.watch is not None else None,
            )
            for export in store.exports.list()
        )

    def history(self, name: str) -> History:
        """Raises NotFound."""
        store = self._context.store
        wanted = TaskFilter(export=name, limit=HISTORY)
        export = store.exports.get(name)
        planned = store.schedules.planned().get(name)
        return History(
            export,
            tuple(store.tasks.list(wanted)),
            store.tasks.count(wanted),
            tuple(store.schedules.runs(name, HISTORY)),
            planned.due if planned is not None else None,
            planned.started if planned is not None else 0,
            store.watches.states().get(name) if export.watch is not None else None,
            tuple(store.marks.of(name)) if export.settings.window is Window.NEW else (),
            tuple(store.past_runs.list(name, HISTORY)),
        )

    def connections(self) -> tuple[SavedConnection, ...]:
        """All, by name."""
        store = self._context.store
        exports, tasks = defaultdict[str, list[str]](list), defaultdict[str, list[int]](list)
        for export in store.exports.list():
            exports[export.settings.connection].append(export.name)
        for task in store.tasks.list(TaskFilter(statuses=OPEN)):
            tasks[task.settings.connection].append(task.id)
        found = []
        for connection in store.connections.list():
            name = connection.name
            try:
                test = store.connections.last_test(name)
            except NotFound:
                continue  # removed between the two looks
            found.append(
                SavedConnection(
                    connection,
                    secrets.describe(connection.secret),
                    test,
                    tuple(exports[name]),
                    tuple(sorted(tasks[name])),
                )
            )
        return tuple(found)

    def destinations(self, usual: str) -> tuple[Destination, ...]:
        """Those with a name, then the directories and URLs that saved exports go to and the `usual` one."""
        store = self._context.store
        used = defaultdict[str, list[str]](list)
        used[usual] = []
        for export in store.exports.list():
            if export.settings.into is None:
                name = place_of(export.directory).name
                used[f"{name}:" if name else export.directory].append(export.name)
        tests = store.destinations.tests()
        named = []
        for found in store.destinations.list():
            place = f"{found.name}:"
            exports, tasks = tuple(used.pop(place, ())), store.destinations.tasks(found.name)
            password = secrets.describe(found.secret)
            around = SavedDestination(found, password, tests.get(found.name), exports, tasks)
            named.append(Destination(place, exports, usual=False, named=around))
        rest = (Destination(place, tuple(names), place == usual) for place, names in sorted(used.items()))
        return (*named, *rest)

    def room(self, directories: Sequence[str]) -> dict[str, Room]:
        """The room at each; a file system that doesn't answer blocks. Raises nothing."""
        return {place: room_of(Path(place)) for place in directories if is_local(place)}


def room_of(directory: Path) -> Room:
    """At the directory, or at the nearest one above it that is there already: it will be made in that."""
    place = directory
    try:
        while not place.exists():
            place = place.parent
        usage = shutil.disk_usage(place)
    except OSError as error:
        return Room(0, 0, exists=False, problem=error.strerror or "can't be looked into")
    exists = place == directory
    if not place.is_dir():
        return Room(usage.free, usage.total, exists=exists, problem="not a directory")
    if not os.access(place, os.W_OK | os.X_OK):
        return Room(usage.free, usage.total, exists=exists, problem="may not be written")
    return Room(usage.free, usage.total, exists=exists)
