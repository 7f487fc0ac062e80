"""What may block, done in a thread: its result comes back on the event loop, its error is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from core.errors import OfframpError

if TYPE_CHECKING:
    from tui.app import OfframpApp

T = TypeVar("T")


class Calls:
    """The calls of one application. Whatever was done, the store is read anew afterwards."""

    def __init__(self, app: OfframpApp) -> None:
        self._app = app

    def start(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None,
        failed: Callable[[OfframpError], object],
    ) -> None:
        """Run `work` in a thread; `then` gets its result, `failed` its OfframpError, on the event loop. Any
        other error ends the application, which shows it: what was asked for must not just never happen."""
        self._app.run_worker(partial(self._work, work, then, failed), thread=True, group="calls")

    def _work(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None,
        failed: Callable[[OfframpError], object],
    ) -> None:
        try:
            result = work()
        except OfframpError as error:
            self._deliver(partial(failed, error))
            return
        finally:
            self._app.reader.poke()
        if then is not None:
            self._deliver(partial(then, result))

    def _deliver(self, callback: Callable[[], object]) -> None:
        """Call on the event loop, unless that has ended meanwhile."""
        if self._app.is_running:
            self._app.call_from_thread(callback)
