"""Engines in processes of their own on a store of its own, with quick numbers, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from core.engine.numbers import Numbers
from core.locations import Locations
from core.locks import is_locked
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Mode, TaskStatus
from core.store import Backoff, NewTask, Store

QUICK = Numbers(
    lease=2.0,
    renew=0.3,
    distrust=0.3,
    claim=15.0,
    grace=1.0,
    tick=0.03,
    idle_tick=0.05,
    look=0.2,
    idle_look=0.2,
    idle=0.5,
    soon=5.0,
    backoff=Backoff(first=0.2, factor=1.5, longest=1.0),
)
IMPATIENT = msgspec.structs.replace(QUICK, claim=1.0)
"""With a claim that comes back soon: only for workers that are not to take hold, since a busy machine may
need longer than that to start one."""

SERVE = Path(__file__).with_name("serve.py")


@dataclass
class Bench:
    """A store and the programs that work on it."""

    locations: Locations
    store: Store
    engines: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def engine(
        self, numbers: Numbers = QUICK, until: str = "STOPPED", **environment: str
    ) -> subprocess.Popen[bytes]:
        log = (self.locations.home / f"engine-{len(self.engines)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    SERVE,
                    self.locations.home,
                    msgspec.json.encode(numbers).decode(),
                    until,
                ],
                stderr=log,
                stdout=log,
                env=os.environ | environment,
            )
        self.engines.append(process)
        return process

    def add(self, name: str = "ok", **values: object) -> int:
        base: dict[str, object] = {
            "settings": ExportSettings(connection="shop", all_objects=True),
            "output": "/data/out", "mode": Mode.SQLITE, "owner": "ann",
        }  # fmt: skip
        return self.store.tasks.add(NewTask(name=name, **(base | values))).id  # type: ignore[arg-type]

    def task(self, number: int) -> Task:
        return self.store.tasks.get(number)

    def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = [path.read_text() for path in self.locations.home.glob("engine-*.log")]
                pytest.fail(
                    "\n".join([f"waited {seconds} s in vain", *map(str, self.store.tasks.list()), *logs])
                )
            time.sleep(0.01)

    def wait_status(self, number: int, status: TaskStatus, seconds: float = 20) -> Task:
        self.wait(lambda: self.task(number).status is status, seconds)
        return self.task(number)

    def wait_begun(self, number: int) -> int:
        """Until the task's present attempt is at work; its worker's process."""
        found: list[int] = []

        def begun() -> bool:
            pid = self.pid(number)
            found[:] = [p for what, _, p, _ in self.trace() if what == "begin" and p == pid]
            return bool(found)

        self.wait(begun)
        return found[0]

    def pid(self, number: int) -> int | None:
        return next((slot.pid for slot in self.store.claims.running() if slot.task == number), None)

    def trace(self) -> list[tuple[str, int, int, float]]:
        """What the pretended attempts left: what, task, process, time."""
        path = self.locations.home / "trace"
        lines = path.read_text().splitlines() if path.exists() else []
        fields = (line.split() for line in lines)
        return [(what, int(task), int(pid), float(at)) for what, task, pid, at in fields]

    def begun(self, number: int) -> int:
        """How many attempts of the task have begun."""
        return sum(what == "begin" and task == number for what, task, _, _ in self.trace())

    def log(self, number: int) -> str:
        return self.locations.task_log(number).read_text()

    def locked(self, number: int) -> bool:
        return is_locked(self.locations.task_lock(number))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    locations = Locations(tmp_path / "home")
    with Store.open(locations) as store:
        store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
        made = Bench(locations, store)
        yield made
        for process in made.engines:
            if process.poll() is None:
                process.kill()
            process.wait()
        for path in locations.locks.glob("task-*.lock"):
            number = int(path.stem.removeprefix("task-"))
            pid = made.pid(number) if is_locked(path) else None
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
