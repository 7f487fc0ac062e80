"""What is old is forgotten, with everything it left; what is young, or at work, stays."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from core.engine.headless import configured
from core.engine.housekeeping import tidy
from core.engine.numbers import Numbers
from core.errors import InvalidDefinition, LostClaim
from core.locks import FileLock
from core.model.destination import Destination
from core.model.vocabulary import TaskStatus
from core.pipeline.place import token_of
from tests.engine.conftest import QUICK, Bench

NOW = datetime.now(UTC)


def ended(bench: Bench, age: timedelta) -> int:
    """A task that ended so long ago, with all that one leaves."""
    number = bench.add()
    bench.store.tasks.request_abort(number)
    with bench.store.database.write() as db:
        at = int((NOW - age).timestamp() * 1e6)
        db.exec_driver_sql("UPDATE task SET ended = ? WHERE id = ?", (at, number))
    leave(bench, number)
    return number


def leave(bench: Bench, number: int) -> None:
    locations = bench.locations
    log = locations.task_log(number)
    for path in (
        log,
        log.with_name(f"{log.name}.000001"),
        locations.worker_output(number),
        locations.task_lock(number),
    ):
        path.write_text("x")


def left(bench: Bench, number: int) -> tuple[int, int]:
    """How many logs, how many locks."""
    return tuple(  # type: ignore[return-value]
        len(list(directory.glob(f"task-{number}.*")))
        for directory in (bench.locations.logs, bench.locations.locks)
    )


def test_logs_go_first_then_tasks(bench: Bench) -> None:
    young, middle, old = (ended(bench, timedelta(days=days)) for days in (13, 15, 31))
    waiting = bench.add()
    leave(bench, waiting)
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    tidy(bench.store, epoch, Numbers(), NOW)
    assert {task.id for task in bench.store.tasks.list()} == {young, middle, waiting}
    assert [left(bench, n) for n in (young, middle, old, waiting)] == [(3, 1), (0, 1), (0, 0), (3, 1)]


def test_unfinished_files_go_with_their_task(bench: Bench, tmp_path: Path) -> None:
    number = bench.add(output=str(tmp_path / "out"))
    task = bench.task(number)
    own, foreign = tmp_path / f".partial-{number}-{token_of(task)}", tmp_path / ".partial-9-abc"
    for directory in (own, foreign, tmp_path / "out"):
        directory.mkdir()
        (directory / "t.csv").write_text("1")
    bench.store.tasks.request_abort(number)
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    tidy(bench.store, epoch, Numbers(), NOW + timedelta(days=31))
    assert sorted(path.name for path in tmp_path.glob("*/t.csv")) == ["t.csv", "t.csv"]
    assert not own.exists()
    assert foreign.exists()


def test_what_was_sent_elsewhere_is_named_when_its_task_is_forgotten(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine talks to no destination: whoever wants it gone is told what it is called."""
    bench.store.destinations.add(Destination(name="lake", url="s3://bucket/in"))
    numbers = [bench.add(output="lake:shop/nightly"), bench.add(output="lake:never/tried")]
    token = token_of(bench.task(numbers[0]))
    with bench.store.database.write() as db:
        at = int((NOW - timedelta(days=31)).timestamp() * 1e6)
        db.exec_driver_sql("UPDATE task SET status = 'Failed', queue_number = NULL, ended = ?", (at,))
        db.exec_driver_sql("UPDATE task SET attempts = 2 WHERE id = ?", (numbers[0],))
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    # An application that hosted an engine in this process before keeps its words to its own log.
    monkeypatch.setattr(logging.getLogger("offramp"), "propagate", True)
    with caplog.at_level("WARNING", "offramp.engine"):
        tidy(bench.store, epoch, Numbers(), NOW)
    (said,) = caplog.messages
    assert f"task {numbers[0]}" in said
    assert f"'lake:shop/nightly' may still be there, called .partial-{numbers[0]}-{token}" in said


def test_a_lock_that_is_held_stays(bench: Bench) -> None:
    lock = FileLock(bench.locations.task_lock(99))
    assert lock.acquire()
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    tidy(bench.store, epoch, Numbers(), NOW)
    assert lock.path.exists()
    lock.release()
    tidy(bench.store, epoch, Numbers(), NOW)
    assert not lock.path.exists()


def test_nothing_is_forgotten_where_everything_is_kept(bench: Bench) -> None:
    old = ended(bench, timedelta(days=1000))
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "a test")
    assert epoch is not None
    tidy(bench.store, epoch, Numbers(keep_tasks=None, keep_logs=None), NOW)
    assert left(bench, old) == (3, 1)
    assert bench.task(old).status is TaskStatus.ABORTED


def test_only_the_engine_that_serves_forgets(bench: Bench) -> None:
    old = ended(bench, timedelta(days=31))
    with pytest.raises(LostClaim):
        tidy(bench.store, 7, msgspec.structs.replace(Numbers(), keep_logs=None), NOW)
    assert bench.task(old)


def test_the_engine_does_it_by_itself(bench: Bench) -> None:
    old = ended(bench, timedelta(days=31))
    bench.engine(msgspec.structs.replace(QUICK, housekeeping=0.1))
    bench.wait(lambda: left(bench, old) == (0, 0))
    later = ended(bench, timedelta(days=31))
    bench.wait(lambda: left(bench, later) == (0, 0))


def test_the_settings_file_has_a_say(bench: Bench) -> None:
    assert configured(bench.locations) == Numbers()
    bench.locations.preferences.write_text("keep_tasks_days = 3\nkeep_logs_days = 0\n")
    numbers = configured(bench.locations)
    assert (numbers.keep_tasks, numbers.keep_logs) == (timedelta(days=3), None)
    bench.locations.preferences.write_text("keep_task_days = 3\n")
    with pytest.raises(InvalidDefinition, match="keep_task_days"):
        configured(bench.locations)
