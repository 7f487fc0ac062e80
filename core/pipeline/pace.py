"""Reading no faster than is allowed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from core.chunk import Chunk, TextChunk
from core.model.load import Per, Rate

# What wasn't used in the last second may be made up for.
CREDIT_SECONDS = 1.0
LOOK_SECONDS = 0.2

T = TypeVar("T", TextChunk, Chunk)


class Pace:
    """Slows its reader down. `rate` gives the limit as it is now, None for none: it is asked with every chunk
    and while the reader waits. `check` may raise meanwhile."""

    def __init__(self, rate: Callable[[], Rate | None], check: Callable[[], None]) -> None:
        self._rate = rate
        self._check = check
        # Up to when what was read so far may take.
        self._due = 0.0

    def slowed(self, chunks: Iterator[T]) -> Iterator[T]:
        """What is read, no faster than it may be, whatever becomes of it. Closed, it closes its reader."""
        try:
            for chunk in chunks:
                yield chunk
                self.passed(chunk)
                del chunk  # it may be large, and so may the next one
        finally:
            if isinstance(chunks, Generator):
                chunks.close()

    def passed(self, chunk: Chunk) -> None:
        """A chunk was read: wait as long as that should have taken."""
        rate = self._rate()
        if rate is None:
            self._due = 0.0
            return
        now = time.monotonic()
        self._due = max(self._due, now - CREDIT_SECONDS) + _amount(chunk, rate.per) / rate.amount
        while (left := self._due - time.monotonic()) > 0:
            self._check()
            time.sleep(min(left, LOOK_SECONDS))
            current = self._rate()
            if current == rate:
                continue
            left = self._due - time.monotonic()
            if current is None or current.per is not rate.per or left <= 0:
                self._due = 0.0
                return
            self._due = time.monotonic() + left * rate.amount / current.amount
            rate = current


def _amount(chunk: Chunk, per: Per) -> int:
    return chunk.rows if per is Per.ROWS else chunk.size


def shared(rate: Rate | None, readers: int) -> Rate | None:
    """What each of so many readers may have of a task's rate."""
    return rate and Rate(max(1, rate.amount // max(1, readers)), rate.per)
