"""An export by 10 to 1,000 workers of a Dask cluster on paper: how long it takes, and what holds it up.

    python -m tests.benchmarks.simulate_cluster [--workers 10 100 1000] [--sessions 100] [--cores 16] ...

Nobody here has a thousand machines; what one part costs was measured on one (`bench_cluster`), and those are the
defaults. The model is a discrete simulation of one table's parts. Each part takes, one after the other:

  1. the attempt's process and the scheduler, which do one thing at a time: `attempt` and `dispatch` seconds of
     a processor each;
  2. a worker: `opening` seconds for a session, its point in time and the part's end (sync, rename);
  3. the server: a session drains at most `session` MB/s, all of them together no more than the server's cores
     give (`server_cpu` seconds for a GB), and no more than its network; what is left is shared evenly;
  4. the destination, where there is one: at most `upload` MB/s for each worker and `store` for all, shared
     likewise. A worker's own encoding (`worker_cpu` seconds a GB) bounds it, too.

Sources: queueing by equal shares ("processor sharing") as in Kleinrock, Queueing Systems II, 4.4.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace

MB, GB = 1e6, 1e9
FULL = 0.95


@dataclass(frozen=True)
class Plan:
    """`workers` with a thread each, at most `at_once` parts under way, `sessions` that the server allows;
    `parts` of `size` bytes each. Rates are bytes a second, the rest seconds (see the module)."""

    workers: int
    parts: int = 4000
    size: float = 250_000 * 283.0
    at_once: int = 1000
    sessions: int = 100
    cores: int = 16
    attempt: float = 0.0075
    dispatch: float = 0.008
    opening: float = 0.10
    session: float = 150 * MB
    server_cpu: float = 4.6
    worker_cpu: float = 7.4
    network: float = 1.1 * GB
    upload: float = 100 * MB
    store: float = 5 * GB

    @property
    def readers(self) -> int:
        """Parts that are under way at a time."""
        return min(self.workers, self.at_once, self.sessions)


class Shared:
    """Something that `most` bytes a second go through, at most `each` for one of those who use it, all equally.

    By virtual time: what each has been given since the beginning, so that the next to end is a heap's head.
    """

    def __init__(self, most: float, each: float) -> None:
        self._most, self._each = most, each
        self._given = self._at = self.moved = 0.0
        self._heap: list[tuple[float, int]] = []

    def _rate(self) -> float:
        return min(self._each, self._most / len(self._heap)) if self._heap else 0.0

    def _to(self, now: float) -> None:
        more = (now - self._at) * self._rate()
        self.moved += more * len(self._heap)
        self._given, self._at = self._given + more, now

    def enter(self, now: float, part: int, size: float) -> None:
        self._to(now)
        heapq.heappush(self._heap, (self._given + size, part))

    def next(self) -> float:
        """When the next one has all of its bytes."""
        if not self._heap:
            return float("inf")
        return self._at + (self._heap[0][0] - self._given) / self._rate()

    def leave(self, now: float) -> int:
        self._to(now)
        return heapq.heappop(self._heap)[1]


class Serial:
    """One that does one thing at a time, for `seconds` each."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.busy = 0.0
        self._free = 0.0

    def take(self, now: float) -> float:
        """When it has done one more."""
        self._free = max(self._free, now) + self.seconds
        self.busy += self.seconds
        return self._free


@dataclass(frozen=True)
class Outcome:
    """Seconds in all, bytes a second, and which share of what it can do each was used."""

    seconds: float
    rate: float
    used: dict[str, float]


def simulate(plan: Plan) -> Outcome:
    server_most = plan.cores * GB / plan.server_cpu
    each = min(plan.session, GB / plan.worker_cpu, GB / plan.server_cpu)
    source = Shared(min(server_most, plan.network), each)
    store = Shared(plan.store, plan.upload)
    attempt, scheduler = Serial(plan.attempt), Serial(plan.dispatch)
    events: list[tuple[float, int, Callable[[float, int], None], int]] = []
    sent = done = counter = 0
    working = 0.0

    def at(when: float, what: Callable[[float, int], None], part: int) -> None:
        nonlocal counter
        counter += 1
        heapq.heappush(events, (when, counter, what, part))

    def send(now: float) -> None:
        nonlocal sent
        if sent < plan.parts:
            sent += 1
            at(scheduler.take(attempt.take(now)), begin, sent)

    def begin(now: float, part: int) -> None:
        at(now + plan.opening, lambda then, which: source.enter(then, which, plan.size), part)

    for _ in range(plan.readers):
        send(0.0)
    now = 0.0
    while done < plan.parts:
        upcoming = (events[0][0] if events else float("inf"), source.next(), store.next())
        before, now = now, min(upcoming)
        working += (now - before) * min(plan.readers, sent - done)
        match upcoming.index(now):
            case 0:
                _, _, what, part = heapq.heappop(events)
                what(now, part)
            case 1:
                store.enter(now, source.leave(now), plan.size)
            case 2:
                store.leave(now)
                done += 1
                send(now)
    moved = plan.parts * plan.size
    used = {
        "server's processors": moved / server_most / now,
        "network of the server": moved / plan.network / now,
        "object store": moved / plan.store / now,
        "attempt's process": attempt.busy / now,
        "scheduler": scheduler.busy / now,
    }
    # Whoever waits for something that is used up isn't what holds it up.
    if max(used.values()) < FULL:
        used["sessions" if plan.sessions < min(plan.workers, plan.at_once) else "workers"] = (
            working / now / plan.readers
        )
    return Outcome(now, moved / now, used)


WORKERS = (10, 30, 100, 300, 1000)


def table(plan: Plan, workers: tuple[int, ...] = WORKERS) -> list[str]:
    """A line for each number of workers."""
    lines = []
    for number in workers:
        found = simulate(replace(plan, workers=number))
        others = ", ".join(
            f"{name} {share:.0%}"
            for name, share in sorted(found.used.items(), key=lambda pair: -pair[1])
            if share >= 0.3
        )
        lines.append(f"{number:>5}  {found.seconds:>7.0f} s  {found.rate / GB:>5.2f} GB/s   {others}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    plan = Plan(workers=1)
    for name in ("parts", "at_once", "sessions", "cores"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(plan, name))
    for name in ("size", "attempt", "dispatch", "opening", "session", "server_cpu", "worker_cpu", "network",
                 "upload", "store"):  # fmt: skip
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(plan, name))
    given = vars(parser.parse_args())
    workers = tuple(given.pop("workers"))
    plan = Plan(workers=1, **given)
    print(f"{plan.parts:,} parts of {plan.size / MB:.0f} MB, {plan.parts * plan.size / 1e12:.2f} TB")
    print("\n".join(table(plan, workers)))


if __name__ == "__main__":
    main()
