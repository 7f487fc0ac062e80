"""Who serves the store: the lease, held by a kernel lock and shown by a counter in the store.

The lock answers at once when its holder has died. The counter answers for a holder that lives but doesn't
act (stopped, or hung): one that has stood still for the lease's length on the observer's own monotonic
clock is taken over, whatever the wall clocks say. The epoch makes the former holder's writes void.
"""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from core.engine.numbers import Numbers
from core.locations import Locations
from core.locks import FileLock, is_locked
from core.store.lease import Lease, LeaseState
from core.store.store import Store

_LOCK_WAIT = 0.1


class EngineLease:
    """The lease as an engine sees it: somebody else's, to be observed, or its own, to be renewed."""

    def __init__(
        self,
        lease: Lease,
        locations: Locations,
        numbers: Numbers,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._lock = FileLock(locations.engine_lock)
        self._numbers = numbers
        self._monotonic = monotonic
        self._epoch: int | None = None
        self._renewed = 0.0
        self._due = 0.0
        self._patient_until = 0.0
        self._seen: tuple[LeaseState, float] | None = None
        self.alive = False

    @property
    def epoch(self) -> int:
        """The epoch of a lease that is held."""
        if self._epoch is None:
            raise ValueError("the lease is not held")
        return self._epoch

    @property
    def trusted(self) -> bool:
        """Whether nobody else can have taken over yet, so that acting outside of the store is safe."""
        believed = self._renewed + self._numbers.lease - self._numbers.distrust
        return self._epoch is not None and self._monotonic() < believed

    def acquire(self) -> bool:
        """One look at the lease; True where it is ours now. Sets `alive` where somebody else was seen to
        renew it since the last look. To be called again and again, at least once in a few seconds."""
        started = self._monotonic()
        state = self._lease.state()
        stood_still = self._stood_still(state)
        free = started >= self._patient_until and self._lock.acquire(timeout=_LOCK_WAIT)
        if free or stood_still:
            epoch = self._lease.acquire(state, holder_name())
            if epoch is not None:
                self._epoch = epoch
                self._seen = None
                self._mark_renewed(started)
                return True
            self._lock.release()
        return False

    def renew(self) -> None:
        """Renew if it is time to. Raises LostClaim where another engine has taken over."""
        started = self._monotonic()
        if started >= self._due:
            # Taken over from a holder that was stopped: its lock comes free when that one goes.
            self._lock.acquire()
            self._lease.renew(self.epoch)
            self._mark_renewed(started)

    def release(self) -> None:
        """Step down."""
        if self._epoch is not None:
            self._lease.release(self._epoch)
        self.drop()

    def release_if_idle(self, until: datetime | None) -> bool:
        """Step down if there is nothing to do (`core.store.lease.Lease.release_if_idle`)."""
        if not self._lease.release_if_idle(self.epoch, until=until):
            return False
        self.drop()
        return True

    def drop(self) -> None:
        """Forget the lease without telling the store: another has it, or the store can't be told."""
        self._epoch = None
        self._seen = None
        # Whoever has taken over takes the lock with its next renewal: until then it only looks free.
        self._patient_until = self._monotonic() + 2 * self._numbers.renew
        self._lock.release()

    def _stood_still(self, state: LeaseState) -> bool:
        now = self._monotonic()
        if self._seen is None or self._seen[0] != state:
            self.alive = self._seen is not None and state.holder is not None
            self._seen = state, now
        return now - self._seen[1] >= self._numbers.lease

    def _mark_renewed(self, started: float) -> None:
        jitter = self._numbers.renew_jitter * random.uniform(-1, 1)  # noqa: S311 - spreads load
        self._renewed = started
        self._due = started + self._numbers.renew * (1 + jitter)


def is_served(store: Store, numbers: Numbers) -> bool:
    """Whether an engine serves the store (`serves`)."""
    return serves(store.lease.state(), store.locations, numbers)


def serves(state: LeaseState, locations: Locations, numbers: Numbers) -> bool:
    """Whether an engine serves the store whose lease is `state`, as far as a look can tell: its lock is held,
    and it has renewed its lease lately. A wrong answer because of a clock that was set is found out by who
    then starts."""
    if state.holder is None or state.renewed is None:
        return False
    age = abs((datetime.now(UTC) - state.renewed).total_seconds())
    return age < 2 * numbers.lease and is_locked(locations.engine_lock)


def holder_name() -> str:
    """How a lease names this process as its holder."""
    return f"process {os.getpid()} on {platform.node()}"
