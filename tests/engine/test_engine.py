"""The engine on real processes: slots, order, times, aborts, retries."""

from __future__ import annotations

import itertools
import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from core.errors import Conflict
from core.model.connection import Connection
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret
from core.model.settings import ExportSettings, SysAccount
from core.model.vocabulary import Mode, TaskStatus
from core.pipeline.place import token_of
from core.secrets import store_password
from tests.engine.conftest import IMPATIENT, QUICK, Bench


def overlap(trace: list[tuple[str, int, int, float]]) -> int:
    """The largest number of attempts at work at the same time."""
    at = most = 0
    for what, _, _, _ in trace:
        at += 1 if what == "begin" else -1
        most = max(most, at)
    return most


def test_a_task_runs(bench: Bench) -> None:
    number = bench.add("ok")
    engine = bench.engine()
    task = bench.wait_status(number, TaskStatus.COMPLETED)
    assert (task.attempts, task.retries, task.published) == (1, 0, True)
    bench.wait(lambda: not bench.store.claims.running())
    assert "INFO  Pretending: ok" in bench.log(number)
    assert (bench.locations.task_log(number).stat().st_mode & 0o777) == 0o600
    assert bench.locations.worker_output(number).read_text() == ""
    engine.terminate()
    assert engine.wait(10) == 0
    assert bench.store.lease.state().holder is None


def test_ten_engines_run_each_task_once_and_three_at_most(bench: Bench) -> None:
    numbers = [bench.add("sleep 0.3") for _ in range(9)]
    for _ in range(10):
        bench.engine()
    for number in numbers:
        bench.wait_status(number, TaskStatus.COMPLETED, 60)
    trace = bench.trace()
    assert [bench.begun(number) for number in numbers] == [1] * 9
    assert overlap(trace) <= 3
    assert all(bench.task(number).attempts == 1 for number in numbers)


def test_first_in_first_out(bench: Bench) -> None:
    numbers = [bench.add("sleep 0.2") for _ in range(7)]
    bench.engine()
    for number in numbers:
        bench.wait_status(number, TaskStatus.COMPLETED)
    started = [bench.task(number).started for number in numbers]
    assert started == sorted(started, key=lambda at: at or datetime.now(UTC))
    assert overlap(bench.trace()) <= 3


def test_three_at_once_and_the_fourth_waits(bench: Bench) -> None:
    bench.engine()
    numbers = [bench.add("obey") for _ in range(4)]
    for number in numbers[:3]:
        bench.wait_begun(number)
    assert (bench.task(numbers[3]).status, bench.task(numbers[3]).position) == (TaskStatus.QUEUED, 1)
    bench.store.tasks.request_abort(numbers[1])
    bench.wait_begun(numbers[3])
    assert bench.task(numbers[1]).status is TaskStatus.ABORTED


def test_a_timed_task_starts_at_its_time(bench: Bench) -> None:
    at = datetime.now(UTC) + timedelta(seconds=1.5)
    number = bench.add("ok", not_before=at)
    bench.engine()
    task = bench.wait_status(number, TaskStatus.COMPLETED)
    assert task.started is not None
    assert timedelta(0) <= task.started - at < timedelta(seconds=3)


def test_abort_in_good_time(bench: Bench) -> None:
    bench.engine(msgspec.structs.replace(QUICK, grace=600))
    number = bench.add("obey")
    bench.wait_begun(number)
    bench.store.tasks.request_abort(number)
    task = bench.wait_status(number, TaskStatus.ABORTED, 10)
    assert task.error is None
    bench.wait(lambda: not bench.store.claims.running())


def test_a_worker_that_doesnt_listen_is_killed_after_the_grace(bench: Bench) -> None:
    bench.engine()
    number = bench.add("deaf")
    bench.wait_begun(number)
    started = time.monotonic()
    bench.store.tasks.request_abort(number)
    bench.wait_status(number, TaskStatus.ABORTED)
    assert QUICK.grace <= time.monotonic() - started < QUICK.grace + 3
    assert not bench.locked(number)


def test_a_second_abort_doesnt_wait(bench: Bench) -> None:
    bench.engine(msgspec.structs.replace(QUICK, grace=60))
    number = bench.add("deaf")
    bench.wait_begun(number)
    bench.store.tasks.request_abort(number)
    time.sleep(0.3)
    assert bench.task(number).status is TaskStatus.ABORTING
    bench.store.tasks.request_abort(number, force=True)
    bench.wait_status(number, TaskStatus.ABORTED, 3)


def test_what_a_killed_worker_has_left_is_removed(bench: Bench, tmp_path: Path) -> None:
    bench.engine(msgspec.structs.replace(QUICK, grace=60))
    number = bench.add("deaf", output=str(tmp_path / "out"))
    work = tmp_path / f".partial-{number}-{token_of(bench.task(number))}"
    work.mkdir()
    (work / "half.csv").write_text("1,")
    bench.wait_begun(number)
    bench.store.tasks.request_abort(number, force=True)
    bench.wait_status(number, TaskStatus.ABORTED)
    bench.wait(lambda: not work.exists())


def test_publishing_isnt_aborted(bench: Bench) -> None:
    bench.engine()
    number = bench.add("publish 0.5")
    bench.wait_status(number, TaskStatus.PUBLISHING)
    with pytest.raises(Conflict, match="about to finish"):
        bench.store.tasks.request_abort(number, force=True)
    bench.wait_status(number, TaskStatus.COMPLETED)


def test_a_killed_worker_is_tried_again(bench: Bench) -> None:
    bench.engine()
    number = bench.add("sleep 30")
    os.kill(bench.wait_begun(number), signal.SIGKILL)
    bench.wait(lambda: bench.begun(number) == 2)
    task = bench.task(number)
    assert (task.attempts, task.retries) == (2, 1)
    assert task.error is not None
    assert task.error.code == "worker-lost"
    assert "signal 9" in task.error.message


def test_a_worker_that_is_told_to_end_from_outside_is_tried_again(bench: Bench) -> None:
    bench.engine()
    number = bench.add("obey")
    os.kill(bench.wait_begun(number), signal.SIGTERM)
    bench.wait(lambda: bench.begun(number) == 2)
    assert bench.task(number).status is TaskStatus.RUNNING


def test_hang_up_and_interrupt_dont_reach_a_worker(bench: Bench) -> None:
    bench.engine()
    number = bench.add("sleep 0.6")
    pid = bench.wait_begun(number)
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    assert bench.wait_status(number, TaskStatus.COMPLETED).attempts == 1
    assert os.getsid(0) != pid


def test_transient_errors_are_retried_up_to_the_limit(bench: Bench) -> None:
    flaky, transient, fatal, bug = (
        bench.add("flaky"),
        bench.add("transient"),
        bench.add("fatal"),
        bench.add("bug"),
    )
    bench.engine()
    assert bench.wait_status(flaky, TaskStatus.COMPLETED).attempts == 2
    failed = bench.wait_status(transient, TaskStatus.FAILED)
    assert (failed.attempts, failed.retries) == (4, 3)
    begun = [at for what, task, _, at in bench.trace() if task == transient]
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert pauses[0] >= 0.2 * 0.8
    assert bench.wait_status(fatal, TaskStatus.FAILED).attempts == 1
    internal = bench.wait_status(bug, TaskStatus.FAILED)
    assert internal.attempts == 1
    assert internal.error is not None
    assert internal.error.code == "internal"
    log = bench.log(bug)
    assert "ZeroDivisionError" in log
    assert all(" ERROR " in line for line in log.splitlines() if "Traceback" in line or "File " in line)


def test_a_pause_holds_no_slot(bench: Bench) -> None:
    slow = msgspec.structs.replace(
        QUICK, backoff=msgspec.structs.replace(QUICK.backoff, first=60.0, longest=60.0)
    )
    paused = [bench.add("transient") for _ in range(3)]
    bench.engine(slow)
    for number in paused:
        bench.wait(lambda n=number: bench.task(n).retries == 1)  # type: ignore[misc]
    bench.wait_status(bench.add("ok"), TaskStatus.COMPLETED)
    assert bench.task(paused[0]).status is TaskStatus.QUEUED
    bench.store.tasks.request_abort(paused[0])
    assert bench.store.tasks.retry(paused[0]).not_before is None


def test_retry_by_hand(bench: Bench) -> None:
    bench.engine()
    number = bench.add("fatal")
    bench.wait_status(number, TaskStatus.FAILED)
    bench.store.tasks.retry(number)
    bench.wait(lambda: bench.begun(number) == 2)
    assert bench.wait_status(number, TaskStatus.FAILED).attempts == 2


def test_a_worker_that_ends_in_silence_is_lost(bench: Bench) -> None:
    bench.engine()
    number = bench.add("exit 5", settings=ExportSettings(connection="shop", all_objects=True, retry_limit=0))
    task = bench.wait_status(number, TaskStatus.FAILED)
    assert task.error is not None
    assert "status 5" in task.error.message


def test_a_worker_that_never_takes_hold_costs_no_attempt(bench: Bench) -> None:
    number = bench.add("ok")
    stuck = bench.engine(IMPATIENT, FAKE_WORKER="never")
    bench.wait_status(number, TaskStatus.RUNNING)
    claimed = time.monotonic()
    bench.wait(lambda: "never took hold" in (bench.locations.home / "engine-0.log").read_text())
    assert time.monotonic() - claimed >= IMPATIENT.claim / 2
    stuck.kill()
    stuck.wait()
    bench.engine()
    task = bench.wait_status(number, TaskStatus.COMPLETED)
    assert (task.attempts, task.retries) == (1, 0)


def test_a_worker_that_dies_before_it_begins_is_not_started_for_ever(bench: Bench) -> None:
    number = bench.add("ok")
    bench.engine(FAKE_WORKER="die")
    task = bench.wait_status(number, TaskStatus.FAILED)
    assert (task.attempts, task.retries) == (0, 3)
    assert task.error is not None
    assert "status 9" in task.error.message


def test_a_lost_claim_stops_the_worker(bench: Bench) -> None:
    engine = bench.engine()
    number = bench.add("steps")
    bench.wait_begun(number)
    engine.kill()
    with bench.store.database.write() as db:
        db.exec_driver_sql("UPDATE task SET token = 'somebody else'")
    bench.wait(lambda: not bench.locked(number))
    assert "WARN  Task 1 no longer belongs to this worker." in bench.log(number)
    assert bench.task(number).status is TaskStatus.RUNNING


def test_passwords_come_by_pipe_and_stay_out_of_sight(bench: Bench) -> None:
    canary, other = "canary-in-a-coal-mine-1", "canary-in-a-coal-mine-2"
    store_password(bench.locations, "k", canary)
    bench.store.connections.add(
        Connection(name="db", mode=Mode.MYSQL, host="h", port=1, user="u", secret=FileSecret(key="k"))
    )
    settings = ExportSettings(
        connection="db",
        all_objects=True,
        sys_account=SysAccount(account="root", secret=EnvironmentSecret(variable="CANARY")),
    )
    bench.engine(CANARY=other)
    waiting, number = bench.add("sleep 1", settings=settings), bench.add("secret", settings=settings)
    pid = bench.wait_begun(waiting)
    for kind in ("cmdline", "environ"):
        assert b"canary" not in Path(f"/proc/{pid}/{kind}").read_bytes()
    bench.wait_status(number, TaskStatus.COMPLETED)
    assert "password *** and ***" in bench.log(number)
    for path in bench.locations.home.rglob("*"):
        if path.is_file() and path != bench.locations.secrets:
            assert b"canary-in-a" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (EnvironmentSecret(variable="NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE"),
        (CommandSecret(command="exit 3"), "status 3"),
    ],
)
def test_a_password_that_cant_be_had_fails_the_task(
    bench: Bench, secret: EnvironmentSecret | CommandSecret, message: str
) -> None:
    bench.store.connections.add(
        Connection(name="db", mode=Mode.MYSQL, host="h", port=1, user="u", secret=secret)
    )
    bench.engine()
    number = bench.add("ok", settings=ExportSettings(connection="db", all_objects=True))
    task = bench.wait_status(number, TaskStatus.FAILED)
    assert task.error is not None
    assert task.error.code == "secret"
    assert message in task.error.message
    assert bench.store.claims.running() == []


def test_a_connection_that_is_gone_fails_the_task(bench: Bench) -> None:
    bench.engine()
    number = bench.add("ok", settings=ExportSettings(connection="gone", all_objects=True))
    task = bench.wait_status(number, TaskStatus.FAILED)
    assert task.error is not None
    assert "Connection 'gone'" in task.error.message


def slow_password(bench: Bench) -> int:
    """A task that waits for the password of its connection."""
    secret = CommandSecret(command="sleep 20; echo x")
    bench.store.connections.add(
        Connection(name="db", mode=Mode.MYSQL, host="h", port=1, user="u", secret=secret)
    )
    number = bench.add("ok", settings=ExportSettings(connection="db", all_objects=True))
    bench.engine(IMPATIENT)
    bench.wait_status(number, TaskStatus.RUNNING)
    return number


def test_a_slow_password_holds_up_nothing(bench: Bench) -> None:
    number = slow_password(bench)
    quick = bench.add("ok")
    bench.wait(lambda: bench.begun(quick))
    # Longer than a claim waits for its worker: the engine knows that it is at it.
    time.sleep(IMPATIENT.claim)
    assert bench.task(number).status is TaskStatus.RUNNING
    bench.store.tasks.request_abort(number)
    bench.wait_status(number, TaskStatus.ABORTED, 5)
    bench.wait(lambda: not bench.store.claims.running())
    assert bench.begun(number) == 0


def test_an_engine_that_ends_gives_back_what_it_has_not_started(bench: Bench) -> None:
    number = slow_password(bench)
    bench.engines[0].terminate()
    assert bench.engines[0].wait(10) == 0
    task = bench.task(number)
    assert (task.status, task.position, task.attempts) == (TaskStatus.QUEUED, 1, 0)


def test_a_worker_that_lingers_after_its_end_is_killed(bench: Bench) -> None:
    bench.engine()
    number = bench.add("linger")
    bench.wait_status(number, TaskStatus.COMPLETED)
    assert bench.locked(number)
    assert [slot.task for slot in bench.store.claims.running()] == [number]
    bench.wait(lambda: not bench.store.claims.running())
    assert not bench.locked(number)
    assert bench.task(number).status is TaskStatus.COMPLETED


def test_draining_ends_when_nothing_is_left(bench: Bench) -> None:
    numbers = [bench.add("flaky"), bench.add("ok", not_before=datetime.now(UTC) + timedelta(seconds=1))]
    far = bench.add("ok", not_before=datetime.now(UTC) + timedelta(hours=1))
    engine = bench.engine(until="DRAINED")
    assert engine.wait(30) == 0
    assert [bench.task(number).status for number in numbers] == [TaskStatus.COMPLETED] * 2
    assert bench.task(far).status is TaskStatus.SCHEDULED
    assert bench.store.lease.state().holder is None
    assert bench.store.claims.running() == []


def test_workers_leave_no_zombies(bench: Bench) -> None:
    engine = bench.engine()

    def children() -> list[str]:
        found: list[str] = []
        for thread in Path(f"/proc/{engine.pid}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that has just ended has none
                found += (thread / "children").read_text().split()
        return found

    numbers = [bench.add("sleep 0.3") for _ in range(4)]
    assert str(bench.wait_begun(numbers[0])) in children()
    for number in numbers:
        bench.wait_status(number, TaskStatus.COMPLETED)
    bench.wait(lambda: children() == [])
