"""Who waits for a task reads it where it has changed, which is the number of changes' affair, and seldom else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import msgspec
import pytest

from core.engine.lease import is_served
from core.engine.numbers import Numbers
from core.errors import ConnectionLost
from core.locations import Locations
from core.locks import FileLock
from core.model.connection import Connection
from core.model.load import Per, Rate
from core.model.settings import ExportSettings
from core.model.task import FileEntry, Snapshot, Task, TaskObject
from core.model.vocabulary import Mode, ObjectRef, ObjectStatus, ObjectType, TaskStatus
from core.service import Service
from core.service import tasks as service_tasks
from core.store import Backoff, NewTask, Store
from core.store.claims import Claim
from core.store.journal import StoreJournal
from core.store.tasks import Tasks

SHOP = Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db")
ITEM = TaskObject(
    number=0,
    ref=ObjectRef(ObjectType.TABLE, "t"),
    data_status=ObjectStatus.WAITING,
    total_rows=9,
    total_exact=True,
)


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations(tmp_path / "home")


@pytest.fixture
def store(locations: Locations) -> Iterator[Store]:
    """What others do, by a connection of their own. It is served, as far as one can see: no engine is started."""
    with Store.open(locations) as opened:
        opened.connections.add(SHOP)
        lock = FileLock(locations.engine_lock)
        assert lock.acquire()
        assert opened.lease.acquire(opened.lease.state(), "a test") == 1
        assert is_served(opened, Numbers())
        yield opened
        lock.release()


@pytest.fixture
def service(locations: Locations, store: Store) -> Iterator[Service]:
    with Service(locations) as opened:
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that were read, each time that one was."""
    found: list[int] = []
    get = Tasks.get

    def counted(tasks: Tasks, number: int) -> Task:
        found.append(number)
        return get(tasks, number)

    monkeypatch.setattr(Tasks, "get", counted)
    return found


def add(store: Store, **values: object) -> int:
    base: dict[str, object] = {
        "name": "n", "settings": ExportSettings(connection="shop", all_objects=True), "output": "/data/out",
        "mode": Mode.SQLITE, "owner": "ann",
    }  # fmt: skip
    return store.tasks.add(NewTask(**(base | values))).id  # type: ignore[arg-type]


def claim(store: Store) -> Claim:
    taken = store.claims.claim_next(1, datetime.now(UTC))
    assert taken is not None
    return taken


def test_every_change_of_a_task_is_seen_by_the_number_of_changes(
    store: Store, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_tasks, "READ_SECONDS", inf)
    first, second = add(store), add(store)
    watch = service.tasks.watch(second, every=0.0)
    seen = [next(watch)]
    assert next(watch) is seen[0]

    def changed(told: Callable[[Task], object] = lambda task: True) -> None:
        """Something was done to it: that is what comes next."""
        end = time.monotonic() + 10
        while not told(store.tasks.get(second)):
            assert time.monotonic() < end
        assert store.tasks.get(second) != seen[-1]
        seen.append(next(watch))
        assert seen[-1] == store.tasks.get(second)

    # What depends on others: its connection, its place in the queue.
    held = claim(store)
    changed(lambda task: task.position == 1)
    store.connections.replace(msgspec.structs.replace(SHOP, task_limit=1))
    changed(lambda task: task.limited == 1)
    store.connections.replace(SHOP)
    changed(lambda task: task.limited is None)
    assert held.task == first

    taken = claim(store)
    changed()
    journal = StoreJournal(store, second, taken.token, backoff=Backoff(first=60), interval=0.01)
    journal.take_hold(7, 7, datetime.now(UTC))
    changed()
    journal.plan([ITEM], None)
    changed()
    journal.set_snapshot(Snapshot(id="7", taken_at=datetime.now(UTC), reopens=False))
    changed()
    journal.stage("reading")
    changed(lambda task: task.stage == "reading")
    journal.progress(0, 3, 30)
    changed(lambda task: task.processed_rows == 3)
    journal.note(msgspec.structs.replace(ITEM, processed_rows=4))
    changed(lambda task: task.processed_rows == 4)
    journal.update(msgspec.structs.replace(ITEM, processed_rows=5))
    changed()
    store.tasks.set_rate(second, Rate(5, Per.ROWS))
    changed()
    journal.claim_output("/data/elsewhere")
    changed()
    journal.finish(ConnectionLost("cut").info(), published=False)
    changed()
    assert seen[-1].status is TaskStatus.QUEUED
    assert seen[-1].not_before is not None
    store.tasks.retry(second)
    changed()
    (slot,) = (slot for slot in store.claims.running() if slot.task == second)
    assert store.claims.free(1, slot)
    taken = claim(store)
    changed()
    assert store.claims.requeue_unstarted(
        1, next(slot for slot in store.claims.running() if slot.task == second)
    )
    changed()
    taken = claim(store)
    journal = StoreJournal(store, second, taken.token, interval=0.01)
    journal.take_hold(7, 7, datetime.now(UTC))
    changed()
    journal.publishing()
    changed()
    done = msgspec.structs.replace(ITEM, data_status=ObjectStatus.SUCCESS, processed_rows=9)
    file = FileEntry(path="t.csv", kind="data", object="TABLE:t", rows=9, bytes=90, sha256="ab" * 32)
    journal.finish_object(done, [file])
    journal.finish(None, published=True)
    changed()
    assert seen[-1].status is TaskStatus.COMPLETED
    assert list(watch) == []


def test_what_doesnt_change_is_read_seldom_and_told_each_time(
    store: Store, service: Service, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_tasks, "READ_SECONDS", 0.4)
    number = add(store)
    began = time.monotonic()
    for told, _ in enumerate(service.tasks.watch(number, every=0.02)):
        if told == 40:
            break
        if told % 10 == 0:
            store.lease.renew(1)
    took = time.monotonic() - began
    assert len(reads) <= 2 + took / service_tasks.READ_SECONDS


def test_a_place_in_the_queue_that_the_time_has_changed_is_seen_soon(
    store: Store, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_tasks, "READ_SECONDS", 0.2)
    paused = add(store)
    taken = claim(store)
    journal = StoreJournal(store, paused, taken.token, backoff=Backoff(first=0.5, jitter=0))
    journal.take_hold(7, 7, datetime.now(UTC))
    journal.finish(ConnectionLost("cut").info(), published=False)
    number = add(store)
    assert store.tasks.get(number).position == 1
    changes = store.changes()
    began = time.monotonic()
    for task in service.tasks.watch(number, timeout=20, every=0.05):
        if task.position == 2:
            break
    assert task.position == 2
    assert store.changes() == changes
    assert time.monotonic() - began < 10


def test_a_log_is_followed_without_reading_the_task_each_time(
    store: Store, service: Service, reads: list[int]
) -> None:
    number = add(store)
    began = time.monotonic()
    aborting = threading.Timer(0.8, store.tasks.request_abort, (number,))
    aborting.start()
    assert list(service.tasks.log(number, follow=True)) == []
    took = time.monotonic() - began
    aborting.join()
    assert store.tasks.get(number).status is TaskStatus.ABORTED
    assert len(reads) - 1 <= 2 + took / service_tasks.READ_SECONDS
