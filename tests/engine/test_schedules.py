"""Exports that run by themselves, through the engine: clocks that change, several engines, idling, draining."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.engine.engine import Engine
from core.model.run import Outcome
from core.model.schedule import Missed, Overlap, Schedule, Unit
from core.model.settings import Export, ExportSettings
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from tests.engine.conftest import QUICK, Bench
from tests.engine.serve import FAKE

HOUR = timedelta(hours=1)
SETTINGS = ExportSettings(connection="shop", all_objects=True)


def export(schedule: Schedule, name: str = "ok") -> Export:
    """Its name is what the pretended worker does."""
    return Export(name=name, directory="/data", settings=SETTINGS, schedule=schedule)


class Wall:
    """The engine's time of day, set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def serving(bench: Bench, wall: Wall) -> Iterator[Engine]:
    made: list[Engine] = []
    ready = threading.Event()

    async def serve() -> None:
        made.append(Engine(bench.locations, QUICK, worker=FAKE, wall=wall))
        ready.set()
        await made[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield made[0]
    finally:
        made[0].stop()
        thread.join()


def ended(bench: Bench, number: int) -> list[Task]:
    """So many tasks, all of them ended."""

    def done() -> bool:
        tasks = bench.store.tasks.list()
        return len(tasks) >= number and all(task.status.ended for task in tasks)

    bench.wait(done)
    return bench.store.tasks.list()


def started(bench: Bench, name: str = "ok") -> list[datetime]:
    return [r.due for r in reversed(bench.store.schedules.runs(name, 99)) if r.outcome is Outcome.STARTED]


@pytest.mark.parametrize(
    ("schedule", "begin", "expected"),
    [
        # The clocks of Berlin skip 02:30 on 29 March 2026, and repeat it on 25 October.
        (Schedule(cron="30 2 * * *", zone="Europe/Berlin"), "2026-03-28T20:00", ["29T01:00", "30T00:30"]),
        (Schedule(cron="30 2 * * *", zone="Europe/Berlin"), "2026-10-24T20:00", ["25T00:30", "26T01:30"]),
        (
            Schedule(every=6, unit=Unit.HOURS, start=datetime(2026, 3, 28, 19), zone="Europe/Berlin"),
            "2026-03-28T17:30",
            ["28T18:00", "29T00:00", "29T06:00"],
        ),
    ],
    ids=["skipped", "repeated", "hours"],
)
def test_clocks_that_change(bench: Bench, schedule: Schedule, begin: str, expected: list[str]) -> None:
    wall = Wall(datetime.fromisoformat(begin).replace(tzinfo=UTC))
    bench.store.exports.add(export(schedule), wall.now)
    with serving(bench, wall):
        while len(started(bench)) < len(expected):
            planned = bench.store.schedules.planned()["ok"].due
            wall.now += HOUR / 2
            if planned is not None and planned <= wall.now:
                bench.wait(lambda before=planned: bench.store.schedules.planned()["ok"].due != before)
            ended(bench, len(started(bench)))
    assert [f"{at:%dT%H:%M}" for at in started(bench)] == expected
    assert all(task.status is TaskStatus.COMPLETED for task in bench.store.tasks.list())


def test_ten_engines_run_what_is_due_once(bench: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    soon = Schedule(every=100, unit=Unit.MONTHS, start=(now + timedelta(seconds=2)).replace(tzinfo=None))
    for number in range(3):
        bench.store.exports.add(export(soon, f"ok {number}"))
    for _ in range(10):
        bench.engine()
    tasks = ended(bench, 3)
    assert sorted(str(task.export) for task in tasks) == ["ok 0", "ok 1", "ok 2"]
    assert [bench.begun(task.id) for task in tasks] == [1, 1, 1]


def test_one_waits_behind_the_one_before_it(bench: Bench) -> None:
    wall = Wall(datetime(2026, 11, 22, 11, tzinfo=UTC))
    schedule = Schedule(cron="0 * * * *", overlap=Overlap.QUEUE)
    bench.store.exports.add(export(schedule, "sleep 1"), wall.now)
    with serving(bench, wall):
        for hours in (1, 2):
            wall.now += HOUR
            bench.wait(lambda hours=hours: len(bench.store.tasks.list()) == hours)
        ended(bench, 2)
    at = {(what, task): when for what, task, _, when in bench.trace()}
    first, second = sorted(task.id for task in bench.store.tasks.list())
    assert at["end", first] <= at["begin", second]


def test_an_engine_in_the_background_stays_for_a_schedule_and_a_draining_one_does_not(bench: Bench) -> None:
    schedule = Schedule(cron="0 0 1 1 *")
    bench.store.exports.add(export(schedule))
    assert bench.engine(until="DRAINED").wait(20) == 0
    engine = bench.engine(until="IDLE")
    bench.wait(lambda: bench.store.lease.state().holder)
    with pytest.raises(subprocess.TimeoutExpired):
        engine.wait(QUICK.idle * 4)
    bench.store.exports.pause("ok", paused=True)
    assert engine.wait(20) == 0


def test_draining_runs_what_is_due(bench: Bench) -> None:
    now = datetime.now(UTC)
    bench.store.exports.add(export(Schedule(cron="* * * * *")), now - 2 * HOUR)
    assert bench.engine(until="DRAINED").wait(30) == 0
    assert all(task.status is TaskStatus.COMPLETED for task in bench.store.tasks.list())
    outcomes = [run.outcome for run in bench.store.schedules.runs("ok", 500)]
    assert outcomes.count(Outcome.STARTED) in (1, 2)
    assert outcomes.count(Outcome.MISSED) >= 118


def test_how_late_is_too_late_is_a_number(bench: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    once = Schedule(every=100, unit=Unit.MONTHS, start=(now - HOUR).replace(tzinfo=None))
    bench.store.exports.add(export(once), now - 2 * HOUR)
    bench.engine(msgspec.structs.replace(QUICK, missed=HOUR / 2))
    bench.wait(lambda: bench.store.schedules.runs("ok", 1))
    (run,) = bench.store.schedules.runs("ok", 9)
    assert (run.outcome, run.due) == (Outcome.MISSED, now - HOUR)
    assert bench.store.tasks.list() == []


def test_a_missed_run_may_be_left_out(bench: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    begin = (now - HOUR).replace(tzinfo=None)
    once = Schedule(every=100, unit=Unit.MONTHS, start=begin, missed=Missed.SKIP)
    bench.store.exports.add(export(once), now - 2 * HOUR)
    bench.engine()
    bench.wait(lambda: bench.store.schedules.runs("ok", 1))
    (run,) = bench.store.schedules.runs("ok", 9)
    assert (run.outcome, run.due) == (Outcome.MISSED, now - HOUR)
    assert bench.store.tasks.list() == []
