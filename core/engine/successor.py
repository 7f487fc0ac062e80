"""A newer Offramp that wants the store: how an engine notices, and how the newer one waits.

Whoever must migrate the store holds `core.store.alone.store_lock` while it waits. An engine of the older
version that sees it held starts nothing more, looks after its workers until they have ended (they run the
code that they were started with), and steps down; then the store is migrated. The lock is the kernel's:
should the newer program die, the older engine goes on.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from core.engine.background import COMMAND
from core.engine.numbers import Numbers
from core.engine.spawn import start_detached
from core.locations import HOME_VARIABLE, Locations
from core.locks import is_locked
from core.store.alone import store_lock

log = logging.getLogger("offramp.engine")


class Successor:
    """Whether the store is asked for. One that was seen twice in a row (who makes a store holds the lock for
    a moment, too) is believed in for the lease's length, since it may be about to leave the waiting to
    another program. `locked`: whether somebody held the lock at the last look."""

    def __init__(
        self, locations: Locations, numbers: Numbers, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._locations = locations
        self._numbers = numbers
        self._monotonic = monotonic
        self._seen: float | None = None
        self._asking = False
        self.locked = False
        self._started = False

    def asks(self, installed: bool = False) -> bool:
        """Whether a newer Offramp wants the store now. One that was `installed` in this one's place is
        started first, to ask for it."""
        if installed and not self._started:
            self._started = True
            log.warning("A newer Offramp was installed while this one ran: it is started, and takes over.")
            wait_in_background(self._locations)
        if self._started:
            return True
        now = self._monotonic()
        before, self.locked = self.locked, is_locked(store_lock(self._locations))
        if before and self.locked:
            self._seen = now
        asks = self._seen is not None and now - self._seen < self._numbers.lease
        if asks and not self._asking:
            log.info("A newer Offramp asks for the store: nothing more is started here.")
        elif self._asking and not asks:
            log.info("Nobody asks for the store any more.")
        self._asking = asks
        return asks


def wait_in_background(locations: Locations, command: Sequence[str] = COMMAND) -> None:
    """Start a detached engine of the version that is installed now: it waits until the store can be migrated,
    does so and serves. Where one waits already the second steps back. Nothing happens where no process can
    be had: the next program that starts tries again."""
    with suppress(OSError):
        start_detached(
            command,
            output=locations.engine_log,
            environment={**os.environ, HOME_VARIABLE: str(locations.home)},
        )
