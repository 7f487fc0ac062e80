"""The lease's row: which engine may act on the store.

The row says who claims to serve; whether that one still lives is for `core.engine.lease` to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from core.errors import LostClaim
from core.model.vocabulary import TaskStatus
from core.store import tables
from core.store.database import Database

_t = tables.lease


@dataclass(frozen=True, slots=True)
class LeaseState:
    """`epoch` counts engines, `counter` renewals; `holder` is None once an engine has stepped down."""

    epoch: int
    counter: int
    holder: str | None
    renewed: datetime | None


class Lease:
    """Every write here and of an engine elsewhere is conditional on the epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> LeaseState:
        with self._database.read() as db:
            row = db.execute(sa.select(_t.c.epoch, _t.c.counter, _t.c.holder, _t.c.renewed)).one()
        return LeaseState(*row)

    def acquire(self, seen: LeaseState, holder: str) -> int | None:
        """Take over from what was `seen`: the new epoch, or None where somebody moved meanwhile. `holder`
        are words about who serves."""
        with self._database.write() as db:
            done = db.execute(
                sa.update(_t)
                .where(_t.c.epoch == seen.epoch, _t.c.counter == seen.counter)
                .values(
                    epoch=seen.epoch + 1, counter=seen.counter + 1, holder=holder, renewed=datetime.now(UTC)
                )
            )
        return seen.epoch + 1 if done.rowcount else None

    def renew(self, epoch: int) -> None:
        """Show that this engine lives. Raises LostClaim where another has taken over."""
        with self._database.write(counts=False) as db:
            require(db, epoch)
            db.execute(sa.update(_t).values(counter=_t.c.counter + 1, renewed=datetime.now(UTC)))

    def release(self, epoch: int) -> bool:
        """Step down; False where another has taken over already."""
        with self._database.write() as db:
            return _step_down(db, epoch)

    def release_if_idle(self, epoch: int, *, until: datetime | None) -> bool:
        """Step down if there is nothing to do: no task queued, at work or in a slot, and none scheduled
        (before `until`, where that is given), and no schedule (where it isn't). In one transaction, so that
        a task that comes later finds that nobody serves. Raises LostClaim."""
        with self._database.write() as db:
            require(db, epoch)
            if busy(db, until=until):
                return False
            return _step_down(db, epoch)


def require(db: sa.Connection, epoch: int) -> None:
    """Raises LostClaim unless the engine of `epoch` still serves; for use in a write transaction."""
    held = sa.select(_t.c.epoch).where(_t.c.epoch == epoch, _t.c.holder.is_not(None))
    if db.execute(held).first() is None:
        raise LostClaim("Another engine serves this store by now.")


def busy(db: sa.Connection, *, until: datetime | None) -> bool:
    """Whether anything is queued, at work, in a slot, scheduled (before `until`, where given), or to be told
    to somebody (likewise). An export
    that will run by itself counts too, unless only what comes before `until` is asked for: it would never
    end."""
    task = tables.task
    scheduled = str(TaskStatus.SCHEDULED)
    working = [str(s) for s in TaskStatus if not s.ended and s is not TaskStatus.SCHEDULED]
    due = [task.c.status == scheduled] + ([task.c.not_before < until] if until is not None else [])
    told = tables.notification.c.due
    telling = [told.is_not(None)] + ([told < until] if until is not None else [])
    if db.execute(sa.select(told).where(*telling).limit(1)).first() is not None:
        return True
    coming = sa.union_all(
        sa.select(tables.schedule.c.due).where(tables.schedule.c.due.is_not(None)),
        sa.select(tables.watch.c.due).where(tables.watch.c.due.is_not(None)),
    ).limit(1)
    return any(
        db.execute(sa.select(task.c.id).where(*conditions).limit(1)).first() is not None
        for conditions in (
            [task.c.status.in_(working)],
            [task.c.slot.between(1, tables.SLOTS)],
            due,
        )
    ) or (until is None and db.execute(coming).first() is not None)


def _step_down(db: sa.Connection, epoch: int) -> bool:
    done = db.execute(sa.update(_t).where(_t.c.epoch == epoch).values(holder=None, renewed=None))
    return bool(done.rowcount)
