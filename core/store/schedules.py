"""Exports that run by themselves: when each is due, and what became of each time it was.

A due time fires once, whoever dies: what became of it, its task and the next due time are written in one
transaction, and only while the due time is still the one that was read. That it has a row of its own is
what a clock that was set back comes up against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from core.due import next_due
from core.errors import NotFound
from core.model.connection import Connection
from core.model.run import Outcome, PeriodicRun
from core.model.schedule import Overlap, Schedule
from core.model.settings import Export
from core.model.vocabulary import TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.lease import require
from core.store.rows import must
from core.store.task_queries import NewTask, add_task

_t = tables.schedule
_runs = tables.run
_task = tables.task

AT_WORK = tuple(str(s) for s in TaskStatus if not s.ended and s is not TaskStatus.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Due:
    """An export whose time has come, as it was read: `due` is the first time that nothing is noted of."""

    export: Export
    due: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to become of an export that is due: `missed` are times that are only noted, `words` say why;
    `run` the one that is to be run, None for none; `after` the next due time, None where none will come."""

    missed: Sequence[datetime]
    words: str
    run: datetime | None
    after: datetime | None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """`due` None: paused, or at its end; `started` counts its runs."""

    due: datetime | None
    started: int


class Schedules:
    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime, most: int) -> list[Due]:
        """Up to `most` exports whose time has come, the longest due first."""
        exports = tables.export
        statement = (
            sa.select(_t.c.due, exports.c.body)
            .join(exports, exports.c.name == _t.c.export)
            .where(_t.c.due <= now)
            .order_by(_t.c.due)
            .limit(most)
        )
        with self._database.read() as db:
            rows = db.execute(statement).all()
        return [Due(must(row.body, Export), row.due) for row in rows]

    def take(self, epoch: int, seen: Due, turn: Turn, *, now: datetime, owner: str) -> PeriodicRun | None:
        """Note what became of a due export, with the task that runs it. What became of the one that was to
        be run; None where there was none, or somebody has changed the schedule or done this meanwhile. Raises
        LostClaim."""
        export, schedule = seen.export, seen.export.schedule
        if schedule is None:
            return None
        with self._database.write() as db:
            require(db, epoch)
            same = (_t.c.export == export.name, _t.c.due == seen.due)
            row = db.execute(sa.select(_t.c.started).where(*same)).first()
            body = db.execute(sa.select(tables.export.c.body).where(tables.export.c.name == export.name))
            if row is None or must(body.scalar_one(), Export) != export:
                return None
            for missed in turn.missed:
                _note(
                    db, PeriodicRun(export=export.name, due=missed, outcome=Outcome.MISSED, words=turn.words)
                )
            run = turn.run
            made = _run(db, export, schedule, run, turn.notify, now=now, owner=owner) if run else None
            started = row.started + (made is not None and made.outcome is Outcome.STARTED)
            ended = schedule.runs is not None and started >= schedule.runs
            values = {"due": None if ended else turn.after, "started": started}
            db.execute(sa.update(_t).where(_t.c.export == export.name).values(**values))
        return made

    def forget(self, epoch: int, before: datetime) -> int:
        """Forget what became of due times before `before`, but for those whose tasks are still known."""
        old = (_runs.c.due < before, _runs.c.task_id.is_(None))
        with self._database.read() as db:
            if db.execute(sa.select(_runs.c.due).where(*old).limit(1)).first() is None:
                return 0
        with self._database.write() as db:
            require(db, epoch)
            return db.execute(sa.delete(_runs).where(*old)).rowcount

    def planned(self) -> dict[str, Planned]:
        """Every schedule, by its export's name."""
        with self._database.read() as db:
            rows = db.execute(sa.select(_t.c.export, _t.c.due, _t.c.started)).all()
        return {row.export: Planned(row.due, row.started) for row in rows}

    def active(self) -> int:
        """How many of them will come to be due, or wait for new data."""
        with self._database.read() as db:
            return sum(
                int(db.execute(sa.select(sa.func.count()).where(due.is_not(None))).scalar_one())
                for due in (_t.c.due, tables.watch.c.due)
            )

    def runs(self, export: str, most: int) -> list[PeriodicRun]:
        """The newest of an export."""
        statement = sa.select(_runs).where(_runs.c.export == export).order_by(_runs.c.due.desc()).limit(most)
        with self._database.read() as db:
            rows = db.execute(statement).all()
        return [
            PeriodicRun(export=r.export, due=r.due, outcome=Outcome(r.outcome), task=r.task_id, words=r.words)
            for r in rows
        ]


def plan(db: sa.Connection, export: Export, before: Schedule | None, now: datetime) -> None:
    """Have the store know when an export is due next, whose schedule was `before`; in the transaction that
    writes its definition.

    The same schedule goes on. One that is resumed goes on from `now` with its count of runs; one that is
    changed begins anew.
    """
    schedule = export.schedule
    here = _t.c.export == export.name
    if schedule is None:
        db.execute(sa.delete(_t).where(here))
        return
    started = db.execute(sa.select(_t.c.started).where(here)).scalar()
    if started is not None and before == schedule:
        return
    if started is None or before is None or before.running != schedule.running:
        started = 0
    values = {"due": next_due(schedule, now, started), "started": started}
    made = insert(_t).values(export=export.name, **values)
    db.execute(made.on_conflict_do_update(index_elements=[_t.c.export], set_=values))


def _run(
    db: sa.Connection,
    export: Export,
    schedule: Schedule,
    due: datetime,
    notify: tuple[str, ...],
    *,
    now: datetime,
    owner: str,
) -> PeriodicRun | None:
    """The run that is due, unless something stands in its way; None where this time was run already."""
    known = sa.select(_runs.c.due).where(_runs.c.export == export.name, _runs.c.due == due)
    if db.execute(known).first() is not None:
        return None

    def skipped(words: str) -> PeriodicRun:
        return _note(db, PeriodicRun(export=export.name, due=due, outcome=Outcome.SKIPPED, words=words))

    inner = sa.select(_task.c.id).where(_task.c.export == export.name, _task.c.status.in_(AT_WORK))
    open_ = sorted(db.execute(inner).scalars())
    if open_ and (schedule.overlap is Overlap.SKIP or len(open_) > 1):
        waits = " and another one waited" if len(open_) > 1 else ""
        return skipped(f"Task {open_[0]} hadn't ended{waits}.")
    words = f"After task {open_[0]}." if open_ else ""
    behind = open_[0] if open_ else None
    return new_run(db, export, due, notify, words=words, behind=behind, now=now, owner=owner)


def new_run(
    db: sa.Connection,
    export: Export,
    due: datetime,
    notify: tuple[str, ...],
    *,
    words: str,
    now: datetime,
    owner: str,
    behind: int | None = None,
) -> PeriodicRun:
    """Queue a task for an export that runs by itself, behind the task `behind` where given, and note it."""
    name = export.settings.connection
    place = tables.connection
    body = db.execute(sa.select(place.c.body).where(place.c.name == name)).scalar()
    if body is None:
        missing = f"There is no connection {name!r}."
        return _note(db, PeriodicRun(export=export.name, due=due, outcome=Outcome.SKIPPED, words=missing))
    try:
        task = add_task(
            db,
            NewTask(
                name=export.name,
                settings=export.settings,
                output=export.output(due),
                numbered=not export.fixed,
                latest=export.latest,
                mode=must(body, Connection).mode,
                notify=notify,
                owner=owner,
                export=export.name,
            ),
            now,
        )
    except NotFound as error:
        gone = PeriodicRun(export=export.name, due=due, outcome=Outcome.SKIPPED, words=error.message)
        return _note(db, gone)
    made = PeriodicRun(export=export.name, due=due, outcome=Outcome.STARTED, task=task, words=words)
    return _note(db, made, behind=behind)


def _note(db: sa.Connection, made: PeriodicRun, *, behind: int | None = None) -> PeriodicRun:
    statement = insert(_runs).values(
        export=made.export,
        due=made.due,
        outcome=str(made.outcome),
        task_id=made.task,
        behind=behind,
        words=made.words,
    )
    db.execute(statement.on_conflict_do_nothing())
    return made
