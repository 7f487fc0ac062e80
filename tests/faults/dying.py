"""Engines and workers that die at a named point: `dying.py engine HOME NUMBERS`, `dying.py worker`.

They are the real ones, but for `core.faults.reached`. What befalls whom stands in HOME/fates, in a file for
each task (its number) and one for all engines (`engine`): a JSON list of steps [point, times, deed]. A task's
steps come one after the other, those of engines in any order; each happens once, whatever is started again.

Deeds: `die` (SIGKILL), `orphan` (SIGKILL to the engine, the worker goes on), `both`, `end` (SIGTERM, as when
the machine shuts down), `hang` (until killed). `inside` beside a task's file: its output is made as where a
directory can't be renamed to its final name.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

from core import faults
from core.engine import headless, worker
from core.engine.engine import Engine, Until
from core.engine.numbers import Numbers
from core.engine.orders import Order
from core.faults import Point
from core.locations import Locations
from core.pipeline.cancel import Cancel
from core.pipeline.journal import Journal

ROWS_PER_PART = 1500
CHUNK_BYTES = 1 << 15
"""Instead of a million rows and a megabyte, so that small tables have parts, and parts several chunks."""


class Fate:
    """What befalls `who` (`engine`, or a task's number)."""

    def __init__(self, home: Path, who: str) -> None:
        self._home = home
        self._ordered = who != "engine"
        path = home / "fates" / who
        steps = json.loads(path.read_text()) if path.exists() else []
        self._steps = [
            (path.with_name(f"{who}.{n}.done"), Point[point], times, deed)
            for n, (point, times, deed) in enumerate(steps)
        ]
        self._counts: Counter[Point] = Counter()

    def reached(self, point: Point) -> None:
        self._counts[point] += 1
        for done, at, times, deed in self._steps:
            if done.exists():
                continue
            if at is point and self._counts[point] >= times:
                done.touch(exist_ok=False)
                self._do(deed)
            if self._ordered:
                return

    def _do(self, deed: str) -> None:
        if deed in ("orphan", "both"):
            kill_engine(self._home)
        if deed in ("die", "both"):
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "end":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)
        if deed == "hang":
            time.sleep(600)


def kill_engine(home: Path) -> None:
    """The engine that serves now, or the next one if it is being replaced at the moment."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(OSError, ValueError):
            pid = int((home / "engine.pid").read_text())
            # Never a process that has come to the number of one that is gone.
            if b"dying.py\0engine" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                return
        time.sleep(0.02)


def run_engine(home: Path, numbers: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(message)s")
    faults.reached = Fate(home, "engine").reached
    (home / "engine.pid").write_text(str(os.getpid()))
    command = (sys.executable, "-P", __file__, "worker")
    engine = Engine(Locations(home), msgspec.json.decode(numbers, type=Numbers), worker=command)
    asyncio.run(headless._serve(engine, Until.STOPPED, background=False))


def run_worker() -> int:
    line = sys.stdin.buffer.readline()
    order = Order.parse(line)
    sys.stdin = io.TextIOWrapper(io.BytesIO(line))
    faults.reached = Fate(Path(order.home), str(order.task)).reached
    return worker.main(attempt)


def attempt(journal: Journal, order: Order, log: logging.Logger, cancel: Cancel) -> None:
    from connectors.base import ReadRequest
    from core.pipeline import cutting, place, plan

    assert ReadRequest.__init__.__defaults__ is not None
    *others, _ = ReadRequest.__init__.__defaults__
    ReadRequest.__init__.__defaults__ = (*others, CHUNK_BYTES)
    plan.ROWS_PER_PART = cutting.ROWS_PER_FILE = ROWS_PER_PART
    if (Path(order.home) / "fates" / f"{order.task}.inside").exists():
        place.builds_inside = lambda _target: True
    worker.run_attempt(journal, order, log, cancel)


if __name__ == "__main__":
    if sys.argv[1] == "engine":
        run_engine(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(run_worker())
