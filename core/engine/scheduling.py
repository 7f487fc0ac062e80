"""Exports that run by themselves: what is due becomes a task, once, whatever dies around it.

Whoever was away notes what it has missed: the latest due time is made up for within `Numbers.missed`, the
others are only noted, the last `NOTED` of them.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from core import faults
from core.due import due_times, latest_due
from core.engine.numbers import Numbers
from core.faults import Point
from core.model.run import Outcome
from core.model.schedule import Missed, Schedule
from core.owner import owner
from core.store.schedules import Due, Turn
from core.store.store import Store

log = logging.getLogger("offramp.engine")

NOTED = 200
PUNCTUAL = timedelta(seconds=60)
"""So late a run is that isn't made up for; an engine that serves sees what is due within seconds."""
AT_ONCE = 20
"""Exports in one round, so that a thousand that are due at midnight don't keep the engine from saying that it
lives."""


def start_due(store: Store, epoch: int, numbers: Numbers, now: datetime) -> None:
    """Queue what is due by `now`. Raises LostClaim where another engine serves."""
    for seen in store.schedules.due(now, AT_ONCE):
        schedule = seen.export.schedule
        if schedule is None:
            continue
        faults.reached(Point.SCHEDULE_DUE)
        made = store.schedules.take(epoch, seen, _turn(schedule, seen, numbers, now), now=now, owner=owner())
        faults.reached(Point.SCHEDULE_STORED)
        if made is not None:
            what = f"task {made.task}" if made.outcome is Outcome.STARTED else f"not run: {made.words}"
            log.info("Export %s, due at %s: %s.", made.export, made.due, what.rstrip("."))


def _turn(schedule: Schedule, seen: Due, numbers: Numbers, now: datetime) -> Turn:
    times = latest_due(schedule, seen.due, now, NOTED + 1) or [seen.due]
    late = now - times[-1] > (numbers.missed if schedule.missed is Missed.RUN else PUNCTUAL)
    missed = times if late else times[:-1]
    return Turn(
        missed=missed[-NOTED:],
        words="Nothing served it then.",
        run=None if late else times[-1],
        after=next(due_times(schedule, now), None),
        notify=numbers.notify,
    )
