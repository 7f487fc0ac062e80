"""A thread that stores what can wait, so that whoever has it to store never does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.errors import LostClaim, StoreError


class Flusher:
    """Calls `store` after `soon` was called, every `interval` seconds at most, in a thread that is started
    with the first call. Where the store can't be written it is tried again; a claim that is lost ends it."""

    def __init__(self, store: Callable[[], None], interval: float) -> None:
        self._store = store
        self._interval = interval
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def soon(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Nothing more is stored, but for what is being stored now."""
        self._over.set()

    def close(self) -> None:
        """End the thread; what it hasn't stored yet is dropped."""
        self._over.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        stored = -self._interval
        while True:
            self._wake.wait()
            if self._over.wait(max(0.0, stored + self._interval - time.monotonic())):
                return
            self._wake.clear()
            try:
                self._store()
            except LostClaim:
                return
            except StoreError:
                # Progress is worth no failure: it is stored with whatever can be stored next.
                self._wake.set()
            stored = time.monotonic()
