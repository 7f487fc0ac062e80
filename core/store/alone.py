"""Having the store to oneself: for making, migrating, restoring and moving it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StoreBusy, StoreOutdated
from core.locations import Locations
from core.locks import FileLock, is_locked

PAUSE = 0.1


def store_lock(locations: Locations) -> Path:
    """Held by a program that changes the file as a whole, or waits to. An engine that sees it held starts
    nothing more, and steps down once what it runs has ended (`core.engine.successor`)."""
    return locations.locks / "store.lock"


def within(seconds: float) -> Callable[[], bool]:
    """Says for so long, from now, that it is worth waiting."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


@contextmanager
def alone(locations: Locations, wait_on: Callable[[], bool]) -> Iterator[None]:
    """One program at a time changes the file as a whole. `wait_on` is asked whether to wait any longer for
    the one that does so now; then StoreBusy is raised."""
    lock = FileLock(store_lock(locations))
    while not lock.acquire(timeout=PAUSE):
        if wait_on():
            continue
        raise StoreBusy(
            f"Store {str(locations.store)!r} is being made, migrated or restored by another program.",
            "Try again in a moment.",
        )
    try:
        yield
    finally:
        lock.release()


@contextmanager
def nobody_at_work(locations: Locations, why: str, wait_on: Callable[[], bool]) -> Iterator[None]:
    """No engine serves the store and no worker writes to it, and none begins meanwhile. To be entered while
    `alone`, which asks the engine to leave; `wait_on` is asked whether to wait any longer for that, then
    StoreOutdated is raised. `why` are words about what is to be done."""
    engine = FileLock(locations.engine_lock)
    while not _left(engine, locations):
        if not wait_on():
            tasks = ", ".join(map(str, _at_work(locations)))
            who = f"Its tasks run: {tasks}. " if tasks else ""
            raise StoreOutdated(
                f"Store {str(locations.store)!r} {why} is still at work on it.",
                f"{who}It starts no more of them, and leaves when what it runs has ended; then try again.",
            )
        time.sleep(PAUSE)
    try:
        yield
    finally:
        engine.release()


def _left(engine: FileLock, locations: Locations) -> bool:
    """Take the engine's lock, unless an engine or a worker is alive. Whoever looks at the lock shares it for
    a moment."""
    if not engine.acquire(timeout=PAUSE):
        return False
    if _at_work(locations):
        engine.release()
        return False
    return True


def _at_work(locations: Locations) -> list[int]:
    """The tasks whose workers are alive."""
    found = (path for path in locations.locks.glob("task-*.lock") if is_locked(path))
    return sorted(int(path.stem.removeprefix("task-")) for path in found)
