"""The engine: scheduler and executor of one store, wherever it runs.

One engine serves a store at a time; others stand by. It may run in the main thread of `offramp --headless`
or in a thread of the application with an event loop of its own: it installs no signal handlers, and all
of its calls into the store and the kernel's locks go through one thread of its own, so that the loop stays
free. Nothing that it knows is lost with it: the next engine finds everything in the store and the locks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import partial
from math import inf
from typing import ParamSpec, TypeVar

from core import faults
from core.engine import executor
from core.engine.bell import Bell
from core.engine.housekeeping import tidy
from core.engine.lease import EngineLease
from core.engine.notify import Teller
from core.engine.numbers import Numbers
from core.engine.scheduling import start_due
from core.engine.slots import Slots
from core.engine.starting import Starter
from core.engine.successor import Successor
from core.engine.watching import start_ready, take
from core.errors import LostClaim, StoreDamaged, StoreError, StoreTooNew
from core.faults import Point
from core.locations import Locations
from core.store.claims import Claim, Slot
from core.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("offramp.engine")


class Until(Enum):
    """When an engine ends by itself. STOPPED: never. DRAINED: when nothing is queued or at work, nor
    scheduled soon; exports that run by themselves are run where they are due, and not waited for. IDLE: when
    there has been nothing to do for long, and no export will run by itself, or another engine serves."""

    STOPPED = auto()
    DRAINED = auto()
    IDLE = auto()


class Engine:
    """Serves the store of `locations` with `numbers`. `worker` is the command that starts a worker; `wall`
    tells the time that tasks are scheduled by."""

    def __init__(
        self,
        locations: Locations,
        numbers: Numbers | None = None,
        *,
        worker: Sequence[str] = executor.WORKER,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._locations = locations
        self._numbers = numbers or Numbers()
        self._wall = wall
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        # Set where there is a reason to look before it is time to.
        self._woken = asyncio.Event()
        self._stopped = False
        self._store_thread = ThreadPoolExecutor(1, thread_name_prefix="engine-store")
        self._successor = Successor(locations, self._numbers)
        self._teller = Teller(locations)
        self._starter = Starter(
            locations, self._numbers, worker=worker, wall=wall, call=self._call, ended=self._wake
        )

    def stop(self) -> None:
        """End the engine, from any thread and at any time; its workers go on."""
        self._stopped = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._stop.set()
        self._woken.set()

    def _wake(self) -> None:
        """Look now, from any thread."""
        if self._loop is not None:
            # What ends later than the engine finds no loop to tell.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    async def serve(self, until: Until = Until.STOPPED) -> None:
        """Stand by until the lease can be had, serve until `until`, step down. Once for each Engine.

        Raises StoreError and its kinds where the store can't be opened or is no longer to be trusted.
        """
        self._loop = asyncio.get_running_loop()
        if self._stopped:
            self._end()
        try:
            store = await self._call(
                Store.open,
                self._locations,
                patience=self._numbers.patience,
                # However long it takes an older Offramp to end what it runs.
                wait_on=lambda: not self._stopped,
            )
            try:
                await self._call(store.check)
                await self._serve(store, until)
            finally:
                await self._call(store.close)
        finally:
            self._store_thread.shutdown(wait=False)

    async def _serve(self, store: Store, until: Until) -> None:
        lease = EngineLease(store.lease, self._locations, self._numbers)
        try:
            while not self._stop.is_set() and await self._stand_by(store, lease, until):
                log.info("Serving store %s.", self._locations.store)
                faults.reached(Point.LEASED)
                bell = Bell(self._locations, asyncio.get_running_loop(), self._woken.set)
                try:
                    if await self._work(store, lease, until):
                        return
                except LostClaim:
                    log.warning("Another engine has taken over; standing by.")
                finally:
                    bell.close()
                    await self._starter.end()
                await self._call(lease.drop)
        finally:
            await self._call(self._step_down, lease)

    async def _stand_by(self, store: Store, lease: EngineLease, until: Until) -> bool:
        """Wait for the lease; False where there is no reason to wait any longer."""
        pause = min(1.0, self._numbers.lease / 5)
        while not self._stop.is_set():
            try:
                if await self._call(self._successor.asks) or self._successor.locked:
                    # Raises StoreTooNew once that one has had its way.
                    await self._call(store.lease.state)
                elif await self._call(lease.acquire):
                    return True
                if until is Until.IDLE and lease.alive:
                    log.info("Another engine serves this store.")
                    return False
                if until is Until.DRAINED and not await self._call(store.claims.busy, self._soon()):
                    return False
            except StoreError as error:
                self._endure(error)
            await self._sleep(pause)
        return False

    async def _work(self, store: Store, lease: EngineLease, until: Until) -> bool:
        """Serve. True at the end, by itself or because it was stopped; False once it has stepped down for a
        newer Offramp. Raises LostClaim."""
        slots = Slots(store, lease, self._numbers)
        taken, seen = 0, -1
        looked = tidied = -inf
        idle_since = time.monotonic()
        while not self._stop.is_set():
            try:
                changes, steady, asked = await self._call(self._turn, store, lease, slots)
                now = time.monotonic()
                if asked and not taken and not self._starter.busy:
                    await self._call(lease.release)
                    return False
                pause = self._numbers.look if taken else self._numbers.idle_look
                if changes != seen or not steady or now - looked >= pause:
                    seen, looked = changes, now
                    taken = await self._round(store, lease, slots, claiming=not asked)
                    if until is not Until.STOPPED:
                        horizon = self._soon() if until is Until.DRAINED else None
                        if taken or await self._call(store.claims.busy, horizon):
                            idle_since = now
                        elif await self._call(self._end_by_itself, lease, until, now - idle_since):
                            return True
                if now - tidied >= self._numbers.housekeeping:
                    tidied = now
                    await self._call(tidy, store, lease.epoch, self._numbers, self._wall())
            except StoreError as error:
                self._endure(error)
                if taken:
                    # Whoever is to be ended doesn't wait until something else changes.
                    seen = -1
            await self._sleep(self._numbers.tick if taken else self._numbers.idle_tick)
        return True

    async def _round(self, store: Store, lease: EngineLease, slots: Slots, *, claiming: bool) -> int:
        """Look after the slots, queue what is due, start what fits. How many slots are taken."""
        now = self._wall()
        for look in await self._call(store.watches.due, lease.epoch, now) if claiming else ():
            self._starter.beside(take(look, store, self._locations, self._numbers, now))
        taken, lost, claim = await self._call(self._look_after, store, lease, slots, now, claiming=claiming)
        for slot in lost:
            self._starter.beside(self._starter.sweep(store, slot))
        while claim is not None:
            faults.reached(Point.CLAIMED)
            taken += 1
            await self._call(slots.starting, claim.task, claim.token)
            self._starter.begin(store, lease, slots, claim)
            claim = await self._call(_next, store, lease, now) if claiming else None
        return taken

    def _turn(self, store: Store, lease: EngineLease, slots: Slots) -> tuple[int, bool, bool]:
        """Say that this engine lives, if it is time to; the number of changes, whether the slots are as they
        were, and whether a newer Offramp asks for the store. In one call, since an engine does little else
        while nothing changes. Raises LostClaim."""
        lease.renew()
        return store.changes(), slots.steady(), self._successor.asks(slots.outdated)

    def _look_after(
        self, store: Store, lease: EngineLease, slots: Slots, now: datetime, *, claiming: bool
    ) -> tuple[int, list[Slot], Claim | None]:
        """The round up to the first task to be started: all that there is to it while nothing happens. How
        many slots are taken, whose workers were lost, and that task."""
        taken, lost = slots.look(), slots.take_lost()
        start_due(store, lease.epoch, self._numbers, now)
        start_ready(store, lease.epoch, self._numbers.notify, now)
        store.claims.queue_due(lease.epoch, now)
        store.claims.shorten_pauses(lease.epoch, now, self._numbers.backoff.bound)
        try:
            self._teller.look(store, now)
        except OSError as error:
            log.warning("Nobody can be told of tasks' ends now: %s", error.strerror or error)
        return taken, lost, _next(store, lease, now) if claiming else None

    def _end_by_itself(self, lease: EngineLease, until: Until, idle_for: float) -> bool:
        """Step down where `until` says so; in the same transaction that finds nothing to do."""
        if until is Until.DRAINED:
            ended = lease.release_if_idle(self._soon())
        elif until is Until.IDLE and idle_for >= self._numbers.idle:
            ended = lease.release_if_idle(None)
        else:
            return False
        if ended:
            log.info("Nothing left to do.")
        return ended

    def _step_down(self, lease: EngineLease) -> None:
        faults.reached(Point.STEPPING_DOWN)
        try:
            lease.release()
        except StoreError as error:
            log.warning("The lease can't be given back: %s", error)
            lease.drop()

    def _soon(self) -> datetime:
        return self._wall() + timedelta(seconds=self._numbers.soon)

    def _endure(self, error: StoreError) -> None:
        """A store that is busy or a disk that is full may be better in a moment; these two won't."""
        if isinstance(error, StoreDamaged | StoreTooNew):
            raise error
        log.warning("%s", error)

    async def _sleep(self, seconds: float) -> None:
        """Wait so long, or until somebody rings, a worker ends or this engine is to."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        if not self._stop.is_set():
            self._woken.clear()

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may block in the engine's own thread, in the order of the calls."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._store_thread, partial(work, *args, **kwargs))


def _next(store: Store, lease: EngineLease, now: datetime) -> Claim | None:
    """The queue's next task, taken to be run; None where there is none, no slot, or no trust in the lease."""
    return store.claims.claim_next(lease.epoch, now) if lease.trusted else None
