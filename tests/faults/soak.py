"""`make soak`: random exports under random kills, and every published file compared with its source.

    python -m tests.faults.soak --seconds 600 --seed 7 [--sources sqlite,mariadb,oceanbase]

Tasks of all formats and consistencies run on real servers, while workers and engines are killed at random
times and at named points, tasks aborted and tried again, engines stopped for longer than their lease. At the
end everything is left alone until it has completed. Rows are known from how they were made: CSV is read by
the csv module and compared with them; every file is compared, byte for byte, with that of an undisturbed
run, every directory with its manifest and, read again, with its source.

Prints tasks, kills, lost (tasks that didn't complete), wrong (files that differ, failures that nobody caused,
a fourth worker), leftovers (anything but published directories). The exit status is 1 where one isn't 0.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.errors import Conflict, OfframpError
from core.faults import Point
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.pipeline.place import discard_partial
from tests.faults.soak_sources import Known, choose_settings, compare, open_source_named
from tests.faults.supervised import Step, Supervised

OPEN_TASKS = 6
WORKER_POINTS = [point.name for point in Point if not point.of_engine]
# Mean seconds between injuries of each kind.
EVERY = {
    "kill worker": 1.5,
    "kill engine": 5.0,
    "kill both": 9.0,
    "abort": 15.0,
    "abort at once": 20.0,
    "stop engine": 25.0,
    "restart engine": 20.0,
    "retry": 3.0,
}


@dataclass
class Figures:
    tasks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.wrong or self.leftovers)

    def lines(self) -> list[str]:
        found = [f"tasks {self.tasks}"]
        found += [f"{name} {number}" for name, number in sorted(self.counts.items())]
        found += [f"{name} {len(getattr(self, name))}" for name in ("lost", "wrong", "leftovers")]
        return [", ".join(found), *self.lost, *self.wrong, *self.leftovers]


class Soak:
    """One run. `directory` is empty, and has everything in it afterwards."""

    def __init__(self, directory: Path, known: list[Known], seed: int) -> None:
        self.directory = directory
        self.known = {source.connection.name: source for source in known}
        self.random = random.Random(seed)
        self.figures = Figures()
        self.out = directory / "out"
        self.out.mkdir()
        self.bench = Supervised(directory / "home", [source.connection for source in known])
        self.settings: dict[int, ExportSettings] = {}
        self.unchecked: set[int] = set()
        self.seen_failures: set[tuple[int, int]] = set()
        self.due = dict.fromkeys(EVERY, 0.0)
        self.stopped: tuple[int, float] | None = None

    def run(self, seconds: float, patience: float = 180.0) -> Figures:
        """Injure for so long, then leave alone until all is done, at most `patience` seconds."""
        begun = time.monotonic()
        self.due = {what: begun + self.random.expovariate(1 / every) for what, every in EVERY.items()}
        while time.monotonic() - begun < seconds:
            self._round()
            self._injure()
            time.sleep(0.05)
        self._wake()
        last = time.monotonic() + patience
        while self.unchecked and time.monotonic() < last:
            self._round(more=False)
            self._retry()
            time.sleep(0.05)
        self._take_stock()
        return self.figures

    def close(self) -> None:
        self._wake()
        self.bench.close()

    def _round(self, *, more: bool = True) -> None:
        self.bench.keep()
        if self.stopped is not None and time.monotonic() > self.stopped[1]:
            self._wake()
        if more and len(self.unchecked) < OPEN_TASKS:
            self._add()
        slots = self.bench.store.claims.running()
        if len(slots) > 3:
            self.figures.wrong.append(f"{len(slots)} tasks had a slot")
        busy = {slot.task for slot in slots}
        for number in sorted(self.unchecked - busy):
            task = self.bench.task(number)
            if task.status is TaskStatus.COMPLETED:
                self._check(task)
            elif task.status is TaskStatus.FAILED:
                self._note_failure(task)
        for path in self.out.iterdir():
            if (
                not path.name.startswith(".partial-")
                and not (path / "manifest.json").exists()
                and path.exists()
            ):
                self.figures.wrong.append(f"{path} has its final name and isn't complete")

    def _add(self) -> None:
        source = self.random.choice(sorted(self.known))
        settings = choose_settings(self.random, self.known[source])
        steps: list[Step] = []
        for _ in range(self.random.choice([0, 0, 1, 2])):
            deed = self.random.choice(["die", "die", "both", "orphan", "end"])
            steps.append((self.random.choice(WORKER_POINTS), self.random.choice([1, 1, 2, 3]), deed))
        number = self.bench.add(settings, self.out / f"t{self.figures.tasks + 1}", steps)
        self.figures.tasks += 1
        self.settings[number] = settings
        self.unchecked.add(number)

    # Injuries

    def _injure(self) -> None:
        for what, when in self.due.items():
            if time.monotonic() >= when:
                self.due[what] = time.monotonic() + self.random.expovariate(1 / EVERY[what])
                done = getattr(self, "_" + what.replace(" ", "_"))()
                if done is not False and what != "retry":
                    self.figures.counts[what] += 1

    def _kill_worker(self) -> bool:
        """While its lock is held, the number is its own."""
        slots = [
            s for s in self.bench.store.claims.running() if s.pid is not None and self.bench.locked(s.task)
        ]
        if not slots:
            return False
        chosen = self.random.choice(slots)
        with suppress(ProcessLookupError):
            os.kill(chosen.pid or 0, signal.SIGKILL)
        return True

    def _serving(self) -> subprocess.Popen[bytes] | None:
        """The engine, once it has the lease: killed before that, it would never come to anything."""
        engine, holder = self.bench.engine, self.bench.store.lease.state().holder or ""
        return (
            engine
            if engine is not None and f"process {engine.pid} " in holder and self.stopped is None
            else None
        )

    def _kill_engine(self) -> bool:
        engine = self._serving()
        if engine is None:
            return False
        engine.kill()
        return True

    def _kill_both(self) -> bool:
        return self._kill_engine() and self._kill_worker()

    def _restart_engine(self) -> bool:
        engine = self._serving()
        if engine is None:
            return False
        engine.terminate()
        return True

    def _stop_engine(self) -> bool:
        """Longer than its lease; nobody else serves meanwhile, and it goes on where it was."""
        engine = self._serving()
        if engine is None:
            return False
        engine.send_signal(signal.SIGSTOP)
        self.stopped = engine.pid, time.monotonic() + 3.0
        return True

    def _wake(self) -> None:
        if self.stopped is not None:
            if self.bench.engine is not None and self.bench.engine.poll() is None:
                self.bench.engine.send_signal(signal.SIGCONT)
            self.stopped = None

    def _abort(self, *, force: bool = False) -> bool:
        if not self.unchecked:
            return False
        number = self.random.choice(sorted(self.unchecked))
        try:
            task = self.bench.store.tasks.request_abort(number, force=force)
        except Conflict:
            return False
        if task.status.ended:
            discard_partial(task)
        return True

    def _abort_at_once(self) -> bool:
        return self._abort(force=True)

    def _retry(self) -> None:
        held = {slot.task for slot in self.bench.store.claims.running()}
        for number in sorted(self.unchecked - held):
            task = self.bench.task(number)
            if task.status is TaskStatus.ABORTED and leftovers(self.out, number):
                self.figures.leftovers.append(f"task {number} is Aborted: {leftovers(self.out, number)}")
            if task.status in (TaskStatus.FAILED, TaskStatus.ABORTED):
                with suppress(Conflict):
                    self.bench.store.tasks.retry(number)
                    self.figures.counts["retried by hand"] += 1

    # What came out

    def _note_failure(self, task: Task) -> None:
        error = task.error
        seen = (task.id, task.attempts)
        if error is not None and not error.transient and seen not in self.seen_failures:
            self.seen_failures.add(seen)
            self.figures.wrong.append(f"task {task.id} failed: {error.code}: {error.message}")

    def _check(self, task: Task) -> None:
        self.unchecked.discard(task.id)
        self.figures.counts["attempts"] += task.attempts
        settings = self.settings[task.id]
        output = Path(task.output)
        try:
            problems = compare(self.known[settings.connection], settings, output)
        except (OfframpError, OSError) as error:
            problems = [str(error)]
        if not task.published:
            problems.append("the store doesn't say that it is published")
        problems += leftovers(self.out, task.id)
        if problems:
            self.figures.wrong += [f"task {task.id} ({settings}): {words}" for words in problems]
        else:
            self.figures.counts["files compared"] += sum(1 for path in output.rglob("*") if path.is_file())
            shutil.rmtree(output)

    def _take_stock(self) -> None:
        for number in sorted(self.unchecked):
            task = self.bench.task(number)
            self.figures.lost.append(f"task {number} is {task.status}: {task.error}")
        self.figures.counts["engines started"] = len(self.bench.deaths) + 1
        self.figures.leftovers += [str(path) for path in self.out.glob(".partial-*")]
        self.figures.leftovers += [f"slot of task {slot.task}" for slot in self.bench.store.claims.running()]
        for number in self.settings:
            if self.bench.locked(number):
                self.figures.leftovers.append(f"a worker of task {number}")


def leftovers(out: Path, number: int) -> list[str]:
    return [str(path) for path in out.glob(f".partial-{number}-*")]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things go wrong (default 60)")
    parser.add_argument(
        "--seed", type=int, default=0, help="repeats the choices of a run (default: another each time)"
    )
    parser.add_argument("--sources", default="sqlite,mariadb,oceanbase", help="which, with commas between")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.sources.split(",")) - {"sqlite", "mariadb", "oceanbase"}:
        parser.error(f"no such source: {', '.join(sorted(unknown))}")
    seed = chosen.seed or random.randrange(1, 1 << 30)
    print(f"seed {seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="offramp-soak-"))
    with ExitStack() as stack:
        known = []
        for name in chosen.sources.split(","):
            try:
                known.append(stack.enter_context(open_source_named(name, directory, seed)))
            except pytest.skip.Exception as reason:
                print(f"{name} is left out: {reason}", flush=True)
        soak = Soak(directory, known, seed)
        stack.callback(soak.close)
        figures = soak.run(chosen.seconds)
    for line in figures.lines():
        print(line)
    if not figures.good:
        print(f"everything is kept in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
