"""The bell that wakes an engine between two looks: what is queued begins at once, and nothing rests on it."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import msgspec

from core.engine import background
from core.engine.bell import Bell, ring
from core.locations import Locations
from core.model.vocabulary import TaskStatus
from tests.engine.conftest import QUICK, Bench

# It looks by itself after a minute only: what happens earlier was rung for.
SLEEPY = msgspec.structs.replace(QUICK, lease=200.0, renew=60.0, tick=60.0, idle_tick=60.0, idle_look=60.0)


def test_an_engine_that_sleeps_is_woken_by_who_queues_and_by_a_workers_end(bench: Bench) -> None:
    bench.engine(SLEEPY)
    bench.wait(lambda: bench.store.lease.state().holder)
    for _ in range(2):
        # The second waits for a slot of its own only; four fill them, so that one waits for an end.
        numbers = [bench.add("sleep 0.2") for _ in range(4)]
        bench.wait(lambda: _listens(bench.locations))
        background.ensure_engine(bench.locations, store=bench.store, numbers=SLEEPY)
        for number in numbers:
            bench.wait_status(number, TaskStatus.COMPLETED)


def test_the_bell_is_heard_once_for_many_and_by_nobody_once_closed(tmp_path: Path) -> None:
    locations = Locations(tmp_path)
    locations.ensure()
    ring(locations)  # nobody is there
    heard: list[float] = []

    async def listen() -> None:
        bell = Bell(locations, asyncio.get_running_loop(), lambda: heard.append(time.monotonic()))
        try:
            assert not heard
            # More than a FIFO takes: who rings never waits.
            for _ in range(100_000):
                ring(locations)
            while not heard:
                await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
        finally:
            bell.close()
            bell.close()

    asyncio.run(listen())
    assert 1 <= len(heard) < 50
    mode = locations.engine_bell.lstat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600
    ring(locations)


def test_what_is_no_fifo_is_left_alone(tmp_path: Path) -> None:
    locations = Locations(tmp_path)
    locations.ensure()
    locations.engine_bell.write_bytes(b"mine")

    async def listen() -> None:
        bell = Bell(locations, asyncio.get_running_loop(), lambda: None)
        ring(locations)
        bell.close()

    asyncio.run(listen())
    assert locations.engine_bell.read_bytes() == b"mine"


def _listens(locations: Locations) -> bool:
    try:
        os.close(os.open(locations.engine_bell, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
