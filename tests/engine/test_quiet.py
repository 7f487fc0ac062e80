"""While tasks run and nothing changes, an engine looks at their workers' locks and at little else, and misses
nothing by that."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.engine.engine import Engine
from core.engine.slots import Slots
from core.model.vocabulary import TaskStatus
from tests.engine.conftest import IMPATIENT, QUICK, Bench
from tests.engine.serve import FAKE

# Between two looks at everything there is an hour: what happens earlier was seen by a look at the locks, or by
# the number of changes.
SELDOM = msgspec.structs.replace(QUICK, look=3600.0, grace=0.3)


def test_only_locks_are_looked_at_while_nothing_changes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    ticks: list[float] = []
    look, turn = Slots.look, Engine._turn

    def counted_look(slots: Slots) -> int:
        looks.append(time.monotonic())
        return look(slots)

    def counted_turn(self: Engine, *args: object) -> object:
        ticks.append(time.monotonic())
        return turn(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Slots, "look", counted_look)
    monkeypatch.setattr(Engine, "_turn", counted_turn)
    engine = Engine(bench.locations, SELDOM, worker=FAKE)
    thread = threading.Thread(target=lambda: asyncio.run(engine.serve()))
    thread.start()
    try:
        number = bench.add("obey")
        bench.wait_begun(number)
        settled = len(ticks) + 10
        bench.wait(lambda: len(ticks) > settled)
        before, begun = len(looks), len(ticks)
        bench.wait(lambda: len(ticks) > begun + 20)
        assert len(looks) == before
        bench.store.tasks.request_abort(number)
        bench.wait_status(number, TaskStatus.ABORTED)
        assert len(looks) > before
    finally:
        engine.stop()
        thread.join()


def test_a_worker_that_somebody_else_has_started_is_found_lost(bench: Bench) -> None:
    first = bench.engine(SELDOM)
    number = bench.add("sleep 60")
    worker = bench.wait_begun(number)
    first.kill()
    first.wait()
    bench.engine(SELDOM)
    adopted = bench.add("ok")
    bench.wait_status(adopted, TaskStatus.COMPLETED)
    bench.wait(lambda: len(bench.store.claims.running()) == 1)
    seen = bench.store.changes()
    time.sleep(10 * SELDOM.tick)
    assert bench.store.changes() == seen
    os.kill(worker, signal.SIGKILL)
    bench.wait(lambda: bench.begun(number) == 2)
    assert bench.task(number).retries == 1


@pytest.mark.parametrize("what", ["deaf", "linger"])
def test_a_worker_is_killed_after_its_grace(bench: Bench, what: str) -> None:
    bench.engine(SELDOM)
    number = bench.add(what)
    bench.wait_begun(number)
    if what == "deaf":
        bench.store.tasks.request_abort(number)
    bench.wait(lambda: bench.task(number).status.ended and not bench.store.claims.running())
    assert not bench.locked(number)


def test_a_worker_that_never_takes_hold_is_given_up(bench: Bench) -> None:
    bench.engine(msgspec.structs.replace(IMPATIENT, look=3600.0, claim=0.3), FAKE_WORKER="never")
    bench.add("ok")
    log = bench.locations.home / "engine-0.log"
    bench.wait(lambda: "never took hold" in log.read_text())


def test_what_comes_due_beside_a_task_at_work_begins_in_time(bench: Bench) -> None:
    bench.engine(QUICK)
    busy = bench.add("obey")
    bench.wait_begun(busy)
    at = datetime.now(UTC) + timedelta(seconds=0.5)
    timed, flaky = bench.add("ok", not_before=at), bench.add("flaky")
    for number in (timed, flaky):
        bench.wait_status(number, TaskStatus.COMPLETED)
    started = bench.task(timed).started
    assert started is not None
    assert timedelta(0) <= started - at < timedelta(seconds=3)
    assert bench.task(flaky).attempts == 2
