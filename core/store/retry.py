"""When a task is tried again by itself: the pauses between attempts."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses in seconds: `first`, then each `factor` times the one before, at most `longest`; each one
    longer or shorter by up to `jitter` of itself, so that tasks that failed together don't return together.
    """

    first: float = 30.0
    factor: float = 4.0
    longest: float = 1800.0
    jitter: float = 0.2

    def pause(self, retry: int, chance: float | None = None) -> timedelta:
        """The pause before automatic retry number `retry`, from 1. `chance` between 0 and 1 stands for the
        die, for tests."""
        plain = min(self.first * self.factor ** (retry - 1), self.longest)
        die = random.random() if chance is None else chance  # noqa: S311 - spreads load, guards nothing
        return timedelta(seconds=plain * (1 + self.jitter * (2 * die - 1)))

    @property
    def bound(self) -> timedelta:
        """No pause is longer."""
        return timedelta(seconds=self.longest * (1 + self.jitter))
