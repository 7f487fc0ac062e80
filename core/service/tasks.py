"""Tasks: queue, look at, wait for, abort, try again, forget."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import NotWritable, TargetExists, UsageError
from core.log_pages import LogPages
from core.model.choice import refs_of
from core.model.destination import is_local
from core.model.file_settings import IfExists, check_remote
from core.model.load import Rate
from core.model.mark import Window
from core.model.settings import ExportSettings
from core.model.task import FileEntry, Task, TaskObject
from core.model.task_filter import TaskFilter
from core.model.vocabulary import ObjectPattern, TaskStatus
from core.owner import owner
from core.service.context import Context
from core.tasklog import LogLine, TaskLog, remove_task_logs

if TYPE_CHECKING:
    from core.store.store import Store

RECENT = timedelta(hours=48)
LOOK_SECONDS = 0.25
SHORTEST_LOOK_SECONDS = 0.02
READ_SECONDS = 1.0
ENGINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TaskDetails:
    task: Task
    objects: tuple[TaskObject, ...]
    files: tuple[FileEntry, ...]


class Known:
    """A task as it is now, read again only where the store has changed, and after `READ_SECONDS`: its place
    in the queue depends on the time, too. For whoever looks many times a second while a worker needs the
    processor."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._number = number
        self._task: Task | None = None
        self._changes = 0
        self._read = 0.0

    def get(self) -> Task:
        """Raises NotFound."""
        # Before the task: what changes meanwhile is then read once more.
        changes, now = self._store.changes(), time.monotonic()
        if self._task is None or changes != self._changes or now - self._read >= READ_SECONDS:
            self._task = self._store.tasks.get(self._number)
            self._changes, self._read = changes, now
        return self._task


class Tasks:
    def __init__(self, context: Context) -> None:
        self._context = context

    def dump(
        self,
        settings: ExportSettings,
        output: Path | str,
        *,
        name: str | None = None,
        at: datetime | None = None,
    ) -> Task:
        """Queue one task, with nothing saved, or schedule it (`at` aware, in the future). Its files go to
        `output`, a stored place (absolute; absent or empty, unless the settings say what else may be there),
        which is of no matter where the settings lead into a database. See `serve` for what runs it. Raises
        NotFound for connection and destination, TargetExists, UsageError."""
        from core.store.task_queries import NewTask  # noqa: PLC0415 - comes with the store

        if settings.window is Window.NEW:
            raise UsageError(
                "Only a saved export remembers what it has read: a dump takes all rows.",
                "Save it: offramp export create --window new.",
            )
        connection = self._context.store.connections.get(settings.connection)
        title = name or default_name(settings)
        settings = self._context.placed(settings, str(output))
        into = settings.into
        if into is not None:
            self._context.store.connections.get(into.connection)
            place = into.place
        else:
            place = self._context.resolved(str(output))
            if is_local(place):
                look_at_target(Path(place), settings, title)
            else:
                check_remote(settings.files)
        return self._context.store.tasks.add(
            NewTask(
                name=title,
                settings=settings,
                output=place,
                mode=connection.mode,
                owner=owner(),
                not_before=at,
                notify=self._context.preferences.notify,
            )
        )

    def serve(self) -> None:
        """See to it that an engine serves the store, so that what was queued gets run: one is started in
        the background if need be. Raises OfframpError where that can't be; tasks stay queued."""
        self._context.ensure_engine()

    def look_after(self) -> bool:
        """Start an engine where something waits or runs and none serves any more: it was killed, or the
        machine was restarted. Whether there was need to. Raises OfframpError where it can't be started."""
        from core.engine.lease import is_served  # noqa: PLC0415 - comes with the store

        store = self._context.store
        if not store.claims.busy(None) or is_served(store, self._context.numbers):
            return False
        self.serve()
        return True

    def list(
        self,
        *,
        since: timedelta | None = RECENT,
        statuses: Sequence[TaskStatus] = (),
        connection: str | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        """The newest first: those made within `since` or not ended yet (None: all), further narrowed."""
        return self._context.store.tasks.list(
            TaskFilter(
                since=datetime.now(UTC) - since if since is not None else None,
                statuses=tuple(statuses),
                connection=connection,
                text=text,
                limit=limit,
            )
        )

    def get(self, number: int) -> Task:
        """Raises NotFound."""
        return self._context.store.tasks.get(number)

    def show(self, number: int) -> TaskDetails:
        """Raises NotFound."""
        tasks = self._context.store.tasks
        return TaskDetails(tasks.get(number), tuple(tasks.objects(number)), tuple(tasks.files(number)))

    def objects(self, number: int) -> tuple[TaskObject, ...]:
        """A task's objects by their numbers; none before the plan."""
        return tuple(self._context.store.tasks.objects(number))

    def counted(self, number: int) -> bool:
        """Whether a task's total of rows is an exact count, and no estimate."""
        return self._context.store.tasks.counted(number)

    def files(self, number: int) -> tuple[FileEntry, ...]:
        """A task's finished files."""
        return tuple(self._context.store.tasks.files(number))

    def log(self, number: int, *, alert: bool = False, follow: bool = False) -> Iterator[LogLine]:
        """The lines of a task's log, only WARN and ERROR with `alert`; with `follow` also those still to
        come, until the task has ended. Raises NotFound."""
        known = Known(self._context.store, number)
        known.get()
        log = TaskLog(self._context.locations.task_log(number))
        if follow:
            return log.follow(lambda: known.get().status.ended, alert=alert)
        return log.lines(alert=alert)

    def log_pages(self, number: int) -> LogPages:
        """The task's log by offset, for whoever shows pages of it; empty where there is none. Reads nothing
        yet."""
        return LogPages(self._context.locations.task_log(number))

    def has_log(self, number: int) -> bool:
        """Whether a task has logged anything yet, and it is still kept."""
        return self._context.locations.task_log(number).exists()

    def abort(self, number: int, *, force: bool = False) -> Task:
        """Ask for a task's end; `force` doesn't let its worker finish up. Raises NotFound, Conflict, and
        OutputError where a waiting task's unfinished files can't be removed."""
        task = self._context.store.tasks.request_abort(number, force=force)
        if task.status.ended:
            # It waited for another attempt: what the last one has left is of no use any more.
            self._context.discard_partial(task)
        else:
            # Whoever serves carries it out; if nobody does, the worker may live and must still be told.
            self.serve()
        return task

    def limit(self, number: int, rate: Rate | None) -> Task:
        """How fast a task may read from now on, None for as fast as it can; what runs heeds it within
        seconds. Raises NotFound, Conflict."""
        return self._context.store.tasks.set_rate(number, rate)

    def retry(self, number: int) -> Task:
        """Queue a Failed or Aborted task again, or end its pause before an automatic retry: only what is
        missing is read. Raises NotFound, Conflict."""
        task = self._context.store.tasks.retry(number)
        self.serve()
        return task

    def remove(self, number: int) -> None:
        """Forget an ended task with its logs, its own password and what it left unfinished; exported files
        stay. Raises NotFound, Conflict, OutputError."""
        task = self.get(number)
        self._context.store.tasks.remove(number)
        locations = self._context.locations
        try:
            remove_task_logs(locations, number)
            locations.task_lock(number).unlink(missing_ok=True)
        except OSError as error:
            raise NotWritable(f"Logs of task {number} can't be removed: {error.strerror}.") from None
        if task.settings.sys_account is not None:
            self._context.forget_unused(task.settings.sys_account.secret)
        self._context.discard_partial(task)

    def watch(
        self, number: int, *, timeout: float | None = None, every: float = LOOK_SECONDS
    ) -> Iterator[Task]:
        """A task as it is now, then again every `every` seconds, changed or not and more often at first,
        until it has ended or `timeout` seconds have passed: the last one yielded tells which. Sees to it that
        an engine serves meanwhile. Raises NotFound."""
        known = Known(self._context.store, number)
        began = time.monotonic()
        deadline = None if timeout is None else began + timeout
        looked_for_engine = -ENGINE_SECONDS
        while True:
            task = known.get()
            yield task
            now = time.monotonic()
            if task.status.ended or (deadline is not None and now >= deadline):
                return
            if now - looked_for_engine >= ENGINE_SECONDS:
                self.serve()
                looked_for_engine = now
            # A twentieth of what it has taken so far: a short task isn't made longer by looking too seldom.
            pause = min(every, max(SHORTEST_LOOK_SECONDS, (now - began) / 20))
            time.sleep(pause if deadline is None else min(pause, max(0.0, deadline - now)))


def look_at_target(output: Path, settings: ExportSettings, name: str) -> None:
    """Whether a dump called `name` can have this directory, by what its settings say of one that is used.
    Raises TargetExists, NotWritable."""
    if settings.files.if_exists is IfExists.FAIL:
        refuse_used(output)
        return
    from core.pipeline.earlier import Run  # noqa: PLC0415 - few dumps need it
    from core.pipeline.place import inspect_target  # noqa: PLC0415

    run = Run(None, name, settings.connection, datetime.now(UTC))
    inspect_target(output, settings.files.if_exists, run)


def refuse_used(output: Path) -> None:
    """A task's directory must be absent or empty, and no symlink: what is there is never touched. Raises
    TargetExists, NotWritable."""
    hint = "Name a directory that is empty or isn't there yet."
    if output.is_symlink():
        raise TargetExists(f"{str(output)!r} is a symbolic link.", "Name the directory itself.")
    try:
        with os.scandir(output) as entries:
            if next(entries, None) is not None:
                raise TargetExists(f"Directory {str(output)!r} is not empty.", hint)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise TargetExists(f"{str(output)!r} is there, and is no directory.", hint) from None
    except OSError as error:
        raise NotWritable(f"{str(output)!r} can't be looked into: {error.strerror}.") from None


def default_name(settings: ExportSettings) -> str:
    """`shop: orders and 2 more`, `shop: everything`."""
    if settings.all_objects:
        return f"{settings.connection}: everything"
    names = [*settings.objects, *map(str, refs_of(settings.queries))]
    return name_for(settings.connection, names[0], len(names) - 1)


def name_for(connection: str, pattern: str, more: int) -> str:
    """The name of a task for the objects of a pattern and of `more` others. Raises InvalidValue."""
    first = ObjectPattern.parse(pattern).name
    return f"{connection}: {first}" + (f" and {more} more" if more else "")
