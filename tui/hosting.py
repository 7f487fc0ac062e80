"""The engine inside the application: a thread with an event loop and a store connection of its own.

So neither a slow screen nor a stalled terminal stops it. Where another engine serves the store, this one
stands by and takes over when that one has gone; then the application is a viewer with the same powers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from core.errors import OfframpError
from core.locations import Locations


class HostedEngine:
    """May be started again after it was stopped. `failure` is why it ended by itself, None else."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._stop_engine: Callable[[], None] = _nothing
        self.failure: OfframpError | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        with self._lock:
            if not self.running:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
                self._thread.start()

    def stop(self, timeout: float = 20.0) -> bool:
        """Step down and wait for it, `timeout` seconds at most; workers go on. Whether it has ended."""
        self._stopping.set()
        # Its loop may have ended by itself at this moment.
        with suppress(RuntimeError):
            self._stop_engine()
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.running

    def _run(self) -> None:
        # Loaded here, while the first screen is already to be seen.
        from core.engine.engine import Engine  # noqa: PLC0415
        from core.engine.numbers import configured  # noqa: PLC0415

        self.failure = None
        try:
            log_to_file(self._locations)
            engine = Engine(self._locations, configured(self._locations))
            self._stop_engine = engine.stop
            if not self._stopping.is_set():
                asyncio.run(engine.serve())
        except OfframpError as error:
            logging.getLogger("offramp.engine").error("%s", error)  # noqa: TRY400 - words, no traceback
            self.failure = error


def _nothing() -> None:
    """Before there is an engine to stop."""


def log_to_file(locations: Locations) -> None:
    """What the engine has to say goes to its log: standard error is the screen."""
    log = logging.getLogger("offramp")
    if not any(isinstance(handler, logging.FileHandler) for handler in log.handlers):
        locations.ensure()
        handler = logging.FileHandler(locations.engine_log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
