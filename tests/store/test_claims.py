"""The engine's side of the store: the lease, the queue, the slots, retries with their pauses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from core.errors import ErrorInfo, LostClaim
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Mode, TaskStatus
from core.store import Backoff, Store, tables
from core.store.claims import Claim, Slot
from core.store.journal import StoreJournal
from tests.store.conftest import SETTINGS

Add = Callable[..., Task]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long suite may run a test many minutes after it was loaded."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


LOST = ErrorInfo(code="worker-lost", message="gone", transient=True)


def claim(store: Store, epoch: int, now: datetime | None = None) -> Claim:
    found = store.claims.claim_next(epoch, now or datetime.now(UTC))
    assert found is not None
    return found


def slot(store: Store, task: int) -> Slot:
    (found,) = (held for held in store.claims.running() if held.task == task)
    return found


def test_the_lease_has_one_holder(store: Store) -> None:
    free = store.lease.state()
    assert free.holder is None
    epoch = store.lease.acquire(free, "first")
    assert epoch == free.epoch + 1
    assert store.lease.acquire(free, "second") is None
    held = store.lease.state()
    store.lease.renew(epoch)
    assert store.lease.state().counter == held.counter + 1
    assert store.lease.acquire(held, "second") is None
    taken = store.lease.acquire(store.lease.state(), "second")
    assert taken == epoch + 1
    with pytest.raises(LostClaim):
        store.lease.renew(epoch)
    assert not store.lease.release(epoch)
    assert store.lease.release(taken)
    assert store.lease.state().holder is None
    with pytest.raises(LostClaim):
        store.lease.renew(taken)


def test_stepping_down_when_idle(store: Store, epoch: int, add: Add) -> None:
    soon = NOW + timedelta(minutes=1)
    task = add(not_before=NOW + timedelta(hours=1))
    assert not store.lease.release_if_idle(epoch, until=None)
    assert store.claims.busy(None)
    assert not store.claims.busy(soon)
    assert store.lease.release_if_idle(epoch, until=soon)
    second = store.lease.acquire(store.lease.state(), "x")
    assert second is not None
    store.tasks.request_abort(task.id)
    add()
    held = claim(store, second)
    assert not store.lease.release_if_idle(second, until=soon)
    store.claims.lost(second, slot(store, held.task), LOST, backoff=Backoff(), now=NOW)
    assert not store.lease.release_if_idle(second, until=soon)
    store.tasks.request_abort(held.task)
    assert store.lease.release_if_idle(second, until=None)


def test_every_engine_write_is_conditional_on_the_epoch(store: Store, epoch: int, add: Add) -> None:
    add(not_before=NOW + timedelta(days=1))
    add(), add()
    held = slot(store, claim(store, epoch).task)
    assert store.lease.acquire(store.lease.state(), "another") is not None
    later = NOW + timedelta(days=100)
    for write in (
        lambda: store.claims.queue_due(epoch, later),
        lambda: store.claims.claim_next(epoch, later),
        lambda: store.claims.requeue_unstarted(epoch, held),
        lambda: store.claims.lost(epoch, held, LOST, backoff=Backoff(), now=later),
        lambda: store.claims.free(epoch, held),
        lambda: store.lease.release_if_idle(epoch, until=None),
    ):
        with pytest.raises(LostClaim):
            write()
    assert slot(store, held.task) == held


def test_first_in_first_out_into_three_slots(store: Store, epoch: int, add: Add) -> None:
    ids = [add(str(n)).id for n in range(5)]
    claims = [claim(store, epoch) for _ in range(3)]
    assert [c.task for c in claims] == ids[:3]
    assert sorted(c.slot for c in claims) == [1, 2, 3]
    assert len({c.token for c in claims}) == 3
    assert store.claims.claim_next(epoch, NOW) is None
    task = store.tasks.get(ids[0])
    assert (task.status, task.attempts, task.position) == (TaskStatus.RUNNING, 0, None)
    assert task.started is not None
    assert [store.tasks.get(n).position for n in ids[3:]] == [1, 2]


def test_racing_claims_never_exceed_three(store: Store, epoch: int, add: Add) -> None:
    ids = [add().id for _ in range(12)]
    program = (
        "import sys; from datetime import *; from pathlib import Path; from core.locations import Locations;"
        "from core.store import Store; s = Store.open(Locations(Path(sys.argv[1])), patience=30);"
        "print(*(c.task for c in (s.claims.claim_next(int(sys.argv[2]), datetime.now(UTC)) for _ in range(4)) if c))"
    )
    command = [sys.executable, "-P", "-c", program, str(store.locations.home), str(epoch)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    won = [int(word) for racer in racers for word in racer.communicate(timeout=60)[0].split()]
    assert sorted(won) == ids[:3]
    assert len(store.claims.running()) == 3


def test_scheduled_tasks_are_queued_when_due_in_the_order_of_their_times(
    store: Store, epoch: int, add: Add
) -> None:
    late = add("late", not_before=NOW + timedelta(minutes=10))
    early = add("early", not_before=NOW + timedelta(minutes=5))
    assert store.claims.queue_due(epoch, NOW + timedelta(minutes=4)) == 0
    assert store.claims.claim_next(epoch, NOW + timedelta(minutes=4)) is None
    assert store.claims.queue_due(epoch, NOW + timedelta(minutes=11)) == 2
    assert [store.tasks.get(task.id).position for task in (early, late)] == [1, 2]
    assert store.tasks.get(early.id).status is TaskStatus.QUEUED


def test_backoff_grows_to_its_bound() -> None:
    backoff = Backoff()
    assert [backoff.pause(n, 0.5).total_seconds() for n in range(1, 6)] == [30, 120, 480, 1800, 1800]
    assert [backoff.pause(1, chance).total_seconds() for chance in (0.0, 1.0)] == [24, 36]
    assert backoff.bound == timedelta(minutes=36)
    pauses = {backoff.pause(2) for _ in range(50)}
    assert len(pauses) > 1
    assert all(96 <= pause.total_seconds() <= 144 for pause in pauses)


def test_lost_workers_are_retried_within_the_limit(store: Store, epoch: int, add: Add) -> None:
    task = add(settings=ExportSettings(connection="shop", all_objects=True, retry_limit=2))
    now = NOW
    for retry, pause in ((1, 30), (2, 120)):
        held = claim(store, epoch, now)
        StoreJournal(store, task.id, held.token).take_hold(10, 10, now)
        outcome = store.claims.lost(epoch, slot(store, task.id), LOST, backoff=Backoff(jitter=0), now=now)
        assert outcome is TaskStatus.QUEUED
        waiting = store.tasks.get(task.id)
        assert (waiting.retries, waiting.attempts, waiting.reason) == (retry, retry, f"retry {retry} of 2")
        assert waiting.not_before == now + timedelta(seconds=pause)
        assert waiting.error == LOST
        assert store.claims.running() == []
        assert store.claims.claim_next(epoch, now + timedelta(seconds=pause - 1)) is None
        now += timedelta(seconds=pause)
    claim(store, epoch, now)
    assert (
        store.claims.lost(epoch, slot(store, task.id), LOST, backoff=Backoff(), now=now) is TaskStatus.FAILED
    )
    failed = store.tasks.get(task.id)
    assert (failed.error, failed.not_before, failed.reason) == (LOST, None, "")
    again = store.tasks.retry(task.id)
    assert (again.retries, again.attempts) == (0, 2)
    assert store.claims.claim_next(epoch, now) is not None


def test_others_go_first_while_one_pauses(store: Store, epoch: int, add: Add) -> None:
    first, second = add(), add()
    claim(store, epoch)
    store.claims.lost(epoch, slot(store, first.id), LOST, backoff=Backoff(), now=NOW)
    assert claim(store, epoch).task == second.id
    assert store.claims.claim_next(epoch, datetime.now(UTC)) is None


def test_a_clock_that_was_set_back_doesnt_lengthen_a_pause(store: Store, epoch: int, add: Add) -> None:
    task = add()
    claim(store, epoch)
    tomorrow = NOW + timedelta(days=1)
    store.claims.lost(epoch, slot(store, task.id), LOST, backoff=Backoff(), now=tomorrow)
    now = datetime.now(UTC)
    store.claims.shorten_pauses(epoch, now, Backoff().bound)
    assert store.tasks.get(task.id).not_before == now + Backoff().bound


def test_an_error_that_isnt_transient_is_not_retried(store: Store, epoch: int, add: Add) -> None:
    task = add()
    claim(store, epoch)
    error = ErrorInfo(code="login-refused", message="no")
    assert (
        store.claims.lost(epoch, slot(store, task.id), error, backoff=Backoff(), now=NOW) is TaskStatus.FAILED
    )


def test_an_aborting_task_that_loses_its_worker_is_aborted(store: Store, epoch: int, add: Add) -> None:
    task = add()
    claim(store, epoch)
    store.tasks.request_abort(task.id)
    assert (
        store.claims.lost(epoch, slot(store, task.id), LOST, backoff=Backoff(), now=NOW) is TaskStatus.ABORTED
    )
    assert store.tasks.get(task.id).error is None


def test_an_unstarted_claim_returns_to_its_place(store: Store, epoch: int, add: Add) -> None:
    task, other = add(), add()
    held = claim(store, epoch)
    assert store.claims.requeue_unstarted(epoch, slot(store, task.id))
    back = store.tasks.get(task.id)
    assert (back.status, back.position, back.attempts, back.retries) == (TaskStatus.QUEUED, 1, 0, 0)
    assert back.started is None
    assert store.tasks.get(other.id).position == 2
    # The worker that comes to life after all is told so by its first write.
    with pytest.raises(LostClaim):
        StoreJournal(store, task.id, held.token).take_hold(1, 1, NOW)
    again = claim(store, epoch)
    StoreJournal(store, task.id, again.token).take_hold(1, 1, NOW)
    assert not store.claims.requeue_unstarted(epoch, slot(store, task.id))


def test_what_was_seen_must_still_be_so(store: Store, epoch: int, add: Add) -> None:
    task = add()
    held = claim(store, epoch)
    seen = slot(store, task.id)
    journal = StoreJournal(store, task.id, held.token)
    journal.take_hold(1, 1, NOW)
    # Between the look at the lock and the verdict the worker finished by itself.
    journal.finish(None, published=True)
    assert store.claims.lost(epoch, seen, LOST, backoff=Backoff(), now=NOW) is None
    ended = store.tasks.get(task.id)
    assert ended.status is TaskStatus.COMPLETED
    assert store.claims.free(epoch, slot(store, task.id))
    assert store.claims.running() == []


def test_a_slot_outlives_its_attempt(store: Store, epoch: int, add: Add) -> None:
    """Until the worker is known to be gone its slot is taken, and its task isn't run again."""
    task, *others = [add() for _ in range(4)]
    held = claim(store, epoch)
    claim(store, epoch), claim(store, epoch)
    journal = StoreJournal(store, task.id, held.token, backoff=Backoff(first=0))
    journal.finish(LOST, published=False)
    assert store.tasks.get(task.id).status is TaskStatus.QUEUED
    assert store.claims.claim_next(epoch, datetime.now(UTC)) is None
    seen = slot(store, others[0].id)
    assert not store.claims.free(epoch, seen)
    assert store.claims.free(epoch, slot(store, task.id))
    assert claim(store, epoch).task == others[2].id


def test_old_tasks_are_forgotten(store: Store, epoch: int, add: Add) -> None:
    old, young, running = add(), add(), add()
    for task in (old, young):
        store.tasks.request_abort(task.id)
    with store.database.write() as db:
        db.execute(
            sa.update(tables.task)
            .where(tables.task.c.id.in_((old.id, running.id)))
            .values(created=NOW - timedelta(days=40))
        )
        db.execute(
            sa.update(tables.task).where(tables.task.c.id == old.id).values(ended=NOW - timedelta(days=31))
        )
    assert store.claims.ended_before(NOW - timedelta(days=30)) == [old.id]
    assert [task.id for task in store.claims.forget_ended(epoch, NOW - timedelta(days=30))] == [old.id]
    assert store.claims.forget_ended(epoch, NOW - timedelta(days=30)) == []
    assert store.claims.numbers() == {young.id, running.id}


def test_a_connection_may_have_a_limit_of_its_own(store: Store, epoch: int, add: Add) -> None:
    limited = Connection(name=SETTINGS.connection, mode=Mode.SQLITE, path="/x.db", task_limit=1)
    store.connections.replace(limited)
    store.connections.add(Connection(name="free", mode=Mode.SQLITE, path="/y.db"))
    first, second = add(), add()
    other = add(settings=replace(SETTINGS, connection="free"))
    assert store.tasks.get(second.id).limited is None
    assert claim(store, epoch).task == first.id
    assert store.tasks.get(second.id).limited == 1
    assert {task.id: task.limited for task in store.tasks.list()} == {
        first.id: None, second.id: 1, other.id: None,
    }  # fmt: skip
    # The queue goes on with whatever may run.
    assert claim(store, epoch).task == other.id
    assert store.claims.claim_next(epoch, datetime.now(UTC)) is None
    store.connections.replace(replace(limited, task_limit=2))
    assert claim(store, epoch).task == second.id
