"""Ten programs and a hundred tasks on one store: three at once and never a fourth, each once, one truth."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Offramp
from tests.faults.processes import application, engine_of, stored, wait_for, workers

TASKS, AT_ONCE = 100, 3
ROWS = 500


@dataclass
class Watch:
    """What an onlooker saw: the most slots that were taken and the most workers that were alive at one
    moment, who has held the lease, and each task's processes."""

    slots: int = 0
    alive: int = 0
    looks: int = 0
    holders: set[str] = field(default_factory=set)
    processes: dict[int, set[int]] = field(default_factory=dict)


@contextmanager
def watching(home: Path) -> Iterator[Watch]:
    seen, over = Watch(), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            at_work = stored(home, "SELECT id FROM task WHERE slot IS NOT NULL")
            alive = workers(home)
            seen.slots = max(seen.slots, len(at_work))
            seen.alive = max(seen.alive, len(alive))
            for task, pid in alive.items():
                seen.processes.setdefault(task, set()).add(pid)
            seen.holders.update(row[0] for row in stored(home, "SELECT holder FROM lease") if row[0])
            seen.looks += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.fixture
def shop(offramp: Offramp) -> Offramp:
    offramp.quick("connection", "add", "shop", f"sqlite:///{offramp.database(rows=ROWS)}")
    return offramp


def ended(home: Path) -> int:
    (found,) = stored(home, "SELECT count(*) FROM task WHERE status = 'Completed' AND slot IS NULL")
    return int(found[0])


def test_ten_programs_and_a_hundred_tasks(shop: Offramp) -> None:
    home, out = shop.home, shop.directory / "out"
    out.mkdir()
    for number in range(80):
        shop.quick("dump", "shop", "orders", "--to", str(out / f"q{number}"), "--detach", "--at", "+1s")
    shop.stop_engine()
    screens = [application(shop) for _ in range(3)]
    engines = [shop.start("--headless", stdout=None, stderr=subprocess.DEVNULL) for _ in range(3)]
    dump = shlex.join((*COMMAND, "dump", "shop", "orders", "--detach", "--to"))
    queuers = [
        subprocess.Popen(
            ["sh", "-ec", f"for n in 1 2 3 4 5; do {dump} {shlex.quote(f'{out}/c{place}')}-$n; done"],
            cwd=shop.directory, env=shop.env, stdout=subprocess.PIPE,
        )
        for place in range(4)
    ]  # fmt: skip
    try:
        with watching(home) as seen:
            wait_for(lambda: ended(home) >= 20, 120)
            # Who serves is killed on the way: somebody else goes on.
            serves = engine_of(home)
            assert serves is not None
            os.kill(serves, signal.SIGKILL)
            wait_for(lambda: ended(home) == TASKS, 240, 0.2)
        numbers = [int(line) for one in queuers for line in (one.communicate(timeout=60)[0]).split()]
        assert [one.returncode for one in queuers] == [0] * 4
        assert len(set(numbers)) == 20

        assert (seen.slots, seen.alive) == (AT_ONCE, AT_ONCE)
        assert seen.looks > 100
        assert len(seen.holders) >= 2
        assert set(seen.processes) <= set(range(1, TASKS + 1))
        assert all(len(pids) == 1 for pids in seen.processes.values())

        # Once each: by the store, by their logs, by the files.
        assert stored(home, "SELECT DISTINCT status, attempts, retries, published, slot FROM task") == [
            ("Completed", 1, 0, 1, None)
        ]
        for number in range(1, TASKS + 1):
            assert (home / f"logs/task-{number}.log").read_text().count(" begins.") == 1
        assert len(list(out.iterdir())) == TASKS
        (content,) = {path.read_bytes() for path in out.glob("*/TABLE/orders.csv")}
        assert content.count(b"\n") == ROWS + 1
        made = {json.loads((path / "manifest.json").read_text())["task"]: str(path) for path in out.iterdir()}
        assert made == dict(stored(home, "SELECT id, output FROM task"))

        # All views agree: three commands at once, a query of the store, the screens.
        lists = [shop.start("ls", "--json", stderr=None) for _ in range(3)]
        views = [json.loads(one.communicate(timeout=60)[0])["tasks"] for one in lists]
        assert views[0] == views[1] == views[2]
        assert {task["id"]: task["status"] for task in views[0]} == dict.fromkeys(made, "Completed")
        for screen in screens:
            if screen.pid != serves:
                screen.send("g")
                screen.until("nothing to do", seconds=30)
    finally:
        for one in (*engines, *queuers):
            with suppress(ProcessLookupError):
                one.terminate()
            one.wait(30)
        for screen in screens:
            screen.kill()
