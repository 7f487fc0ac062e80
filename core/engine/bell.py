"""Waking an engine that waits between two looks at the store.

A FIFO in the home: whoever has queued something rings, and the engine that serves looks at once. It carries
nothing and nothing rests on it: an engine looks by itself before long, and where the file system has no
FIFOs nobody rings.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.locations import Locations

PRIVATE_FILE = 0o600

log = logging.getLogger("offramp.engine")


class Bell:
    """The engine's end: `heard` is called in `loop`, where this must be made, whenever somebody has rung."""

    def __init__(
        self, locations: Locations, loop: asyncio.AbstractEventLoop, heard: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._heard = heard
        self._ends: list[int] = []
        try:
            self._listen(locations.engine_bell)
        except OSError as error:
            log.debug("Nobody can ring: %s", error)
            self.close()

    def _listen(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, PRIVATE_FILE)
        self._ends.append(_opened(path, os.O_RDONLY))
        # With an end to write to at hand, the other doesn't come to its end whenever somebody has rung.
        self._ends.append(_opened(path, os.O_WRONLY))
        self._loop.add_reader(self._ends[0], self._rung)

    def _rung(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ends[0], 4096)
        self._heard()

    def close(self) -> None:
        """Hear no more."""
        if self._ends:
            self._loop.remove_reader(self._ends[0])
        while self._ends:
            os.close(self._ends.pop())


def ring(locations: Locations) -> None:
    """Have the engine that serves look at the store now; nothing where none listens."""
    try:
        end = _opened(locations.engine_bell, os.O_WRONLY)
    except OSError:
        return
    try:
        # One that is full has been rung often enough.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(end, b"\0")
    finally:
        os.close(end)


def _opened(path: Path, mode: int) -> int:
    """A descriptor of the FIFO. Raises OSError, for what is none and where nobody reads, too."""
    end = os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISFIFO(os.fstat(end).st_mode):
        os.close(end)
        raise OSError(f"{path} is no FIFO")
    return end
