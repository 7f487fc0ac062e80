"""Engines that die, stop or hang: what they leave is taken over, and nothing runs twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from core.engine import background
from core.engine.lease import EngineLease, is_served
from core.engine.numbers import Numbers
from core.engine.successor import Successor
from core.errors import LostClaim, OfframpError, StoreBusy
from core.locks import FileLock, is_locked
from core.model.vocabulary import TaskStatus
from core.store import Store
from core.store.alone import store_lock
from tests.engine.conftest import IMPATIENT, QUICK, SERVE, Bench


class Clock:
    """A monotonic clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def engine_lease(bench: Bench, clock: Clock, numbers: Numbers | None = None) -> EngineLease:
    return EngineLease(bench.store.lease, bench.locations, numbers or Numbers(), clock)


def stop_between_transactions(bench: Bench, engine: subprocess.Popen[bytes]) -> None:
    """One that is stopped within a transaction holds the store as long as it is."""
    while True:
        engine.send_signal(signal.SIGSTOP)
        try:
            with bench.store.database.write(counts=False):
                return
        except StoreBusy:
            engine.send_signal(signal.SIGCONT)


def test_a_killed_engine_is_followed_at_once_and_its_task_goes_on(bench: Bench) -> None:
    first = bench.engine()
    number = bench.add("obey")
    pid = bench.wait_begun(number)
    first.kill()
    first.wait()
    queued = bench.add("ok")
    # The kernel's lock is free with its holder: nobody waits for the lease to run out.
    bench.engine(msgspec.structs.replace(QUICK, lease=600))
    bench.wait_status(queued, TaskStatus.COMPLETED)
    assert bench.pid(number) == pid
    assert (bench.begun(number), bench.task(number).attempts) == (1, 1)
    bench.store.tasks.request_abort(number)
    bench.wait_status(number, TaskStatus.ABORTED)
    bench.wait(lambda: not bench.locked(number))


def test_a_stopped_engine_is_followed_and_steps_back_when_it_wakes(bench: Bench) -> None:
    first = bench.engine()
    number = bench.add("sleep 6")
    bench.wait_begun(number)
    stop_between_transactions(bench, first)
    try:
        epoch = bench.store.lease.state().epoch
        second = bench.engine()
        # A machine that stands still for longer than the lease may see it change hands once more.
        bench.wait(lambda: bench.store.lease.state().epoch > epoch)
        bench.wait_status(bench.add("ok"), TaskStatus.COMPLETED)
    finally:
        first.send_signal(signal.SIGCONT)
    log = bench.locations.home / "engine-0.log"
    bench.wait(lambda: "Another engine has taken over" in log.read_text())
    bench.wait_status(number, TaskStatus.COMPLETED)
    assert bench.task(number).attempts == 1
    # The lock went to the new holder with the step back; and from there back again.
    bench.wait(lambda: is_served(bench.store, QUICK))
    taken = bench.store.lease.state().epoch
    second.kill()
    second.wait()
    bench.wait_status(bench.add("ok"), TaskStatus.COMPLETED)
    assert bench.store.lease.state().epoch > taken


def test_an_engine_that_is_told_to_end_leaves_its_workers(bench: Bench) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        engine = bench.engine()
        task = bench.add("sleep 1.5")
        pid = bench.wait_begun(task)
        engine.send_signal(number)
        assert engine.wait(10) == 0
        os.kill(pid, 0)
        assert bench.store.lease.state().holder is None
        bench.wait(lambda task=task: bench.task(task).status is TaskStatus.COMPLETED)  # type: ignore[misc]
        assert bench.task(task).attempts == 1


def test_engine_and_worker_killed_together(bench: Bench) -> None:
    first = bench.engine()
    number = bench.add("sleep 30")
    pid = bench.wait_begun(number)
    first.kill()
    os.kill(pid, signal.SIGKILL)
    first.wait()
    bench.engine()
    bench.wait(lambda: bench.begun(number) == 2)
    assert bench.task(number).retries == 1


def test_a_claim_whose_engine_died_before_the_worker_began(bench: Bench) -> None:
    epoch = bench.store.lease.acquire(bench.store.lease.state(), "an engine that is gone")
    number = bench.add("ok")
    assert epoch is not None

    assert bench.store.claims.claim_next(epoch, datetime.now(UTC)) is not None
    impatient = bench.engine(IMPATIENT)
    bench.wait(lambda: "never took hold" in (bench.locations.home / "engine-0.log").read_text())
    impatient.kill()
    bench.engine()
    task = bench.wait_status(number, TaskStatus.COMPLETED)
    assert (task.attempts, task.retries) == (1, 0)


def test_an_engine_whose_store_was_taken_away_ends(bench: Bench) -> None:
    engine = bench.engine()
    bench.wait(lambda: is_served(bench.store, QUICK))
    bench.locations.store.rename(bench.locations.home / "elsewhere")
    assert engine.wait(10) != 0
    assert "removed or replaced" in (bench.locations.home / "engine-0.log").read_text()
    (bench.locations.home / "elsewhere").rename(bench.locations.store)


def test_an_abort_outlives_the_engine_that_was_asked(bench: Bench) -> None:
    first = bench.engine(msgspec.structs.replace(QUICK, grace=60))
    number = bench.add("deaf")
    bench.wait_begun(number)
    bench.store.tasks.request_abort(number)
    time.sleep(0.2)
    first.kill()
    first.wait()
    bench.engine()
    bench.wait_status(number, TaskStatus.ABORTED)


def test_the_lease_is_taken_when_its_lock_is_free(bench: Bench) -> None:
    clock = Clock()
    first, second = engine_lease(bench, clock), engine_lease(bench, clock)
    assert first.acquire()
    assert not second.acquire()
    first.drop()
    assert second.acquire()
    assert second.epoch == 2


def test_the_lease_is_taken_when_its_counter_stands_still(bench: Bench) -> None:
    clock, other = Clock(), Clock()
    numbers = Numbers(renew_jitter=0)
    first, second = engine_lease(bench, clock, numbers), engine_lease(bench, other, numbers)
    assert first.acquire()
    for _ in range(5):
        clock.now += 5
        other.now += 5
        first.renew()
        assert not second.acquire()
    assert second.alive
    # From the moment of the last renewal that was seen, on the observer's clock alone.
    clock.now += 1_000_000
    other.now += 14.9
    assert not second.acquire()
    assert not first.trusted
    other.now += 0.2
    assert second.acquire()
    with pytest.raises(LostClaim):
        first.renew()
    first.drop()
    assert second.trusted
    other.now += 5
    second.renew()
    assert FileLock(bench.locations.engine_lock).acquire() is False


def test_a_holder_distrusts_itself_before_others_do(bench: Bench) -> None:
    clock = Clock()
    lease = engine_lease(bench, clock)
    assert lease.acquire()
    clock.now += 12.9
    assert lease.trusted
    clock.now += 0.2
    assert not lease.trusted
    lease.renew()
    assert lease.trusted
    lease.release()
    assert not lease.trusted


def test_renewals_are_spread(bench: Bench) -> None:
    clock = Clock()
    lease = engine_lease(bench, clock)
    assert lease.acquire()
    spaces = []
    for _ in range(30):
        last, counter = clock.now, bench.store.lease.state().counter
        while bench.store.lease.state().counter == counter:
            clock.now += 0.1
            lease.renew()
        spaces.append(round(clock.now - last, 1))
    assert 3.9 <= min(spaces) < max(spaces) <= 6.2


# A newer Offramp


def test_an_engine_leaves_to_whoever_asks_and_comes_back_when_that_one_has_gone(bench: Bench) -> None:
    engine = bench.engine()
    number = bench.add("sleep 1.5")
    pid = bench.wait_begun(number)
    asking = FileLock(store_lock(bench.locations))
    assert asking.acquire(timeout=5)
    log = bench.locations.home / "engine-0.log"
    bench.wait(lambda: "A newer Offramp asks for the store" in log.read_text())
    queued = bench.add("ok")
    # What runs is looked after to its end, and nothing is begun.
    assert holder(bench.store) == engine.pid
    assert bench.pid(number) == pid
    bench.wait_status(number, TaskStatus.COMPLETED)
    bench.wait(lambda: holder(bench.store) is None)
    bench.wait(lambda: not is_locked(bench.locations.engine_lock))
    assert bench.begun(queued) == 0
    # Nobody migrated: the asking one died.
    asking.release()
    bench.wait_status(queued, TaskStatus.COMPLETED)
    assert holder(bench.store) == engine.pid
    assert "Nobody asks for the store any more" in log.read_text()


def test_one_that_holds_the_lock_for_a_moment_asks_for_nothing(bench: Bench) -> None:
    clock = Clock()
    successor = Successor(bench.locations, QUICK, clock)
    making = FileLock(store_lock(bench.locations))
    for _ in range(3):
        assert making.acquire(timeout=5)
        assert not successor.asks()
        assert successor.locked
        making.release()
        assert not successor.asks()
        assert not successor.locked
    assert making.acquire(timeout=5)
    assert [successor.asks(), successor.asks()] == [False, True]
    making.release()
    clock.now += QUICK.lease - 0.1
    assert successor.asks()
    clock.now += 0.2
    assert not successor.asks()


def test_an_abort_is_heeded_while_a_newer_one_waits(bench: Bench) -> None:
    bench.engine()
    number = bench.add("obey")
    bench.wait_begun(number)
    asking = FileLock(store_lock(bench.locations))
    assert asking.acquire(timeout=5)
    bench.store.tasks.request_abort(number)
    bench.wait_status(number, TaskStatus.ABORTED)
    bench.wait(lambda: holder(bench.store) is None)
    asking.release()


# In the background


def start_background(home: Path) -> subprocess.Popen[bytes]:
    """A program that wants an engine."""
    program = (
        "import sys, json, msgspec; from pathlib import Path; from core.engine.background import ensure_engine;"
        "from core.engine.numbers import Numbers; from core.locations import Locations;"
        "home, numbers, command = sys.argv[1:];"
        "ensure_engine(Locations(Path(home)), numbers=msgspec.json.decode(numbers, type=Numbers),"
        " command=json.loads(command))"
    )
    numbers = msgspec.json.encode(QUICK).decode()
    command = [sys.executable, "-P", str(SERVE), str(home), numbers, "IDLE"]
    return subprocess.Popen([sys.executable, "-P", "-c", program, home, numbers, json.dumps(command)])


def holder(store: Store) -> int | None:
    words = store.lease.state().holder
    return int(words.split()[1]) if words else None


def test_ten_programs_start_one_engine_that_ends_by_itself(bench: Bench) -> None:
    number = bench.add("obey")
    programs = [start_background(bench.locations.home) for _ in range(10)]
    assert [program.wait(60) for program in programs] == [0] * 10
    assert bench.store.lease.state().epoch == 1
    pid = holder(bench.store)
    assert pid is not None
    try:
        assert os.getsid(pid) == pid
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        os.kill(pid, signal.SIGHUP)
        bench.wait_begun(number)
        bench.store.tasks.request_abort(number)
        bench.wait_status(number, TaskStatus.ABORTED)
        bench.wait(lambda: bench.store.lease.state().holder is None)
        bench.wait(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert "Serving store" in bench.locations.engine_log.read_text()
    assert (bench.locations.engine_log.stat().st_mode & 0o777) == 0o600


def test_where_one_serves_none_is_started(bench: Bench) -> None:
    bench.engine()
    bench.wait(lambda: is_served(bench.store, QUICK))
    background.ensure_engine(bench.locations, numbers=QUICK, command=["/no/such/command"])
    second = bench.engine(until="IDLE")
    assert second.wait(10) == 0
    assert bench.store.lease.state().epoch == 1


def test_an_engine_that_cant_be_started_says_so(bench: Bench) -> None:
    with pytest.raises(OfframpError, match="status 7"):
        background.ensure_engine(bench.locations, command=[sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(OfframpError, match="No such file"):
        background.ensure_engine(bench.locations, command=["/no/such/command"])
    with pytest.raises(OfframpError, match="too long"):
        background.ensure_engine(
            bench.locations, command=[sys.executable, "-c", "import time; time.sleep(2)"], timeout=0.3
        )


def test_the_log_of_engines_is_kept_short(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOG_LIMIT", 100)
    bench.locations.engine_log.write_text("old " * 100)
    with pytest.raises(OfframpError):
        background.ensure_engine(bench.locations, command=[sys.executable, "-c", "raise SystemExit('new')"])
    assert bench.locations.engine_log.read_text() == "new\n"
    assert "old" in bench.locations.engine_log.with_name("engine.log.1").read_text()
