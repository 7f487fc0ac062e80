"""Connections, exports and tasks: what people do with them, and what each status allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.errors import Conflict, NotFound
from core.model.connection import Connection
from core.model.secret import FileSecret
from core.model.settings import Export, ExportSettings, SysAccount
from core.model.task import Task
from core.model.vocabulary import Mode, TaskStatus
from core.store import Store, TaskFilter, TaskOrder, tables
from tests.store.conftest import SETTINGS, new_task

Add = Callable[..., Task]


def put(store: Store, task: Task, status: TaskStatus, **values: object) -> None:
    """Set a status as if the engine had."""
    with store.database.write() as db:
        db.execute(
            sa.update(tables.task).where(tables.task.c.id == task.id).values(status=str(status), **values)
        )


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def test_connections(store: Store) -> None:
    server = Connection(
        name="prod", mode=Mode.MYSQL, host="db", port=3306, user="reader", secret=FileSecret(key="prod")
    )
    store.connections.add(server)
    assert store.connections.get("prod") == server
    assert [c.name for c in store.connections.list()] == ["prod", "shop"]
    with pytest.raises(Conflict, match="exists already"):
        store.connections.add(server)
    assert store.connections.last_test("prod") is None
    store.connections.record_test("prod", {"ok": True, "steps": ["resolve"]})
    assert store.connections.last_test("prod") == {"ok": True, "steps": ["resolve"]}
    moved = Connection(name="prod", mode=Mode.MYSQL, host="other", port=3306, user="reader")
    store.connections.replace(moved)
    assert store.connections.get("prod") == moved
    assert store.connections.last_test("prod") is None
    store.connections.remove("prod")
    for call in (store.connections.get, store.connections.remove, store.connections.last_test):
        with pytest.raises(NotFound, match="'prod'"):
            call("prod")
    with pytest.raises(NotFound):
        store.connections.replace(moved)
    with pytest.raises(NotFound):
        store.connections.record_test("prod", {})


def test_every_change_counts_but_for_saying_that_one_lives(store: Store, epoch: int) -> None:
    with Store.open(store.locations) as other:
        before = store.changes()
        assert other.changes() == before
        for _ in range(3):
            other.lease.renew(epoch)
        assert store.changes() == other.changes() == before
        store.tasks.add(new_task())
        added = store.changes()
        assert added == other.changes() != before
        with pytest.raises(Conflict):
            other.connections.add(store.connections.get("shop"))
        assert store.changes() == added
        other.lease.release(epoch)
        assert store.changes() != added


def test_the_count_of_changes_begins_again_at_its_end(store: Store) -> None:
    with store.database.write(counts=False) as db:
        db.exec_driver_sql(f"PRAGMA user_version = {2**31 - 1}")
    store.tasks.add(new_task())
    assert store.changes() == 0


def test_a_connection_in_use_stays(store: Store, add: Add) -> None:
    store.exports.add(Export(name="nightly", directory="/data", settings=SETTINGS))
    with pytest.raises(Conflict, match="export 'nightly'"):
        store.connections.remove("shop")
    store.exports.remove("nightly")
    task = add()
    with pytest.raises(Conflict, match=f"task {task.id}"):
        store.connections.remove("shop")
    store.tasks.request_abort(task.id)
    store.connections.remove("shop")


def test_exports(store: Store) -> None:
    export = Export(name="nightly", directory="/data", settings=SETTINGS)
    store.exports.add(export)
    with pytest.raises(Conflict):
        store.exports.add(export)
    changed = Export(name="nightly", directory="/other", settings=SETTINGS)
    store.exports.replace(changed)
    assert store.exports.get("nightly") == changed
    assert store.exports.list() == [changed]
    astray = Export(
        name="astray", directory="/data", settings=ExportSettings(connection="gone", all_objects=True)
    )
    with pytest.raises(NotFound, match="'gone'"):
        store.exports.add(astray)
    with pytest.raises(NotFound, match="'astray'"):
        store.exports.replace(Export(name="astray", directory="/data", settings=SETTINGS))
    store.exports.remove("nightly")
    with pytest.raises(NotFound):
        store.exports.remove("nightly")
    with pytest.raises(NotFound):
        store.exports.get("nightly")


def test_settings_are_frozen_as_they_were(store: Store, add: Add) -> None:
    settings = ExportSettings(
        connection="shop",
        objects=("TABLE:orders", "ord*"),
        sys_account=SysAccount(account="root", secret=FileSecret(key="k")),
    )
    task = add(settings=settings, export="nightly")
    assert task.settings == settings
    assert store.tasks.get(task.id) == task
    assert (task.status, task.position, task.attempts) == (TaskStatus.QUEUED, 1, 0)


def test_numbers_are_never_used_again(store: Store, add: Add) -> None:
    first, second = add(), add()
    store.tasks.request_abort(second.id)
    store.tasks.remove(second.id)
    assert add().id == second.id + 1 == first.id + 2
    for call in (store.tasks.get, store.tasks.remove, store.tasks.request_abort, store.tasks.retry):
        with pytest.raises(NotFound, match=f"task {second.id}"):
            call(second.id)


def test_a_time_in_the_future_schedules(store: Store, add: Add) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    later, now = add(not_before=at), add(not_before=datetime.now(UTC) - timedelta(seconds=1))
    assert (later.status, later.not_before, later.position) == (TaskStatus.SCHEDULED, at, None)
    assert (now.status, now.not_before, now.position) == (TaskStatus.QUEUED, None, 1)
    assert store.tasks.request_abort(later.id).status is TaskStatus.ABORTED


def test_listing_filters_and_orders(store: Store, add: Add) -> None:
    other = ExportSettings(connection="Archive", all_objects=True)
    a, b = add("beta 100%"), add("alpha", settings=other, export="week_ly")
    c, d = add("gamma"), add("delta")
    put(store, c, TaskStatus.COMPLETED, created=datetime.now(UTC) - timedelta(days=3))
    put(store, d, TaskStatus.FAILED)
    tasks = store.tasks

    assert names(tasks.list()) == ["delta", "alpha", "beta 100%", "gamma"]
    assert names(tasks.list(TaskFilter(descending=False))) == ["gamma", "beta 100%", "alpha", "delta"]
    since = datetime.now(UTC) - timedelta(days=2)
    assert names(tasks.list(TaskFilter(since=since))) == ["delta", "alpha", "beta 100%"]
    put(store, c, TaskStatus.QUEUED)
    assert names(tasks.list(TaskFilter(since=since)))[-1] == "gamma"
    assert names(tasks.list(TaskFilter(statuses=(TaskStatus.FAILED,)))) == ["delta"]
    assert names(tasks.list(TaskFilter(connection="Archive"))) == ["alpha"]
    assert names(tasks.list(TaskFilter(ids=(a.id, c.id)))) == ["beta 100%", "gamma"]
    assert names(tasks.list(TaskFilter(order=TaskOrder.NAME, descending=False, limit=2, offset=1))) == [
        "beta 100%", "delta",
    ]  # fmt: skip
    assert names(tasks.list(TaskFilter(order=TaskOrder.CONNECTION, descending=False)))[0] == "alpha"
    assert names(tasks.list(TaskFilter(order=TaskOrder.STATUS, descending=False)))[0] == "beta 100%"
    for text, found in {"ARCH": ["alpha"], "week_": ["alpha"], "100%": ["beta 100%"], "%": ["beta 100%"],
                        "_": ["alpha"], "\\": [], "' OR 1": []}.items():  # fmt: skip
        assert names(tasks.list(TaskFilter(text=text))) == found, text
        assert tasks.count(TaskFilter(text=text, limit=0)) == len(found)
    counts = tasks.counts()
    assert (counts[TaskStatus.QUEUED], counts[TaskStatus.FAILED], counts[TaskStatus.RUNNING]) == (3, 1, 0)
    assert b.position == 2


def test_positions_follow_the_queue(store: Store, add: Add) -> None:
    first, paused, second, longer = add("1"), add("p"), add("2"), add("l")
    now = datetime.now(UTC)
    put(store, paused, TaskStatus.QUEUED, not_before=now + timedelta(minutes=1))
    put(store, longer, TaskStatus.QUEUED, not_before=now + timedelta(minutes=2))
    found = {task.name: task.position for task in store.tasks.list()}
    assert found == {"1": 1, "2": 2, "p": 3, "l": 4}
    store.tasks.request_abort(first.id)
    assert store.tasks.get(second.id).position == 1
    assert store.tasks.get(first.id).position is None


def test_abort_by_status(store: Store, add: Add) -> None:
    queued = store.tasks.request_abort(add().id)
    assert queued.status is TaskStatus.ABORTED
    assert queued.ended is not None
    running = add()
    put(store, running, TaskStatus.RUNNING, slot=1, token="t")
    assert store.tasks.request_abort(running.id).status is TaskStatus.ABORTING
    assert store.claims.running()[0].force is False
    assert store.tasks.request_abort(running.id, force=True).status is TaskStatus.ABORTING
    assert store.claims.running()[0].force is True
    # Asking once more without force takes nothing back.
    store.tasks.request_abort(running.id)
    assert store.claims.running()[0].force is True
    publishing = add()
    put(store, publishing, TaskStatus.PUBLISHING)
    with pytest.raises(Conflict, match="about to finish"):
        store.tasks.request_abort(publishing.id)
    for status in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.ABORTED):
        ended = add()
        put(store, ended, status)
        with pytest.raises(Conflict, match=f"ended already: {status}"):
            store.tasks.request_abort(ended.id)


@pytest.mark.parametrize("status", list(TaskStatus))
def test_retry_by_status(store: Store, add: Add, status: TaskStatus) -> None:
    other, task = add(), add()
    put(store, task, status, retries=3, error='{"code": "x", "message": "m"}')
    if status in (TaskStatus.FAILED, TaskStatus.ABORTED):
        again = store.tasks.retry(task.id)
        assert (again.status, again.retries, again.error, again.ended) == (TaskStatus.QUEUED, 0, None, None)
        assert again.position == 2
        assert store.tasks.get(other.id).position == 1
    else:
        with pytest.raises(Conflict, match=str(status)):
            store.tasks.retry(task.id)


@pytest.mark.parametrize("status", list(TaskStatus))
def test_remove_by_status(store: Store, add: Add, status: TaskStatus) -> None:
    task = add()
    put(store, task, status)
    if status.ended:
        put(store, task, status, slot=2)
        with pytest.raises(Conflict, match="isn't gone yet"):
            store.tasks.remove(task.id)
        put(store, task, status, slot=None)
        store.tasks.remove(task.id)
        assert store.tasks.list() == []
    else:
        with pytest.raises(Conflict, match=str(status)):
            store.tasks.remove(task.id)


def test_the_store_itself_refuses_a_fourth_slot(store: Store, add: Add) -> None:
    for slot in (1, 2, 3):
        put(store, add(), TaskStatus.RUNNING, slot=slot)
    fourth = add()
    for slot in (0, 1, 3, 4):
        with pytest.raises(sa.exc.IntegrityError):
            put(store, fourth, TaskStatus.RUNNING, slot=slot)
