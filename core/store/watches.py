"""Exports that run when there is new data: when each source is asked next, what was found, when a run may
begin.

A look is taken by a process of its own, which a driver may freeze; what it tells counts if it still holds the
token of that look. A run begins in one transaction with the note that it did.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.dialects.sqlite import insert

from core.errors import LostClaim, OfframpError
from core.model.run import Outcome, PeriodicRun
from core.model.settings import Export
from core.model.vocabulary import TaskStatus
from core.model.watch import Watch, WatchState
from core.store import tables
from core.store.database import Database
from core.store.lease import require
from core.store.rows import must, to_json
from core.store.schedules import AT_WORK, new_run

_t = tables.watch
_task = tables.task
_exports = tables.export

# How long a look may take before it is given up.
LOOK_SECONDS = 120.0
LONGEST_PAUSE = 3600.0
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Look:
    """An export whose source is to be asked, and the token of that look."""

    export: Export
    token: str


@dataclass(frozen=True, slots=True)
class Watched:
    """An export with what is known: `due` when its source is asked next, None where it is paused; `ready`
    when a run may begin, None where nothing new is known."""

    due: datetime | None
    ready: datetime | None
    state: WatchState


class Watches:
    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, epoch: int, now: datetime) -> list[Look]:
        """The sources to be asked now, at most `AT_ONCE` at a time: each is noted as being asked. Those whose
        exports are at work are put off. Raises LostClaim."""
        due = sa.select(_t.c.export).where(_t.c.due <= now).limit(1)
        with self._database.read() as db:
            if db.execute(due).first() is None:
                return []
        looks = []
        with self._database.write() as db:
            require(db, epoch)
            asking = sa.select(sa.func.count()).select_from(_t).where(_t.c.token.is_not(None), _t.c.due > now)
            free = AT_ONCE - int(db.execute(asking).scalar_one())
            rows = db.execute(_joined().where(_t.c.due <= now).order_by(_t.c.due).limit(max(0, free))).all()
            for row in rows:
                export, state = must(row.export_body, Export), must(row.body, WatchState)
                if export.watch is None:
                    continue
                if row.token is not None:
                    state = _failed(state, "The last look ended without a word, or took too long.")
                if row.ready is not None or _open(db, export.name):
                    later = now + timedelta(seconds=export.watch.probe_every)
                    _store(db, export.name, state, due=later, ready=row.ready)
                    continue
                token = os.urandom(16).hex()
                _store(
                    db,
                    export.name,
                    state,
                    due=now + timedelta(seconds=LOOK_SECONDS),
                    ready=row.ready,
                    token=token,
                )
                looks.append(Look(export, token))
        return looks

    def told(self, look: str, export: str, sign: str, *, fresh: bool, now: datetime) -> None:
        """What a look has found: a sign that differs once anything has changed, and whether there is
        something new. Raises LostClaim where the look doesn't count any more."""
        with self._database.write() as db:
            watch, state = self._held(db, look, export)
            state = _after_run(db, state)
            state = replace(state, looked=now, seen=sign, failures=0, error="")
            ready = None
            if fresh:
                changed = state.changed or now
                state = replace(state, changed=changed)
                ready = _ready(db, watch, state)
            else:
                state = replace(state, changed=None, exported=sign)
            due = now + timedelta(seconds=watch.probe_every)
            _store(db, export, state, due=due, ready=ready)

    def failed(self, look: str, export: str, error: OfframpError, now: datetime) -> None:
        """A look that couldn't be taken, and why: the next one is put off, the more often, the longer. Raises
        LostClaim."""
        with self._database.write() as db:
            watch, state = self._held(db, look, export)
            state = _failed(state, f"{error.message} {error.hint}".rstrip())
            pause = min(LONGEST_PAUSE, watch.probe_every * 2.0 ** min(20, state.failures))
            due = now + timedelta(seconds=max(pause, watch.probe_every))
            ready = db.execute(sa.select(_t.c.ready).where(_t.c.export == export)).scalar()
            _store(db, export, state, due=due, ready=ready)

    @staticmethod
    def _held(db: sa.Connection, look: str, export: str) -> tuple[Watch, WatchState]:
        row = db.execute(_joined().where(_t.c.export == export, _t.c.token == look)).first()
        watch = must(row.export_body, Export).watch if row is not None else None
        if row is None or watch is None:
            raise LostClaim(f"Nobody waits for this look at export {export!r} any more.")
        return watch, must(row.body, WatchState)

    def start_ready(
        self, epoch: int, now: datetime, *, notify: Sequence[str], owner: str
    ) -> list[PeriodicRun]:
        """Queue a task for each export whose time has come. Which. Raises LostClaim."""
        with self._database.read() as db:
            if db.execute(sa.select(_t.c.export).where(_t.c.ready <= now).limit(1)).first() is None:
                return []
        started = []
        with self._database.write() as db:
            require(db, epoch)
            for row in db.execute(_joined().where(_t.c.ready <= now)).all():
                export, state = must(row.export_body, Export), must(row.body, WatchState)
                if export.watch is None or _open(db, export.name):
                    continue
                state = _after_run(db, state)
                ready = _ready(db, export.watch, state)
                if ready > now:
                    # The last run has failed: the pause before the next is longer.
                    _store(db, export.name, state, due=row.due, ready=ready)
                    continue
                made = new_run(db, export, now, tuple(notify), words="New data.", now=now, owner=owner)
                done = made.outcome is Outcome.STARTED
                state = replace(
                    state, begun=state.seen, started=now, task=made.task, changed=None if done else now,
                    error="" if done else made.words,
                )  # fmt: skip
                later = now + timedelta(seconds=export.watch.probe_every)
                _store(db, export.name, state, due=later, ready=None)
                started.append(made)
        return started

    def states(self) -> dict[str, Watched]:
        """What is known of every watched export, by its name."""
        with self._database.read() as db:
            rows = db.execute(sa.select(_t.c.export, _t.c.due, _t.c.ready, _t.c.body)).all()
        return {row.export: Watched(row.due, row.ready, must(row.body, WatchState)) for row in rows}

    def exported(self, export: str) -> str | None:
        """The sign as of which an export's last run has completed; None where nothing is known."""
        with self._database.read() as db:
            body = db.execute(sa.select(_t.c.body).where(_t.c.export == export)).scalar()
            return None if body is None else _after_run(db, must(body, WatchState)).exported


def plan(db: sa.Connection, export: Export, before: Export | None, now: datetime) -> None:
    """Have the store know when an export's source is asked next; in the transaction that writes its
    definition. What is known is forgotten where what is exported changes."""
    here = _t.c.export == export.name
    watch = export.watch
    if watch is None:
        db.execute(sa.delete(_t).where(here))
        return
    row = db.execute(sa.select(_t.c.body).where(here)).first()
    same = row is not None and before is not None and before.settings == export.settings
    if same and before is not None and before.watch == watch:
        return
    state = must(row.body, WatchState) if same and row is not None else WatchState()
    values = {"due": None if watch.paused else now, "ready": None, "token": None, "body": to_json(state)}
    made = insert(_t).values(export=export.name, **values)
    db.execute(made.on_conflict_do_update(index_elements=[_t.c.export], set_=values))


def _joined() -> sa.Select[tuple[object, ...]]:
    return sa.select(
        _t.c.export, _t.c.due, _t.c.ready, _t.c.token, _t.c.body, _exports.c.body.label("export_body")
    ).join(_exports, _exports.c.name == _t.c.export)


def _store(
    db: sa.Connection,
    export: str,
    state: WatchState,
    *,
    due: datetime | None,
    ready: datetime | None,
    token: str | None = None,
) -> None:
    values = {"due": due, "ready": ready, "token": token, "body": to_json(state)}
    db.execute(sa.update(_t).where(_t.c.export == export).values(**values))


def _failed(state: WatchState, words: str) -> WatchState:
    return replace(state, failures=state.failures + 1, error=words)


def _open(db: sa.Connection, export: str) -> bool:
    statement = sa.select(_task.c.id).where(_task.c.export == export, _task.c.status.in_(AT_WORK)).limit(1)
    return db.execute(statement).first() is not None


def _after_run(db: sa.Connection, state: WatchState) -> WatchState:
    """With what became of the last run: of one that completed the sign counts as exported."""
    if state.task is None or state.task == state.failed_task:
        return state
    status = db.execute(sa.select(_task.c.status).where(_task.c.id == state.task)).scalar()
    if status in (str(TaskStatus.FAILED), str(TaskStatus.ABORTED)):
        return replace(state, failed_runs=state.failed_runs + 1, failed_task=state.task)
    if status is None or status == str(TaskStatus.COMPLETED):
        return replace(state, exported=state.begun, failed_runs=0, task=None)
    return state


def _ready(db: sa.Connection, watch: Watch, state: WatchState) -> datetime:
    """When a run may begin for what is known to be new."""
    moments = [(state.changed or state.looked or tables.EPOCH) + timedelta(seconds=watch.settle)]
    if state.started is not None:
        pause = float(watch.min_interval)
        if state.failed_runs:
            pause = max(pause, min(LONGEST_PAUSE, max(30.0, pause) * 2.0 ** min(20, state.failed_runs)))
        moments.append(state.started + timedelta(seconds=pause))
    return max(moments)
