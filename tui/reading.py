"""The bridge from the store to the screens: one thread that looks, and posts what has changed.

A screen says what it shows by a `Query`: a function from the service to a frozen value, with everything it
needs bound to it. The reader looks at the store twice a second (once in two seconds when nothing happens),
asks the query anew only if the store has changed or it was told to, and posts one `StoreRead` to the
application if there is anything new in it. An engine that only says that it lives is no change. A query that
depends on the time is asked anew by its screen. No screen reads the store on the event loop, and nothing that
may take long (tests of connections, objects, preflight) goes through here: see `OfframpApp.call`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from textual.message import Message

from core.errors import OfframpError, StoreError
from core.service import Service
from core.service.overview import EngineState

Query = Callable[[Service], Any]
BUSY_SECONDS = 0.5
IDLE_SECONDS = 2.0
IDLE_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: who serves, and the query's own value (None without a query). `error` instead
    where the store couldn't be read."""

    engine: EngineState | None
    query: Query | None
    value: Any
    error: OfframpError | None = None


class StoreRead(Message):
    """The store was read and something in it is new."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen


class Reader:
    """Looks for as long as it isn't stopped, every `busy` seconds, every `idle` while nothing happens. `post`
    is called in the reader's thread."""

    def __init__(
        self,
        service: Service,
        post: Callable[[StoreRead], object],
        *,
        busy: float = BUSY_SECONDS,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._service = service
        self._busy, self._idle = busy, idle
        self._post = post
        self._wake = threading.Condition()
        self._query: Query | None = None
        self._asked = False
        self._stopped = False
        # Daemonic: one that hangs on a disk must not keep a person from leaving.
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def query(self) -> Query | None:
        """What is read now."""
        return self._query

    def want(self, query: Query | None) -> None:
        """Read this from now on, at once for the first time."""
        with self._wake:
            self._query = query
            self._asked = True
            self._wake.notify()

    def poke(self) -> None:
        """Read anew at once: this program itself has changed something."""
        with self._wake:
            self._asked = True
            self._wake.notify()

    def _run(self) -> None:
        last: Seen | None = None
        changes = -1
        stirred = time.monotonic()
        while True:
            before = last
            with self._wake:
                if self._stopped:
                    return
                query, asked, self._asked = self._query, self._asked, False
            try:
                now, engine = self._service.overview.changes(), self._service.overview.engine()
                if asked or last is None or last.error is not None or now != changes:
                    changes = now
                    last = self._tell(self._look(engine, query), last, asked=asked)
                elif engine != last.engine:
                    last = self._tell(replace(last, engine=engine), last, asked=False)
            except StoreError as error:
                last = self._tell(Seen(None, query, None, error), last, asked=asked)
            if asked or before is None or not _same(last, before):
                stirred = time.monotonic()
            quiet = time.monotonic() - stirred > IDLE_AFTER
            with self._wake:
                if not (self._stopped or self._asked):
                    self._wake.wait(self._idle if quiet else self._busy)

    def _look(self, engine: EngineState, query: Query | None) -> Seen:
        try:
            return Seen(engine, query, query(self._service) if query is not None else None)
        except StoreError:
            raise
        except OfframpError as error:
            # What a screen shows has gone (a task that somebody deleted): the screen says so.
            return Seen(engine, query, None, error)

    def _tell(self, seen: Seen, last: Seen | None, *, asked: bool) -> Seen:
        if asked or last is None or not _same(seen, last):
            self._post(StoreRead(seen))
        return seen


def _same(seen: Seen, last: Seen) -> bool:
    if (seen.error is None) != (last.error is None):
        return False
    if seen.error is not None and last.error is not None:
        return str(seen.error) == str(last.error)
    return seen.query is last.query and seen.engine == last.engine and bool(seen.value == last.value)
