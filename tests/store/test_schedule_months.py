"""A month of every kind of schedule, in zones whose clocks change in it, beside what a calendar says."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.engine.numbers import Numbers
from core.engine.scheduling import start_due
from core.model.schedule import Schedule, Unit
from core.model.settings import Export
from core.model.vocabulary import TaskStatus
from core.store import Store, TaskFilter
from tests.store.conftest import SETTINGS

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
AT = time(2, 15)
# Month, and what its clocks do: all of them between 01:30 and 03:00.
MONTHS = [
    ("Europe/Berlin", date(2026, 3, 1)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 1)),
]


def kinds(zone: str, first: date) -> dict[str, tuple[Schedule, Callable[[date], bool] | timedelta]]:
    """Schedules by name, each with the days on which it is due, or the time that passes between."""
    start = datetime.combine(first, AT)
    return {
        "daily": (Schedule(cron="15 2 * * *", zone=zone), lambda day: True),
        "working days": (Schedule(cron="15 2 * * 1-5", zone=zone), lambda day: day.weekday() < 5),
        "every two days": (
            Schedule(every=2, unit=Unit.DAYS, start=start, zone=zone),
            lambda day: (day - first).days % 2 == 0,
        ),
        "weekly": (
            Schedule(every=1, unit=Unit.WEEKS, start=start, zone=zone),
            lambda day: (day - first).days % 7 == 0,
        ),
        "monthly": (
            Schedule(every=1, unit=Unit.MONTHS, start=start, zone=zone),
            lambda day: day.day == first.day,
        ),
        "every eight hours": (
            Schedule(every=8, unit=Unit.HOURS, start=start, zone=zone),
            timedelta(hours=8),
        ),
    }


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """When the clocks of that day first show AT, or more where they skip it: found minute by minute."""
    moment = datetime.combine(day, time(), zone).astimezone(UTC)
    while (local := moment.astimezone(zone)).date() < day or (local.date() == day and local.time() < AT):
        moment += MINUTE
    return moment


@pytest.mark.parametrize(("zone", "first"), MONTHS)
def test_a_month(store: Store, epoch: int, zone: str, first: date) -> None:
    clocks = ZoneInfo(zone)
    begin = datetime.combine(first, time(), clocks).astimezone(UTC)
    after = (first + 31 * DAY).replace(day=1)
    end = datetime.combine(after, time(), clocks).astimezone(UTC)
    expected = {}
    for name, (schedule, rule) in kinds(zone, first).items():
        store.exports.add(Export(name=name, directory="/data", settings=SETTINGS, schedule=schedule), begin)
        if isinstance(rule, timedelta):
            started = first_moment(first, clocks)
            expected[name] = [started + n * rule for n in range((end - started) // rule + 1)]
            expected[name] = [moment for moment in expected[name] if moment < end]
        else:
            days = (first + n * DAY for n in range((after - first).days))
            expected[name] = [first_moment(day, clocks) for day in days if rule(day)]
    random.seed(7)
    now = begin
    while now < end:
        start_due(store, epoch, Numbers(), now)
        for task in store.tasks.list(TaskFilter(statuses=(TaskStatus.QUEUED,))):
            store.tasks.request_abort(task.id)
        # Rounds come when they come, but often enough that nothing is missed.
        now = min(now + random.randrange(10, 55) * MINUTE, end)
    for name, moments in expected.items():
        runs = sorted((run.due, str(run.outcome)) for run in store.schedules.runs(name, 1000))
        assert runs == [(moment, "started") for moment in moments], name
