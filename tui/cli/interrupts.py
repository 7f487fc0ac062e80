"""Ctrl-C where it breaks nothing.

Python raises KeyboardInterrupt between any two steps. Amid one of the store's transactions that leaves its
connection unusable, so that what is to be done about the Ctrl-C (aborting the task) can't be done any more.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Within it Ctrl-C does nothing by itself. What is given raises KeyboardInterrupt if there was one since
    the last call: it is called where that may come, several times a second. Where it isn't, something takes
    long, and a second Ctrl-C comes at once. One that came last is raised at the end, unless that is an error.
    For the main thread; a process that ignores Ctrl-C goes on to."""
    before = signal.getsignal(signal.SIGINT)
    came: list[bool] = []

    def hear(_number: int, _frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(True)

    def heard() -> None:
        if came:
            came.clear()
            raise KeyboardInterrupt

    if before is signal.SIG_IGN:
        yield heard
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)
    heard()
