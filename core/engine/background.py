"""An engine in the background, started where none serves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext

from core.engine.bell import ring
from core.engine.lease import is_served
from core.engine.numbers import Numbers, configured
from core.engine.spawn import describe_end, start_detached
from core.errors import OfframpError
from core.locations import HOME_VARIABLE, Locations
from core.locks import FileLock
from core.store.store import Store

COMMAND = (sys.executable, "-P", "-m", "tui.cli.main", "--headless", "--background")
TIMEOUT = 30.0
LOG_LIMIT = 1 << 20
_PAUSE = 0.01


def ensure_engine(
    locations: Locations,
    *,
    store: Store | None = None,
    numbers: Numbers | None = None,
    command: Sequence[str] = COMMAND,
    timeout: float = TIMEOUT,
) -> None:
    """See to it that an engine serves the store: where one does, have it look at the store now, else start a
    detached one and wait until it holds the lease. Any number of programs may call this at the same time: one
    starts.

    `store` is the one of `locations`, where it is open already; `numbers` are those of the settings file
    unless given. Raises OfframpError where no engine could be
    started within `timeout` seconds, InvalidDefinition for a wrong settings file, StoreError and its kinds
    where the store can't be read.
    """
    numbers = numbers or configured(locations)
    with nullcontext(store) if store is not None else Store.open(locations) as opened:
        if is_served(opened, numbers):
            ring(locations)
            return
        deadline = time.monotonic() + timeout
        lock = FileLock(locations.locks / "start.lock")
        if lock.acquire(timeout=timeout):
            try:
                _start(opened, numbers, command, deadline)
            finally:
                lock.release()
        elif not is_served(opened, numbers):
            raise _failed(locations, "another program has been starting one for too long")


def _start(store: Store, numbers: Numbers, command: Sequence[str], deadline: float) -> None:
    locations = store.locations
    if is_served(store, numbers):
        return
    _shorten_log(locations)
    try:
        child = start_detached(
            command,
            output=locations.engine_log,
            environment={**os.environ, HOME_VARIABLE: str(locations.home)},
        )
    except OSError as error:
        raise _failed(locations, error.strerror or str(error)) from None
    while not is_served(store, numbers):
        if child.ended:
            raise _failed(locations, describe_end(child.ended))
        if time.monotonic() >= deadline:
            raise _failed(locations, "it took too long to begin")
        time.sleep(_PAUSE)


def _failed(locations: Locations, why: str) -> OfframpError:
    return OfframpError(
        f"No engine could be started in the background: {why}.",
        f"Its log is {locations.engine_log}. Tasks stay queued; offramp --headless serves them, too.",
    )


def _shorten_log(locations: Locations) -> None:
    """Keep one older log beside the present one. Only called while nobody serves."""
    log = locations.engine_log
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(f"{log.name}.1"))
