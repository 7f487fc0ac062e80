"""Leaving without being asked: hang-up, SIGTERM, a closed terminal.

The event loop may be blocked writing to a terminal that nobody reads, and then neither asyncio's nor Python's
own signal handlers run. So the C-level handler writes the signal's number to a wake-up descriptor
(https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd), a thread of its own reads it, hands the
work over and ends the process with `os._exit`.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGHUP, signal.SIGTERM)
# Ends the alternate screen, the mouse, bracketed paste, focus reports, the kitty keyboard; shows the cursor.
RESET = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h"
)
TERMINAL_SECONDS = 1.0


class Watch:
    """While it stands, the signals lead to `hand_over()` (in the watch's thread), then to the process's end.
    To be made and closed in the main thread."""

    def __init__(self, hand_over: Callable[[], object]) -> None:
        self._hand_over = hand_over
        self._terminal = _attributes()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # Python only installs its C handler for a signal that has a handler in Python.
        self._handlers = {number: signal.signal(number, _nothing) for number in SIGNALS}
        self._thread = threading.Thread(target=self._run, name="leaving", daemon=True)
        self._thread.start()

    def close(self) -> None:
        signal.set_wakeup_fd(self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._write)
        self._thread.join(1.0)

    def _run(self) -> None:
        with os.fdopen(self._read, "rb", buffering=0) as descriptor:
            while True:
                numbers = descriptor.read(64)
                if not numbers:
                    return
                for number in numbers:
                    if number in SIGNALS:
                        self._leave(number)

    def _leave(self, number: int) -> None:
        try:
            self._hand_over()
        finally:
            reset = threading.Thread(target=self._reset_terminal, daemon=True)
            reset.start()
            # The terminal may be gone, or take nothing any more.
            reset.join(TERMINAL_SECONDS)
            os._exit(128 + number)

    def _reset_terminal(self) -> None:
        with suppress(OSError, termios.error, ValueError):
            os.write(2, RESET)
            if self._terminal is not None:
                termios.tcsetattr(0, termios.TCSANOW, self._terminal)


def _nothing(number: int, frame: FrameType | None) -> None:
    del number, frame


def _attributes() -> list[Any] | None:
    """The terminal's modes before Textual changes them."""
    with suppress(OSError, termios.error, ValueError, AttributeError):
        if sys.stdin.isatty():
            return termios.tcgetattr(0)
    return None
