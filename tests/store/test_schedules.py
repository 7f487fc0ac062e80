"""When exports are due, and that each due time counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.engine.numbers import Numbers
from core.engine.scheduling import start_due
from core.errors import Conflict, LostClaim
from core.model.run import Outcome
from core.model.schedule import Overlap, Schedule, Unit
from core.model.settings import Export
from core.model.vocabulary import TaskStatus
from core.store import Store
from core.store.schedules import Turn
from tests.store.conftest import SETTINGS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOURLY = Schedule(every=1, unit=Unit.HOURS, start=datetime(2026, 11, 22, 12))
HOUR = timedelta(hours=1)


def export(schedule: Schedule | None = HOURLY, name: str = "nightly") -> Export:
    return Export(name=name, directory="/data", settings=SETTINGS, schedule=schedule)


def change(schedule: Schedule, **values: object) -> Schedule:
    return msgspec.structs.replace(schedule, **values)


def due(store: Store) -> datetime | None:
    return store.schedules.planned()["nightly"].due


def outcomes(store: Store) -> list[tuple[datetime, str, int | None]]:
    """The oldest first."""
    return [(r.due, str(r.outcome), r.task) for r in reversed(store.schedules.runs("nightly", 1000))]


def end(store: Store, number: int) -> None:
    store.tasks.request_abort(number)


def test_what_is_due_becomes_a_task_once(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    assert due(store) == NOON
    start_due(store, epoch, Numbers(), NOON - timedelta(seconds=1))
    assert store.tasks.list() == []
    for _ in range(3):
        start_due(store, epoch, Numbers(), NOON)
    (task,) = store.tasks.list()
    assert (task.status, task.export, task.name) == (TaskStatus.QUEUED, "nightly", "nightly")
    assert task.output == f"/data/nightly/20261122T120000Z-{task.id}"
    assert outcomes(store) == [(NOON, "started", task.id)]
    assert due(store) == NOON + HOUR


def test_two_that_have_read_the_same_start_one(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    (seen,) = store.schedules.due(NOON, 10)
    turn = Turn(missed=(), words="", run=NOON, after=NOON + HOUR)
    first = store.schedules.take(epoch, seen, turn, now=NOON, owner="ann")
    assert first is not None
    assert first.outcome is Outcome.STARTED
    assert store.schedules.take(epoch, seen, turn, now=NOON, owner="ann") is None
    assert len(store.tasks.list()) == 1


def test_an_engine_that_was_taken_over_starts_nothing(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    store.lease.acquire(store.lease.state(), "another")
    with pytest.raises(LostClaim):
        start_due(store, epoch, Numbers(), NOON)
    assert (store.tasks.list(), outcomes(store), due(store)) == ([], [], NOON)


def test_of_what_was_missed_the_latest_runs_and_the_others_are_noted(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON + 3 * HOUR + timedelta(minutes=59))
    assert [(at, outcome) for at, outcome, _ in outcomes(store)] == [
        (NOON, "missed"),
        (NOON + HOUR, "missed"),
        (NOON + 2 * HOUR, "missed"),
        (NOON + 3 * HOUR, "started"),
    ]
    assert len(store.tasks.list()) == 1
    assert due(store) == NOON + 4 * HOUR


@pytest.mark.parametrize(("late", "outcome"), [(24 * HOUR, "started"), (25 * HOUR, "missed")])
def test_what_was_missed_is_made_up_for_within_a_day(
    store: Store, epoch: int, late: timedelta, outcome: str
) -> None:
    weekly = Schedule(every=1, unit=Unit.WEEKS, start=datetime(2026, 11, 22, 12))
    store.exports.add(export(weekly), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON + late)
    assert [(at, what) for at, what, _ in outcomes(store)] == [(NOON, outcome)]
    assert len(store.tasks.list()) == (outcome == "started")
    assert due(store) == NOON + timedelta(days=7)


def test_a_year_of_minutes_is_not_gone_through(store: Store, epoch: int) -> None:
    store.exports.add(export(Schedule(cron="* * * * *")), NOON)
    start_due(store, epoch, Numbers(), NOON + timedelta(days=365))
    found = outcomes(store)
    assert [what for _, what, _ in found] == ["missed"] * 200 + ["started"]
    assert found[-1][0] == NOON + timedelta(days=365)


def test_one_that_has_not_ended_is_not_overlapped(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    for hours in range(2):
        start_due(store, epoch, Numbers(), NOON + hours * HOUR)
    (task,) = store.tasks.list()
    first, second = reversed(store.schedules.runs("nightly", 5))
    assert (first.task, second.outcome, second.task) == (task.id, Outcome.SKIPPED, None)
    assert f"Task {task.id} hadn't ended" in second.words
    end(store, task.id)
    start_due(store, epoch, Numbers(), NOON + 2 * HOUR)
    assert len(store.tasks.list()) == 2


def test_one_waits_behind_by_choice_and_not_more(store: Store, epoch: int) -> None:
    store.exports.add(export(change(HOURLY, overlap=Overlap.QUEUE)), NOON - HOUR)
    for hours in range(3):
        start_due(store, epoch, Numbers(), NOON + hours * HOUR)
    assert [outcome for _, outcome, _ in outcomes(store)] == ["started", "started", "skipped"]
    first, second = sorted(task.id for task in store.tasks.list())
    claim = store.claims.claim_next(epoch, NOON)
    assert claim is not None
    assert claim.task == first
    # There are free slots; it waits all the same, and nobody else does.
    assert store.claims.claim_next(epoch, NOON) is None
    store.exports.add(export(name="other"), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    other = store.claims.claim_next(epoch, NOON)
    assert other is not None
    assert store.tasks.get(other.task).export == "other"
    assert store.claims.requeue_unstarted(epoch, next(s for s in store.claims.running() if s.task == first))
    end(store, first)
    claim = store.claims.claim_next(epoch, NOON)
    assert claim is not None
    assert claim.task == second


def test_runs_are_counted_and_end_it(store: Store, epoch: int) -> None:
    store.exports.add(export(change(HOURLY, runs=2)), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    start_due(store, epoch, Numbers(), NOON + HOUR)  # skipped, which is none
    end(store, store.tasks.list()[0].id)
    assert due(store) == NOON + 2 * HOUR
    start_due(store, epoch, Numbers(), NOON + 2 * HOUR)
    assert due(store) is None
    assert len(store.tasks.list()) == 2


def test_a_pause_is_not_caught_up_with_and_keeps_the_count(store: Store, epoch: int) -> None:
    store.exports.add(export(change(HOURLY, runs=2)), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    end(store, store.tasks.list()[0].id)
    paused = store.exports.pause("nightly", NOON, paused=True)
    assert paused.schedule is not None
    assert (paused.schedule.paused, due(store), store.schedules.active()) == (True, None, 0)
    start_due(store, epoch, Numbers(), NOON + 5 * HOUR)
    store.exports.pause("nightly", NOON + 5 * HOUR, paused=False)
    assert (due(store), store.schedules.active()) == (NOON + 6 * HOUR, 1)
    start_due(store, epoch, Numbers(), NOON + 6 * HOUR)
    assert [at for at, _, _ in outcomes(store)] == [NOON, NOON + 6 * HOUR]
    assert due(store) is None


def test_only_what_has_a_schedule_can_be_paused(store: Store) -> None:
    store.exports.add(export(None))
    with pytest.raises(Conflict, match="doesn't run by itself"):
        store.exports.pause("nightly", paused=True)


def test_an_edited_schedule_begins_anew_and_another_edit_changes_nothing(store: Store, epoch: int) -> None:
    store.exports.add(export(change(HOURLY, runs=1)), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    assert due(store) is None
    other = msgspec.structs.replace(export(change(HOURLY, runs=1)), directory="/elsewhere")
    store.exports.replace(other, NOON)
    assert due(store) is None
    store.exports.replace(export(change(HOURLY, every=2, runs=1)), NOON + HOUR)
    assert (due(store), store.schedules.planned()["nightly"].started) == (NOON + 2 * HOUR, 0)
    store.exports.replace(export(None))
    assert store.schedules.planned() == {}


def test_what_is_changed_while_it_is_due_runs_as_it_is_now(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    (seen,) = store.schedules.due(NOON, 10)
    store.exports.replace(msgspec.structs.replace(export(), directory="/elsewhere"), NOON)
    turn = Turn(missed=(), words="", run=NOON, after=NOON + HOUR)
    assert store.schedules.take(epoch, seen, turn, now=NOON, owner="ann") is None
    start_due(store, epoch, Numbers(), NOON)
    assert store.tasks.list()[0].output.startswith("/elsewhere/")


def test_removing_the_export_removes_the_rest(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    store.exports.remove("nightly")
    assert (store.schedules.planned(), outcomes(store), len(store.tasks.list())) == ({}, [], 1)


def test_a_forgotten_task_leaves_its_run_until_that_is_old(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    (task,) = store.tasks.list()
    assert store.schedules.forget(epoch, NOON + HOUR) == 0
    end(store, task.id)
    store.tasks.remove(task.id)
    assert outcomes(store) == [(NOON, "started", None)]
    assert store.schedules.forget(epoch, NOON) == 0
    assert store.schedules.forget(epoch, NOON + HOUR) == 1
    assert outcomes(store) == []


def test_a_clock_that_is_set_back_runs_nothing_twice(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON - HOUR)
    start_due(store, epoch, Numbers(), NOON)
    end(store, store.tasks.list()[0].id)
    # Set back, and the schedule computed anew: the time comes again.
    store.exports.pause("nightly", NOON - HOUR, paused=True)
    store.exports.pause("nightly", NOON - HOUR, paused=False)
    assert due(store) == NOON
    start_due(store, epoch, Numbers(), NOON)
    assert (len(store.tasks.list()), due(store)) == (1, NOON + HOUR)


@pytest.mark.parametrize(
    ("clock", "edge", "expected"),
    [
        # 02:30 doesn't come on 29 March 2026: at 03:00 summer time, 01:00 UTC.
        ("30 2 * * *", datetime(2026, 3, 28, 2, tzinfo=UTC), ["29T01:00", "30T00:30", "31T00:30"]),
        # It comes twice on 25 October: once, the first.
        ("30 2 * * *", datetime(2026, 10, 24, 2, tzinfo=UTC), ["25T00:30", "26T01:30", "27T01:30"]),
        # Every hour is every hour.
        ("0 * * * *", datetime(2026, 3, 28, 23, 30, tzinfo=UTC), ["29T00:00", "29T01:00", "29T02:00"]),
        ("0 * * * *", datetime(2026, 10, 24, 23, 30, tzinfo=UTC), ["25T00:00", "25T01:00", "25T02:00"]),
    ],
)
def test_clocks_that_change_in_berlin(
    store: Store, epoch: int, clock: str, edge: datetime, expected: list[str]
) -> None:
    store.exports.add(export(Schedule(cron=clock, zone="Europe/Berlin")), edge)
    now = edge
    while len(store.tasks.list()) < 3:
        now += timedelta(minutes=10)
        start_due(store, epoch, Numbers(), now)
        for task in store.tasks.list():
            if not task.status.ended:
                end(store, task.id)
    assert [f"{at:%dT%H:%M}" for at, _, _ in outcomes(store)] == expected


def test_an_engine_with_a_schedule_has_something_to_do(store: Store, epoch: int) -> None:
    store.exports.add(export(), NOON)
    assert store.claims.busy(None)
    # Draining doesn't wait for it: it would never end.
    assert not store.claims.busy(NOON + 10 * HOUR)
    assert not store.lease.release_if_idle(epoch, until=None)
    store.exports.pause("nightly", NOON, paused=True)
    assert store.lease.release_if_idle(epoch, until=None)


def test_the_look_is_one_search_of_an_index(store: Store) -> None:
    with store.database.read() as db:
        rows = db.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT due FROM schedule JOIN export ON export.name = schedule.export"
            " WHERE schedule.due <= 5 ORDER BY schedule.due LIMIT 20"
        ).all()
    words = " ".join(str(row[-1]) for row in rows)
    assert "SEARCH schedule USING INDEX ix_schedule_due" in words
    assert "SCAN" not in words
