"""How quick the screens are, on a real terminal (a pty): first paint, keys, bytes, idle CPU, short commands.

    python -m tests.benchmarks.bench_screens [--rounds N] [--tasks N] [--only paint,keys,...] [--ssh]

Prints the median of the rounds beside its limit. Workers, the screens and whatever else runs share the
machine: on a busy one, run it under `nice -n -19`. `--ssh` measures as if reached over SSH.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from core.locations import Locations
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Mode, TaskStatus
from core.service import Service
from core.store import NewTask, Store, tables
from tests.tui.pseudoterminal import PseudoTerminal

COMMAND = (sys.executable, "-P", "-m", "tui.cli.main")
# The same, with everything loaded before, and the time of that told to whoever measures.
LOADED = """
import sys, time
import tui.cli.main, tui.cli.tasks, tui.launch, tui.terminal, os
tui.terminal.prepare(tui.terminal.examine(os.environ))
import tui.keymap, tui.app, tui.leaving, tui.screens.tasks, core.service, core.service.overview
import core.service.tasks, core.store.store
with open(sys.argv[1], "w") as told:
    told.write(str(time.monotonic()))
sys.exit(tui.cli.main.main([]))
"""
KEYS = 60
SIZE = (120, 40)


class Bench:
    def __init__(self, directory: Path, *, rounds: int, tasks: int, ssh: bool) -> None:
        self.directory = directory
        self.rounds = rounds
        self.tasks = tasks
        self.home = directory / "home"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OFFRAMP", "SSH_", "TMUX", "LC_"))}
        self.environment = {
            **kept,
            "OFFRAMP_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH", "")))),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            **({"SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"} if ssh else {}),
        }

    def screens(self, *command: str) -> PseudoTerminal:
        return PseudoTerminal(
            command or COMMAND, environment=self.environment, directory=self.directory, size=SIZE
        )

    def fill(self, home: Path, count: int, span: timedelta) -> None:
        """So many ended tasks of the time up to now."""
        locations = Locations(home)
        locations.ensure()
        store = Store.open(locations)
        try:
            database = str(self.directory / "slow.sqlite3")
            store.connections.add(Connection(name="slow", mode=Mode.SQLITE, path=database))
            first = store.tasks.add(
                NewTask(
                    name="done-00000",
                    settings=ExportSettings(connection="slow", all_objects=True),
                    output="/data/out/done",
                    mode=Mode.SQLITE,
                    owner="ann",
                )
            )
            now = datetime.now(UTC)
            with store.database.write() as db:
                row = dict(
                    db.execute(sa.select(tables.task).where(tables.task.c.id == first.id)).mappings().one()
                )
                del row["id"]
                row |= {"status": str(TaskStatus.COMPLETED), "queue_number": None, "processed_rows": 1000}
                db.execute(sa.delete(tables.task))
                db.execute(
                    sa.insert(tables.task),
                    [
                        {**row, "name": f"done-{n:05}", "created": now - span * (1 - n / count)}
                        for n in range(count)
                    ],
                )
        finally:
            store.close()

    def slow_source(self) -> None:
        """A table whose rows take about a tenth of a millisecond each, so that exports of it run for long
        and write little: a virtual column makes the server work, added last since inserts compute it too."""
        with closing(sqlite3.connect(self.directory / "slow.sqlite3")) as db:
            db.execute("CREATE TABLE slow(id INTEGER PRIMARY KEY, n INTEGER)")
            db.execute(
                "INSERT INTO slow(id, n) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL "
                "SELECT i + 1 FROM c LIMIT 2000000) SELECT i, i * 7 FROM c"
            )
            db.commit()
            db.execute(
                "ALTER TABLE slow ADD COLUMN w INTEGER AS (length(hex(zeroblob(60000 + n % 2)))) VIRTUAL"
            )

    # What is measured

    def paint(self) -> None:
        starts, loads = [], []
        told = self.directory / "loaded"
        for _ in range(self.rounds):
            screens = self.screens()
            try:
                starts.append(screens.until("done-") - screens.started)
                _leave(screens)
            finally:
                screens.kill()
            screens = self.screens(sys.executable, "-P", "-c", LOADED, str(told))
            try:
                painted = screens.until("done-")
                loads.append(painted - float(told.read_text()))
                _leave(screens)
            finally:
                screens.kill()
        _tell("first paint, from the interpreter's start", starts, 800)
        _tell("first paint, after the imports", loads, 250)

    def commands(self) -> None:
        """Of a home with a month of tasks, of which `ls` shows those of two days."""
        month = self.directory / "month"
        self.fill(month, self.tasks, timedelta(days=30))
        for words, limit in ((("--help",), 150), (("ls", "--json"), 400)):
            times = []
            for _ in range(self.rounds * 3):
                begun = time.monotonic()
                subprocess.run(
                    (*COMMAND, *words), env={**self.environment, "OFFRAMP_HOME": str(month)},
                    cwd=self.directory, check=True, stdout=subprocess.DEVNULL,
                )  # fmt: skip
                times.append(time.monotonic() - begun)
            _tell(f"offramp {' '.join(words)}", times, limit)

    def idle(self) -> None:
        screens = self.screens()
        try:
            screens.until("done-")
            screens.drain(14)
            before, begun = screens.cpu_seconds(), time.monotonic()
            sent = screens.drain(30)
            seconds = time.monotonic() - begun
            share = (screens.cpu_seconds() - before) / seconds * 100
            print(f"{'idle CPU':44} {share:8.2f} %   limit 1 %   ({sent / seconds:.0f} B/s)", flush=True)
            _leave(screens)
        finally:
            screens.kill()

    def busy(self) -> None:
        """Bytes to the terminal and keys, while three exports run."""
        self.slow_source()
        screens = self.screens()
        try:
            screens.until("done-")
            with Service(Locations(self.home)) as service:
                for name in ("a", "b", "c"):
                    service.tasks.dump(
                        ExportSettings(connection="slow", objects=("TABLE:slow",), content=Content.DATA),
                        output=self.directory / f"out-{name}",
                        name=f"slow-{name}",
                    )
                end = time.monotonic() + 60
                while service.overview.engine().at_work < 3:
                    assert time.monotonic() < end, "three exports never ran"
                    screens.drain(0.2)
                screens.drain(5)
                before, begun = screens.cpu_seconds(), time.monotonic()
                sent = screens.drain(20) / (time.monotonic() - begun)
                cpu = (screens.cpu_seconds() - before) / (time.monotonic() - begun) * 100
                assert service.overview.engine().at_work == 3, "an export ended too early"
                print(
                    f"{'to the terminal, three exports run':44} {sent:8.0f} B/s limit 3000 B/s   ({cpu:.1f} % CPU)"
                )
                self._keys(screens)
                assert service.overview.engine().at_work == 3, "an export ended too early"
            before_leaving = len(screens.output)
            screens.send("q")
            screens.until("aren't done yet", since=before_leaving)
            screens.send("a")
            screens.wait(60)
            with Service(Locations(self.home)) as service:
                end = time.monotonic() + 60
                while service.overview.engine().busy and time.monotonic() < end:
                    time.sleep(0.2)
        finally:
            screens.kill()

    def _keys(self, screens: PseudoTerminal) -> None:
        """The cursor goes through ended tasks; a name is written where the cursor arrives."""
        with Service(Locations(self.home)) as service:
            names = [task.name for task in service.tasks.list(limit=KEYS)]
        ended = [name for name in names if name.startswith("done")]
        for key in ("g", *("j" for name in names if name not in ended)):
            screens.send(key)
            screens.drain(0.3)
        times = []
        for name in ended[1 : KEYS // 2]:
            times.append(_press(screens, "j", name))
        for name in reversed(ended[: KEYS // 2 - 1]):
            times.append(_press(screens, "k", name))
        _tell("a key until it is painted, three exports run", times, 50, p95=True)


def _press(screens: PseudoTerminal, key: str, name: str) -> float:
    # Not in step with what is drawn twice a second.
    screens.drain(0.09 + hash(name) % 7 / 50)
    begun, since = time.monotonic(), len(screens.output)
    screens.send(key)
    return screens.until(name, seconds=5, since=since) - begun


def _leave(screens: PseudoTerminal) -> None:
    screens.send("q")
    screens.wait()


def _tell(what: str, times: list[float], limit: int, *, p95: bool = False) -> None:
    milliseconds = sorted(t * 1000 for t in times)
    middle = statistics.median(milliseconds)
    high = milliseconds[min(len(milliseconds) - 1, int(len(milliseconds) * 0.95))]
    judged = high if p95 else middle
    mark = "" if judged <= limit else "   TOO SLOW"
    print(
        f"{what:44} {middle:8.0f} ms  limit {limit} ms{' (p95)' if p95 else ''}   "
        f"(p95 {high:.0f}, least {milliseconds[0]:.0f}, n {len(times)}){mark}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--only", default="commands,paint,idle,busy")
    parser.add_argument("--ssh", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offramp-bench-", ignore_cleanup_errors=True) as place:
        bench = Bench(Path(place), rounds=args.rounds, tasks=args.tasks, ssh=args.ssh)
        # All of them in the list, which holds those of 48 hours.
        bench.fill(bench.home, args.tasks, timedelta(hours=47))
        measures: dict[str, Callable[[], None]] = {
            "commands": bench.commands, "paint": bench.paint, "idle": bench.idle, "busy": bench.busy,
        }  # fmt: skip
        for name in args.only.split(","):
            measures[name]()


if __name__ == "__main__":
    main()
