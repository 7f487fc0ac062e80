"""Tasks in the store, as people and faces deal with them: add, look, abort, retry, remove."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from core.errors import Conflict, NotFound
from core.model.load import Rate
from core.model.task import FileEntry, Task, TaskObject
from core.model.task_filter import TaskFilter
from core.model.vocabulary import ObjectStatus, TaskStatus
from core.store import tables
from core.store import task_queries as queries
from core.store.database import Database
from core.store.rows import task_from, to_json
from core.store.task_queries import NewTask

_t = tables.task
_objects = tables.task_object


class Tasks:
    """One run each of frozen settings. Numbers grow and are never used again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewTask) -> Task:
        """Queue a task, or schedule it where `not_before` lies in the future."""
        with self._database.write() as db:
            # In the transaction, so that of tasks added at the same time the later number isn't the older.
            now = datetime.now(UTC)
            return _get(db, queries.add_task(db, new, now), now)

    def get(self, number: int) -> Task:
        """Raises NotFound."""
        with self._database.read() as db:
            return _get(db, number, datetime.now(UTC))

    def count(self, wanted: TaskFilter) -> int:
        """How many there are of them, whatever its `limit`."""
        with self._database.read() as db:
            return int(db.execute(queries.counting(wanted)).scalar_one())

    def counts(self, wanted: TaskFilter | None = None) -> dict[TaskStatus, int]:
        """How many tasks are in each status, of those that `wanted` lets through but for its own choice of
        statuses; statuses without one are there with 0."""
        with self._database.read() as db:
            statement = queries.tally(wanted or TaskFilter())
            found = {row[0]: int(row[1]) for row in db.execute(statement)}
        return {status: found.get(str(status), 0) for status in TaskStatus}

    def objects(self, number: int) -> list[TaskObject]:
        """A task's objects by their numbers, empty before the plan."""
        with self._database.read() as db:
            return queries.objects_of(db, number)

    def counted(self, number: int) -> bool:
        """Whether the rows of all of a task's objects were counted, none estimated; False before the plan."""
        with_data = (_objects.c.task_id == number, _objects.c.data_status.is_not(None))
        guessed = sa.or_(_objects.c.total_rows.is_(None), sa.not_(_objects.c.total_exact))
        with self._database.read() as db:
            if db.execute(sa.select(_objects.c.number).where(*with_data, guessed).limit(1)).first():
                return False
            return db.execute(sa.select(_objects.c.number).where(*with_data).limit(1)).first() is not None

    def files(self, number: int) -> list[FileEntry]:
        """A task's finished files, by object, then path."""
        with self._database.read() as db:
            return queries.files_of(db, number)

    def list(self, wanted: TaskFilter | None = None) -> list[Task]:
        """The tasks that `wanted` lets through (all without it), in its order."""
        statement = queries.listing(wanted or TaskFilter(), datetime.now(UTC))
        with self._database.read() as db:
            rows = db.execute(statement).mappings().all()
        return [task_from(row) for row in rows]

    def last_of_exports(self) -> dict[str, Task]:
        """The newest task of each saved export that has one, by the export's name."""
        newest = sa.select(sa.func.max(_t.c.id)).where(_t.c.export.is_not(None)).group_by(_t.c.export)
        with self._database.read() as db:
            numbers = tuple(db.execute(newest).scalars())
        return (
            {task.export: task for task in self.list(TaskFilter(ids=numbers)) if task.export}
            if numbers
            else {}
        )

    def request_abort(self, number: int, *, force: bool = False) -> Task:
        """Ask for a task to end. What only waits is Aborted at once; what runs is Aborting until its
        worker is gone, which with `force` isn't waited for. Asking again changes nothing but `force`.
        Raises NotFound; Conflict for a task that is publishing or has ended."""
        now = datetime.now(UTC)
        with self._database.write() as db:
            task = _get(db, number, now)
            if task.status.ended:
                raise Conflict(f"Task {number} has ended already: {task.status}.")
            if task.status is TaskStatus.PUBLISHING:
                raise Conflict(
                    f"Task {number} is publishing: it is about to finish and is no longer aborted.",
                    "Wait for it to end.",
                )
            if task.status in (TaskStatus.SCHEDULED, TaskStatus.QUEUED):
                queries.end(db, number, TaskStatus.ABORTED, None, now)
            else:
                db.execute(
                    sa.update(_t)
                    .where(_t.c.id == number)
                    .values(
                        status=str(TaskStatus.ABORTING),
                        abort_requested=sa.func.coalesce(
                            _t.c.abort_requested, sa.literal(now, tables.Instant)
                        ),
                        abort_force=sa.or_(_t.c.abort_force, sa.literal(force)),
                    )
                )
            return _get(db, number, now)

    def set_rate(self, number: int, rate: Rate | None) -> Task:
        """How fast a task may read from now on, None for no limit; what runs heeds it within seconds. Raises
        NotFound; Conflict for a task that has read everything."""
        now = datetime.now(UTC)
        with self._database.write() as db:
            task = _get(db, number, now)
            if task.status.ended or task.status in (TaskStatus.PUBLISHING, TaskStatus.ABORTING):
                raise Conflict(f"Task {number} reads nothing more: it is {task.status}.")
            db.execute(sa.update(_t).where(_t.c.id == number).values(rate=to_json(rate)))
            return _get(db, number, now)

    def retry(self, number: int) -> Task:
        """Queue a Failed or Aborted task again, with all its automatic retries; objects that are done stay
        done. One that pauses before an automatic retry needn't pause any longer. Raises NotFound; Conflict in
        any other status."""
        now = datetime.now(UTC)
        with self._database.write() as db:
            task = _get(db, number, now)
            pauses = task.status is TaskStatus.QUEUED and task.not_before is not None
            if task.status not in (TaskStatus.FAILED, TaskStatus.ABORTED) and not pauses:
                raise Conflict(
                    f"Task {number} is {task.status}: only what failed or was aborted can be tried again."
                )
            db.execute(
                sa.update(_t)
                .where(_t.c.id == number)
                .values(
                    status=str(TaskStatus.QUEUED),
                    reason="",
                    error=None,
                    retries=0,
                    not_before=None,
                    queued=now,
                    queue_number=queries.next_queue_number(),
                    started=None,
                    ended=None,
                    abort_requested=None,
                    abort_force=False,
                    stage="",
                    stage_since=None,
                    objects_failed=0,
                )
            )
            for column in (_objects.c.schema_status, _objects.c.data_status):
                db.execute(
                    sa.update(_objects)
                    .where(
                        _objects.c.task_id == number,
                        column.is_not(None),
                        column != str(ObjectStatus.SUCCESS),
                    )
                    .values({column.name: str(ObjectStatus.WAITING), "error": None, "ended": None})
                )
            return _get(db, number, now)

    def remove(self, number: int) -> None:
        """Forget an ended task; its logs and files are the caller's. Raises NotFound; Conflict before its
        end, or while its worker is still about to go."""
        with self._database.write() as db:
            task = _get(db, number, datetime.now(UTC))
            if not task.status.ended:
                raise Conflict(f"Task {number} is {task.status}.", f"Abort it first: offramp abort {number}.")
            if db.execute(sa.select(_t.c.slot).where(_t.c.id == number)).scalar() is not None:
                raise Conflict(
                    f"Task {number} has ended, but its worker isn't gone yet.", "Try again in a moment."
                )
            db.execute(sa.delete(_t).where(_t.c.id == number))


def _get(db: sa.Connection, number: int, now: datetime) -> Task:
    row = db.execute(queries.one(), {"number": number, "now": now}).mappings().first()
    if row is None:
        raise NotFound(f"There is no task {number}.", "See: offramp ls.")
    return task_from(row)
