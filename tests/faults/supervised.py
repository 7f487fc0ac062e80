"""A store, and an engine on it that is started again whenever it has died (`tests/faults/dying.py`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from core.engine.numbers import Numbers
from core.locations import Locations
from core.locks import is_locked
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import Task
from core.store import NewTask, Store
from tests.engine.conftest import QUICK

DYING = Path(__file__).with_name("dying.py")
NUMBERS: Numbers = msgspec.structs.replace(QUICK, claim=5.0)

Step = tuple[str, int, str]


class Supervised:
    """`deaths` are the exit statuses of engines that have ended."""

    def __init__(self, home: Path, connections: Sequence[Connection]) -> None:
        self.locations = Locations(home)
        self.store = Store.open(self.locations)
        for connection in connections:
            self.store.connections.add(connection)
        self.fates = home / "fates"
        self.fates.mkdir()
        self.deaths: list[int] = []
        self.engine: subprocess.Popen[bytes] | None = None

    def add(
        self, settings: ExportSettings, output: Path, steps: Sequence[Step] = (), *, inside: bool = False
    ) -> int:
        """Queue a task that these things befall."""
        # What is to befall it must be there before its worker is, so the number is foretold: one adds at a time.
        number = max(self.store.claims.numbers(), default=0) + 1
        self.befalls(str(number), steps)
        if inside:
            (self.fates / f"{number}.inside").touch()
        mode = self.store.connections.get(settings.connection).mode
        new = NewTask(name=f"t{number}", settings=settings, output=str(output), mode=mode, owner="ann")
        added = self.store.tasks.add(new).id
        assert added == number
        return number

    def befalls(self, who: str, steps: Sequence[Step]) -> None:
        if steps:
            (self.fates / who).write_text(json.dumps(steps))

    def befell(self, who: str, step: int = 0) -> bool:
        return (self.fates / f"{who}.{step}.done").exists()

    def keep(self) -> None:
        """Start the engine where it isn't there."""
        if self.engine is not None and self.engine.poll() is not None:
            self.deaths.append(self.engine.returncode)
            self.engine = None
        if self.engine is None:
            with (self.locations.home / "engine-output").open("ab") as log:
                self.engine = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        DYING,
                        "engine",
                        self.locations.home,
                        msgspec.json.encode(NUMBERS).decode(),
                    ],
                    stdout=log,
                    stderr=log,
                )

    def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Keep an engine until this is so; False where it isn't in that time."""
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                return False
            self.keep()
            time.sleep(0.05)
        return True

    def task(self, number: int) -> Task:
        return self.store.tasks.get(number)

    def settled(self, number: int) -> bool:
        """Ended, and its slot free: the worker is gone."""
        held = {slot.task for slot in self.store.claims.running()}
        return self.task(number).status.ended and number not in held

    def locked(self, number: int) -> bool:
        return is_locked(self.locations.task_lock(number))

    def log(self, number: int) -> str:
        path = self.locations.task_log(number)
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        if self.engine is not None:
            self.engine.kill()
            self.engine.wait()
        for slot in self.store.claims.running():
            if slot.group is not None and self.locked(slot.task):
                with suppress(ProcessLookupError):
                    os.killpg(slot.group, signal.SIGKILL)
        self.store.close()
