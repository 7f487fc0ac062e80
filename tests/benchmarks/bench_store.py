"""What the store's questions cost with few tasks in it and with many: milliseconds, by the number of tasks.

    python -m tests.benchmarks.bench_store [--tasks 100 1000 10000] [--repeats 25]

Medians of a call. Those that write wait for the disk (a commit has four syncs), so that the share of a
processor stands behind the time. One in a hundred tasks waits, the others have ended, as in a store that has
run for long.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from core.engine.lease import EngineLease
from core.engine.numbers import Numbers
from core.engine.scheduling import start_due
from core.engine.slots import Slots
from core.engine.watching import start_ready
from core.locations import Locations
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Mode, TaskStatus
from core.store import NewTask, Store, TaskFilter, tables
from core.store.claims import Claim, Slot
from core.store.rows import to_json

SETTINGS = ExportSettings(connection="c1", objects=("TABLE:orders",))


class Bench:
    """A store with so many tasks, and what is asked of it."""

    def __init__(self, store: Store, tasks: int) -> None:
        self._store = store
        self._numbers = Numbers()
        self._lease = EngineLease(store.lease, store.locations, self._numbers)
        assert self._lease.acquire()
        self._slots = Slots(store, self._lease, self._numbers)
        self._claimed: Claim | None = None
        self._fill(tasks)

    def _fill(self, tasks: int) -> None:
        now, settings = datetime.now(UTC), to_json(SETTINGS)
        waiting = [n % 100 == 0 for n in range(tasks)]
        rows = [
            {
                "name": f"export {n}", "connection": f"c{n % 50}", "mode": str(Mode.SQLITE), "owner": "ann",
                "output": f"/data/{n}", "settings": settings, "queue_number": n,
                "status": str(TaskStatus.QUEUED if waiting[n] else TaskStatus.COMPLETED),
                "created": now - timedelta(minutes=n),
                "ended": None if waiting[n] else now - timedelta(minutes=n),
            }
            for n in range(tasks)
        ]  # fmt: skip
        with self._store.database.write() as db:
            db.execute(sa.insert(tables.task), rows)

    def add(self) -> None:
        self._store.tasks.add(
            NewTask(name="new", settings=SETTINGS, output="/data/new", mode=Mode.SQLITE, owner="ann")
        )

    def list_recent(self) -> None:
        since = datetime.now(UTC) - timedelta(hours=48)
        self._store.tasks.list(TaskFilter(since=since, limit=100))

    def list_all(self) -> None:
        self._store.tasks.list(TaskFilter(limit=100))

    def filter_text(self) -> None:
        self._store.tasks.list(TaskFilter(text="export 77", limit=100))

    def filter_failed(self) -> None:
        self._store.tasks.list(TaskFilter(statuses=(TaskStatus.FAILED,), limit=100))

    def filter_connection(self) -> None:
        self._store.tasks.list(TaskFilter(connection="c7", limit=100))

    def one(self) -> None:
        self._store.tasks.get(50)

    def claim(self) -> None:
        self._claimed = self._store.claims.claim_next(self._lease.epoch, datetime.now(UTC))

    def give_back(self) -> None:
        claim = self._claimed
        assert claim is not None
        slot = Slot(claim.task, claim.slot, TaskStatus.RUNNING, claim.token, None, None, force=False)
        self._store.claims.requeue_unstarted(self._lease.epoch, slot)

    def look(self) -> None:
        """What an idle engine does twice a second."""
        self._store.changes()

    def round(self) -> None:
        """What an engine does where something has changed, up to the claim, which has its own line."""
        store, epoch, now = self._store, self._lease.epoch, datetime.now(UTC)
        self._slots.look()
        start_due(store, epoch, self._numbers, now)
        start_ready(store, epoch, (), now)
        store.claims.queue_due(epoch, now)
        store.claims.shorten_pauses(epoch, now, self._numbers.backoff.bound)
        store.watches.due(epoch, now)
        store.claims.busy(None)


QUESTIONS = (
    "add", "list_recent", "list_all", "filter_text", "filter_failed", "filter_connection", "one", "claim",
    "give_back", "look", "round",
)  # fmt: skip


def reopen(locations: Locations) -> None:
    Store.open(locations).close()


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds on the clock and of a processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - clock) * 1e3, (time.process_time() - cpu) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    found: dict[str, list[str]] = {name: [] for name in ("open", *QUESTIONS)}
    for tasks in options.tasks:
        with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
            locations = Locations(Path(directory))
            with Store.open(locations) as store:
                store.connections.add(Connection(name="c1", mode=Mode.SQLITE, path="/data/shop.db"))
                bench = Bench(store, tasks)
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
                for _ in range(options.repeats):
                    taken["open"].append(timed(partial(reopen, locations)))
                    for name in QUESTIONS:
                        taken[name].append(timed(getattr(bench, name)))
        for name, samples in taken.items():
            clock, cpu = (statistics.median(column) for column in zip(*samples, strict=True))
            found[name].append(f"{clock:7.2f} ({cpu:5.2f})")
    print(f"{'milliseconds (of a processor)':<30}" + "".join(f"{tasks:>17,}" for tasks in options.tasks))
    for name, columns in found.items():
        print(f"{name.replace('_', ' '):<30}" + "".join(f"{column:>17}" for column in columns))


if __name__ == "__main__":
    main()
