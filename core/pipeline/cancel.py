"""The wish to abort, as a token that any thread may raise and the reading thread looks at."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol

from core.errors import Aborted, OfframpError

PURSUIT_SECONDS = 0.5


class Cancellable(Protocol):
    """What has a statement that can be ended: a session, or whatever stands for several of them."""

    def cancel(self) -> None:
        """End what is running, on the server too. From any thread; may be repeated. Raises OfframpError where
        the server can't be asked."""


class Cancel:
    """An abort token. `request` may come from any thread or from a signal handler, more than once."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        # Re-entrant: a signal handler may ask while its own thread is in `bind`.
        self._lock = threading.RLock()
        self._session: Cancellable | None = None
        self._waiting = False
        self._over = threading.Event()

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        """Ask for the end, and end the statement of the session that is bound, on its server too."""
        self._requested.set()
        with self._lock:
            if self._session is not None:
                # Where the server can't be asked any more, the reader finds out by itself and sees the wish.
                with contextlib.suppress(OfframpError):
                    self._session.cancel()

    def pursue(self) -> None:
        """`request`, again and again until the session is let go of: the reading thread may have been between
        two statements, and begin one that lasts before it looks. Not for a handler of signals."""
        self.request()
        while not self._over.wait(PURSUIT_SECONDS):
            self.request()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """A wait for a server that there is no session with yet, so that nothing can be cancelled: the main
        thread may be torn out of it by `interrupt`. Raises Aborted where the end was asked for before."""
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def interrupt(self) -> None:
        """For a handler of signals in the thread that reads: note the wish, and raise Aborted from within
        `interruptible`."""
        self._requested.set()
        if self._waiting:
            self.check()

    def check(self) -> None:
        """Raises Aborted where the end was asked for."""
        if self._requested.is_set():
            raise Aborted("Aborted on request.")

    def bind(self, session: Cancellable) -> None:
        """From now on `request` cancels this session. Raises Aborted where it came before."""
        with self._lock:
            self._session = session
        self.check()

    def unbind(self) -> None:
        """The session is about to be closed: returns only when no `request` is using it any more."""
        with self._lock:
            self._session = None
            self._over.set()
