"""The engine's side of tasks: due, claimed, adopted, lost, freed. Conditional on the lease's epoch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa

from core.errors import ErrorInfo
from core.model.mark import Window
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.lease import busy, require
from core.store.outcome import conclude
from core.store.retry import Backoff
from core.store.rows import must, task_from
from core.store.schedules import AT_WORK
from core.store.task_queries import AS_OF_NOW, connection_limit

_t = tables.task

# Not IS NULL, for which SQLite would go to the index of slots and find nearly every task there.
NO_SLOT = sa.func.coalesce(_t.c.slot, 0) == 0

OWNED = tuple(str(status) for status in TaskStatus if status.holds_slot)


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that the engine has taken to be run, and the token of this attempt."""

    task: int
    token: str
    slot: int
    settings: ExportSettings


@dataclass(frozen=True, slots=True)
class Slot:
    """A task in a slot. `token` is None once its attempt is over and only the worker's death is awaited;
    `pid` and `group` are None until a worker has taken hold; `force` an abort that isn't waited for."""

    task: int
    slot: int
    status: TaskStatus
    token: str | None
    pid: int | None
    group: int | None
    force: bool


class Claims:
    """Each write raises LostClaim where another engine has taken over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue_due(self, epoch: int, now: datetime) -> int:
        """Queue the scheduled tasks whose time has come, in the order of their times. How many."""
        statement = (
            sa.select(_t.c.id)
            .where(_t.c.status == str(TaskStatus.SCHEDULED), _t.c.not_before <= now)
            .order_by(_t.c.not_before, _t.c.id)
        )
        with self._database.read() as db:
            if db.execute(statement.limit(1)).first() is None:
                return 0
        with self._database.write() as db:
            require(db, epoch)
            due = db.execute(statement).scalars().all()
            top = db.execute(sa.select(sa.func.coalesce(sa.func.max(_t.c.queue_number), 0))).scalar_one()
            for place, number in enumerate(due, start=top + 1):
                db.execute(
                    sa.update(_t)
                    .where(_t.c.id == number)
                    .values(status=str(TaskStatus.QUEUED), queue_number=place, queued=now, not_before=None)
                )
        return len(due)

    def shorten_pauses(self, epoch: int, now: datetime, longest: timedelta) -> None:
        """Where the clock was set back, a pause would seem to last that much longer: bound what is left."""
        bound = now + longest
        paused = (_t.c.status == str(TaskStatus.QUEUED), _t.c.not_before > bound)
        with self._database.read() as db:
            if db.execute(sa.select(_t.c.id).where(*paused).limit(1)).first() is None:
                return
        with self._database.write() as db:
            require(db, epoch)
            db.execute(sa.update(_t).where(*paused).values(not_before=bound))

    def claim_next(self, epoch: int, now: datetime) -> Claim | None:
        """Take the queue's first task that isn't pausing, into a free slot. None where there is no such
        task or no such slot."""
        as_of = {"now": now}
        with self._database.read() as db:
            if db.execute(next_ready(), as_of).first() is None or _free_slot(db) is None:
                return None
        with self._database.write() as db:
            require(db, epoch)
            row = db.execute(next_ready(), as_of).first()
            slot = _free_slot(db)
            if row is None or slot is None:
                return None
            token = os.urandom(16).hex()
            db.execute(
                sa.update(_t)
                .where(_t.c.id == row.id)
                .values(
                    status=str(TaskStatus.RUNNING),
                    reason="",
                    slot=slot,
                    token=token,
                    not_before=None,
                    started=sa.func.coalesce(_t.c.started, sa.literal(now, tables.Instant)),
                    worker_pid=None,
                    worker_group=None,
                    worker_started=None,
                    abort_requested=None,
                    abort_force=False,
                    stage="",
                    stage_since=None,
                )
            )
        return Claim(row.id, token, slot, must(row.settings, ExportSettings))

    def running(self) -> list[Slot]:
        """Every task in a slot."""
        with self._database.read() as db:
            rows = db.execute(occupied()).all()
        return [
            Slot(r.id, r.slot, TaskStatus(r.status), r.token, r.worker_pid, r.worker_group, r.abort_force)
            for r in rows
        ]

    def busy(self, until: datetime | None) -> bool:
        """Whether there is anything to do: queued, at work, in a slot, or scheduled (before `until`, where
        that is given; where it isn't, exports that will run by themselves count too)."""
        with self._database.read() as db:
            return busy(db, until=until)

    def numbers(self) -> set[int]:
        """The numbers of all tasks."""
        with self._database.read() as db:
            return set(db.execute(sa.select(_t.c.id)).scalars())

    def requeue_unstarted(self, epoch: int, held: Slot) -> bool:
        """A claimed task whose worker never took hold goes back to its place in the queue, as if it had
        never been claimed. False where it moved on meanwhile."""
        with self._database.write() as db:
            require(db, epoch)
            done = db.execute(
                sa.update(_t)
                .where(*_same(held), _t.c.status == str(TaskStatus.RUNNING), _t.c.worker_pid.is_(None))
                .values(
                    status=str(TaskStatus.QUEUED),
                    slot=None,
                    token=None,
                    started=sa.case((_t.c.attempts == 0, None), else_=_t.c.started),
                )
            )
        return bool(done.rowcount)

    def lost(
        self, epoch: int, held: Slot, error: ErrorInfo, *, backoff: Backoff, now: datetime
    ) -> TaskStatus | None:
        """The worker is gone without a word: end the attempt with `error`, and free the slot. Returns the
        task's new status, None where the attempt had ended by itself meanwhile."""
        with self._database.write() as db:
            require(db, epoch)
            columns = (_t.c.status, _t.c.retries, _t.c.settings, _t.c.published)
            row = db.execute(sa.select(*columns).where(*_same(held), _t.c.status.in_(OWNED))).first()
            if row is None:
                return None
            outcome = conclude(
                db,
                held.task,
                error,
                status=TaskStatus(row.status),
                retries=row.retries,
                limit=must(row.settings, ExportSettings).retry_limit,
                published=row.published,
                backoff=backoff,
                now=now,
            )
            _free(db, held)
        return outcome

    def free(self, epoch: int, held: Slot) -> bool:
        """Free the slot of an attempt that is over, once its worker is known to be gone."""
        with self._database.write() as db:
            require(db, epoch)
            return _free(db, held, _t.c.status.not_in(OWNED))

    def forget_ended(self, epoch: int, before: datetime, limit: int = 200) -> list[Task]:
        """Remove up to `limit` tasks that ended before `before`; returns them as they were."""
        old = sa.select(_t, sa.null().label("position")).where(_t.c.ended < before, NO_SLOT).limit(limit)
        with self._database.read() as db:
            if db.execute(old.limit(1)).first() is None:
                return []
        with self._database.write() as db:
            require(db, epoch)
            tasks = [task_from(row) for row in db.execute(old).mappings()]
            db.execute(sa.delete(_t).where(_t.c.id.in_([task.id for task in tasks])))
        return tasks

    def ended_before(self, before: datetime) -> list[int]:
        """The numbers of tasks that ended before `before`."""
        with self._database.read() as db:
            return list(db.execute(sa.select(_t.c.id).where(_t.c.ended < before)).scalars())


@cache
def next_ready() -> sa.Select[tuple[int, str]]:
    """The queue's first task that isn't pausing at `now` (a parameter), whose last worker is gone, and that
    isn't to wait for another's end (also that of one whose marks it goes on from) or for its connection,
    which may have a limit of its own. Made once: an engine asks it each second, and to word it takes ten
    times as long as to answer it."""
    before = _t.alias("before")
    waits = (
        sa.select(before.c.id)
        .join(tables.run, tables.run.c.behind == before.c.id)
        .where(tables.run.c.task_id == _t.c.id, before.c.status.in_(AT_WORK))
        .correlate(_t)
        .exists()
    )
    return (
        sa.select(_t.c.id, _t.c.settings)
        .where(
            _t.c.status == str(TaskStatus.QUEUED),
            NO_SLOT,
            sa.or_(_t.c.not_before.is_(None), _t.c.not_before <= AS_OF_NOW),
            sa.not_(waits),
            sa.not_(_goes_on_from()),
            connection_limit().is_(None),
        )
        .order_by(_t.c.queue_number)
        .limit(1)
    )


def _goes_on_from() -> sa.ColumnElement[bool]:
    """Whether a task takes only what is new, and another one of its export is reading that already: it goes
    on from where that one ends."""
    other = _t.alias("other")
    same = sa.select(other.c.id).where(other.c.export == _t.c.export, other.c.id != _t.c.id).correlate(_t)
    begun = (other.c.status == str(TaskStatus.QUEUED), other.c.attempts > 0, other.c.id < _t.c.id)
    return sa.and_(
        sa.func.json_extract(_t.c.settings, "$.window") == str(Window.NEW),
        sa.or_(same.where(other.c.status.in_(OWNED)).exists(), same.where(*begun).exists()),
    )


@cache
def occupied() -> sa.Select[tuple[int, int, str, str, int, int, bool]]:
    """The tasks in slots."""
    columns = (
        *(_t.c.id, _t.c.slot, _t.c.status, _t.c.token),
        *(_t.c.worker_pid, _t.c.worker_group, _t.c.abort_force),
    )
    # BETWEEN rather than IS NOT NULL: only the former is answered from the index.
    return sa.select(*columns).where(_t.c.slot.between(1, tables.SLOTS)).order_by(_t.c.slot)


def _free_slot(db: sa.Connection) -> int | None:
    taken = {row.slot for row in db.execute(occupied())}
    return next((slot for slot in range(1, tables.SLOTS + 1) if slot not in taken), None)


def _same(held: Slot) -> tuple[sa.ColumnElement[bool], ...]:
    """The same attempt as was seen."""
    token = _t.c.token.is_(None) if held.token is None else _t.c.token == held.token
    return (_t.c.id == held.task, _t.c.slot == held.slot, token)


def _free(db: sa.Connection, held: Slot, *conditions: sa.ColumnElement[bool]) -> bool:
    done = db.execute(
        sa.update(_t)
        .where(_t.c.id == held.task, _t.c.slot == held.slot, *conditions)
        .values(slot=None, worker_pid=None, worker_group=None, worker_started=None)
    )
    return bool(done.rowcount)
