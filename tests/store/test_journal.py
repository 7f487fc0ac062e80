"""A worker's journal: durable, conditional on its token, cheap where it is called often."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy as sa

from core.errors import Aborted, ErrorInfo, LostClaim
from core.model.file_settings import FileSettings, IfExists
from core.model.settings import ExportSettings
from core.model.task import Checkpoint, Column, FileEntry, PartPlan, Snapshot, Task, TaskObject
from core.model.vocabulary import ObjectRef, ObjectStatus, ObjectType, TaskStatus
from core.store import Backoff, Store, tables
from core.store.journal import StoreJournal

NOW = datetime.now(UTC)
TRANSIENT = ErrorInfo(code="connection-lost", message="cut", transient=True)
FATAL = ErrorInfo(code="no-space", message="full")


def item(number: int, name: str, status: ObjectStatus = ObjectStatus.WAITING, **values: object) -> TaskObject:
    base: dict[str, object] = {
        "number": number,
        "ref": ObjectRef(ObjectType.TABLE, name),
        "data_status": status,
    }
    return TaskObject(**(base | values))  # type: ignore[arg-type]


def entry(path: str, owner: str | None) -> FileEntry:
    return FileEntry(path=path, kind="data", object=owner, rows=1, bytes=2, sha256="ab" * 32)


@pytest.fixture
def journal(store: Store, epoch: int, add: Callable[..., Task]) -> Iterator[StoreJournal]:
    add()
    claim = store.claims.claim_next(epoch, datetime.now(UTC))
    assert claim is not None
    held = StoreJournal(store, claim.task, claim.token, interval=0.05, backoff=Backoff(jitter=0))
    held.take_hold(4711, 4711, NOW)
    yield held
    held.close()


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_taking_hold(store: Store, journal: StoreJournal) -> None:
    assert journal.task().attempts == 1
    held = store.claims.running()[0]
    assert (held.pid, held.group) == (4711, 4711)
    with pytest.raises(LostClaim):
        journal.take_hold(5, 5, NOW)


def test_what_is_planned_is_kept_whole(store: Store, journal: StoreJournal) -> None:
    snapshot = Snapshot(id="scn 7", taken_at=NOW, reopens=True)
    full = item(
        0,
        "o\"r'd\n订单",
        schema_status=ObjectStatus.SUCCESS,
        total_rows=10,
        total_exact=True,
        columns=(Column(name="id", type="bigint"),),
        parts=(PartPlan(number=0, condition="id < 5", label="to 5", rows=5), PartPlan(number=1)),
        checkpoint=Checkpoint(parts=1, rows=5, offset=99, encoder={"commit": 3}),
        snapshot=snapshot,
        fingerprint="f",
        warnings=("careful",),
        started=NOW,
        ended=NOW,
        error=TRANSIENT,
    )
    objects = [full, item(1, "second")]
    assert journal.objects() == []
    journal.plan(objects, snapshot)
    fresh = StoreJournal(store, 1, journal._token)
    assert fresh.objects() == journal.objects() == store.tasks.objects(1) == objects
    task = journal.task()
    assert (task.snapshot, task.objects_total, task.total_rows) == (snapshot, 2, None)
    later = msgspec.structs.replace(snapshot, id="scn 8")
    journal.set_snapshot(later)
    assert journal.task().snapshot == later
    assert journal.task().objects_total == 2


def test_steps_and_sums(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a", total_rows=5), item(1, "b"), item(2, "c", total_rows=7)], None)
    running = item(0, "a", ObjectStatus.RUNNING, total_rows=6, processed_rows=3, processed_bytes=30)
    journal.update(running)
    assert store.tasks.objects(1)[0] == running
    done = msgspec.structs.replace(running, data_status=ObjectStatus.SUCCESS, processed_rows=6)
    journal.finish_object(done, [entry("TABLE/a.csv", "TABLE:a")])
    journal.finish_object(item(2, "c", ObjectStatus.FAILURE, error=FATAL), [])
    # Known at once to who asks the journal, and stored before whatever is stored next.
    assert [each.done for each in journal.objects()] == [True, False, False]
    journal.set_snapshot(Snapshot(id=None, taken_at=NOW, reopens=False))
    task = store.tasks.get(1)
    assert (task.objects_done, task.objects_failed, task.objects_total) == (1, 1, 3)
    assert (task.total_rows, task.processed_rows, task.processed_bytes) == (None, 6, 30)
    assert journal.files() == store.tasks.files(1) == [entry("TABLE/a.csv", "TABLE:a")]


def test_the_total_is_known_only_if_it_is_of_every_table(store: Store, journal: StoreJournal) -> None:
    view = msgspec.structs.replace(item(1, "v"), ref=ObjectRef(ObjectType.VIEW, "v"))
    journal.plan([item(0, "a", total_rows=5), view], None)
    assert store.tasks.get(1).total_rows == 5
    journal.plan([item(0, "a", total_rows=5), view, item(2, "b")], None)
    assert store.tasks.get(1).total_rows is None
    journal.update(item(2, "b", ObjectStatus.SUCCESS, total_rows=2, total_exact=True))
    assert store.tasks.get(1).total_rows == 7


def test_progress_is_stored_soon_and_seldom(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a"), item(1, "b")], None)
    before = store.database.changes()
    with Store.open(store.locations) as other:
        before = other.changes()
        writes, seen = 0, before
        end = time.monotonic() + 0.5
        rows = 0
        while time.monotonic() < end:
            rows += 1
            journal.progress(1, rows, rows * 10)
            if (now := other.changes()) != seen:
                writes, seen = writes + 1, now
        assert 2 <= writes <= 11
        journal.stage("reading b")
        wait(lambda: other.tasks.get(1).stage == "reading b")
        task = other.tasks.get(1)
        assert (task.processed_rows, task.processed_bytes) == (rows, rows * 10)
        assert task.stage_since is not None
        assert other.tasks.objects(1)[1].processed_rows == rows


def test_an_update_after_progress_says_what_holds(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a")], None)
    journal.progress(0, 50, 500)
    # Back to the checkpoint: the stored progress must not outlive it, stored or not.
    journal.update(item(0, "a", processed_rows=20, processed_bytes=200))
    journal.stage("again")
    wait(lambda: store.tasks.get(1).stage == "again")
    assert store.tasks.objects(1)[0].processed_rows == 20
    assert store.tasks.get(1).processed_rows == 20


def test_a_new_plan_keeps_files_of_what_is_done(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a"), item(1, "b")], None)
    for number, name in enumerate("ab"):
        journal.finish_object(
            item(number, name, ObjectStatus.SUCCESS), [entry(f"TABLE/{name}.csv", f"TABLE:{name}")]
        )
    journal.plan([item(0, "new"), item(1, "a"), item(2, "b", ObjectStatus.SUCCESS)], None)
    assert [file.path for file in journal.files()] == ["TABLE/b.csv"]
    journal.finish_object(item(2, "b", ObjectStatus.SUCCESS), [entry("TABLE/b2.csv", "TABLE:b")])
    assert [file.path for file in journal.files()] == ["TABLE/b2.csv"]


def test_a_task_that_is_done(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a")], None)
    journal.finish_object(item(0, "a", ObjectStatus.SUCCESS), [entry("TABLE/a.csv", "TABLE:a")])
    journal.publishing()
    assert store.tasks.get(1).status is TaskStatus.PUBLISHING
    journal.finish(None, published=True, files=[entry("load.sql", None)])
    task = store.tasks.get(1)
    assert (task.status, task.published, task.error, task.stage) == (TaskStatus.COMPLETED, True, None, "")
    assert task.ended is not None
    assert [file.path for file in store.tasks.files(1)] == ["TABLE/a.csv", "load.sql"]
    with pytest.raises(LostClaim):
        journal.update(item(0, "a"))


def test_a_transient_error_waits_for_its_turn(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a", ObjectStatus.RUNNING), item(1, "b", ObjectStatus.SUCCESS)], None)
    journal.finish(TRANSIENT, published=False)
    task = store.tasks.get(1)
    assert (task.status, task.retries, task.error, task.reason) == (
        TaskStatus.QUEUED, 1, TRANSIENT, "retry 1 of 3",
    )  # fmt: skip
    assert task.not_before is not None
    assert 29 < (task.not_before - datetime.now(UTC)).total_seconds() <= 30
    assert [o.data_status for o in store.tasks.objects(1)] == [ObjectStatus.WAITING, ObjectStatus.SUCCESS]


@pytest.mark.parametrize("limit", [0, 3])
def test_an_error_that_stays(store: Store, epoch: int, add: Callable[..., Task], limit: int) -> None:
    add(settings=ExportSettings(connection="shop", all_objects=True, retry_limit=limit))
    claim = store.claims.claim_next(epoch, datetime.now(UTC))
    assert claim is not None
    journal = StoreJournal(store, 1, claim.token)
    journal.plan([item(0, "a", ObjectStatus.RUNNING), item(1, "b")], None)
    error = TRANSIENT if limit == 0 else FATAL
    journal.finish(error, published=True)
    task = store.tasks.get(1)
    assert (task.status, task.error, task.published) == (TaskStatus.FAILED, error, True)
    assert [o.data_status for o in store.tasks.objects(1)] == [ObjectStatus.KILLED, ObjectStatus.WAITING]
    # What is tried again by hand keeps what is done, and forgets what went wrong.
    store.tasks.retry(1)
    assert [o.data_status for o in store.tasks.objects(1)] == [ObjectStatus.WAITING] * 2


def test_an_abort_wins_over_whatever_error_it_causes(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a", ObjectStatus.RUNNING), item(1, "b"), item(2, "c", ObjectStatus.SUCCESS)], None)
    store.tasks.request_abort(1)
    journal.progress(0, 1, 1)
    with pytest.raises(Aborted):
        journal.publishing()
    journal.finish(TRANSIENT, published=False)
    task = store.tasks.get(1)
    assert (task.status, task.error, task.not_before) == (TaskStatus.ABORTED, None, None)
    assert [o.data_status for o in store.tasks.objects(1)] == [
        ObjectStatus.KILLED, ObjectStatus.KILLED, ObjectStatus.SUCCESS,
    ]  # fmt: skip


def test_a_worker_that_was_stopped_from_outside_is_tried_again(store: Store, journal: StoreJournal) -> None:
    journal.finish(Aborted("Aborted on request.").info(), published=False)
    task = store.tasks.get(1)
    assert task.status is TaskStatus.QUEUED
    assert task.error is not None
    assert task.error.code == "worker-stopped"


@pytest.mark.parametrize("theft", ["token", "status", "row"])
def test_a_lost_claim_stops_every_write(store: Store, journal: StoreJournal, theft: str) -> None:
    journal.plan([item(0, "a")], None)
    with store.database.write() as db:
        this = tables.task.c.id == 1
        if theft == "token":
            db.execute(sa.update(tables.task).where(this).values(token="another"))
        elif theft == "status":
            db.execute(sa.update(tables.task).where(this).values(status="Failed"))
        else:
            db.execute(sa.delete(tables.task).where(this))
    for call in (
        journal.task,
        journal.objects,
        journal.files,
        lambda: journal.plan([], None),
        lambda: journal.update(item(0, "a", ObjectStatus.RUNNING)),
        lambda: journal.finish_object(item(0, "a"), []),
        lambda: journal.set_snapshot(Snapshot(id=None, taken_at=NOW, reopens=False)),
        lambda: journal.progress(0, 1, 1),
        lambda: journal.stage("x"),
        journal.publishing,
        lambda: journal.finish(None, published=True),
    ):
        with pytest.raises(LostClaim):
            call()
    if theft != "row":
        assert [o.data_status for o in store.tasks.objects(1)] == [ObjectStatus.WAITING]


def test_progress_learns_of_a_lost_claim(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a")], None)
    with store.database.write() as db:
        db.execute(sa.update(tables.task).values(token="another"))

    def lost() -> bool:
        try:
            journal.progress(0, 1, 1)
        except LostClaim:
            return True
        return False

    wait(lost)
    assert store.tasks.get(1).processed_rows == 0


def test_a_busy_store_costs_progress_nothing(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a")], None)
    with Store.open(store.locations) as other:
        with other.database.write():
            started = time.monotonic()
            for rows in range(100):
                journal.progress(0, rows, rows)
            assert time.monotonic() - started < 1
        wait(lambda: other.tasks.get(1).processed_rows == 99)


def test_two_tasks_at_work_never_have_one_place(
    store: Store, journal: StoreJournal, epoch: int, add: Callable[..., Task]
) -> None:
    here = journal.task().output
    assert journal.claim_output(here)
    add(output=here)
    claim = store.claims.claim_next(epoch, datetime.now(UTC))
    assert claim is not None
    other = StoreJournal(store, claim.task, claim.token)
    other.take_hold(4712, 4712, NOW)
    assert not other.claim_output(here)
    assert other.claim_output(f"{here}-2")
    assert other.task().output == f"{here}-2"
    assert journal.claim_output(here)
    # What is over holds no place.
    other.finish(FATAL, published=False)
    assert journal.claim_output(f"{here}-2")


def test_a_task_that_replaced_anothers_output_has_it_alone(
    store: Store, epoch: int, add: Callable[..., Task]
) -> None:
    settings = ExportSettings(
        connection="shop", all_objects=True, files=FileSettings(if_exists=IfExists.REPLACE)
    )
    numbers = []
    for _ in range(2):
        numbers.append(add(output="/out/nightly", settings=settings).id)
        claim = store.claims.claim_next(epoch, datetime.now(UTC))
        assert claim is not None
        held = StoreJournal(store, claim.task, claim.token)
        held.take_hold(4711, 4711, NOW)
        held.publishing()
        held.finish(None, published=True)
    assert [store.tasks.get(number).published for number in numbers] == [False, True]


def test_ends_of_objects_are_stored_soon_and_together(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(number, f"t{number}") for number in range(50)], None)
    before = store.database.changes()
    for number in range(50):
        running = item(number, f"t{number}", ObjectStatus.RUNNING, processed_rows=1)
        journal.note(running)
        done = msgspec.structs.replace(running, data_status=ObjectStatus.SUCCESS)
        journal.finish_object(done, [entry(f"TABLE/t{number}.csv", f"TABLE:t{number}")])
    deadline = time.monotonic() + 10
    while store.tasks.get(1).objects_done < 50:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert store.database.changes() - before < 25
    assert len(store.tasks.files(1)) == 50


def test_what_is_noted_is_seen_soon(store: Store, journal: StoreJournal) -> None:
    journal.plan([item(0, "a")], None)
    running = item(0, "a", ObjectStatus.RUNNING, processed_rows=7, fingerprint="f")
    journal.note(running)
    deadline = time.monotonic() + 10
    while store.tasks.objects(1) != [running]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
