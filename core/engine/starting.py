"""Starting the workers of claimed tasks, and what runs beside them for a moment.

In go a claim and the lease that it was made under; out comes a worker that has been told what it must know,
or a task that went back to the queue or ended in words. What is started here is waited for by `end` alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from core import faults
from core.engine import executor
from core.engine.lease import EngineLease
from core.engine.numbers import Numbers
from core.engine.slots import Slots
from core.errors import ErrorInfo, LostClaim, OfframpError, StoreError
from core.faults import Point
from core.locations import Locations
from core.model.vocabulary import TaskStatus
from core.store.claims import Claim, Slot
from core.store.store import Store
from core.tasklog import append

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("offramp.engine")

SWEEP_SECONDS = 5.0


class Calls(Protocol):
    """Runs what may block (the store, the kernel's locks) in the engine's own thread, in the order of the
    calls."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


class Starter:
    """`worker` is the command that starts a worker, `wall` tells the time that tasks are scheduled by;
    `ended` is called, from any thread, when a worker has ended."""

    def __init__(
        self,
        locations: Locations,
        numbers: Numbers,
        *,
        worker: Sequence[str],
        wall: Callable[[], datetime],
        call: Calls,
        ended: Callable[[], None],
    ) -> None:
        self._locations = locations
        self._numbers = numbers
        self._worker = worker
        self._wall = wall
        self._call = call
        self._ended = ended
        self._starts: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether a worker is being started."""
        return bool(self._starts)

    def begin(self, store: Store, lease: EngineLease, slots: Slots, claim: Claim) -> None:
        """Have the worker of a claim started."""
        start = asyncio.create_task(self._start(store, lease, slots, claim))
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)

    def beside(self, work: Coroutine[None, None, None]) -> None:
        """Have something done that nothing waits for."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def end(self) -> None:
        """Wait a moment for what runs beside, and hand back what has no worker yet."""
        if self._beside:
            await asyncio.wait(self._beside, timeout=SWEEP_SECONDS)
        for start in self._starts:
            start.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)

    async def _start(self, store: Store, lease: EngineLease, slots: Slots, claim: Claim) -> None:
        """Start the worker of a claim. Whatever prevents it ends the attempt with words."""
        child = None
        try:
            way = await self._call(executor.look_up, store, claim)
            prepared = await executor.prepare(claim, way, self._locations, self._numbers)
            faults.reached(Point.PREPARED)
            if lease.trusted:
                child = await executor.in_thread(
                    partial(executor.start, prepared, self._locations, self._worker, ended=self._ended)
                )
                faults.reached(Point.STARTED)
                log.info("Task %d: worker %d started.", claim.task, child.pid)
        except OSError as error:
            await self._give_up(store, lease, claim, executor.cannot_start(error))
        except StoreError as error:
            # No fault of the task: it keeps its place.
            log.warning("Task %d can't be started now: %s", claim.task, error)
            await self._hand_back(store, lease, claim)
        except asyncio.CancelledError:
            # The engine ends before there was a worker.
            await self._hand_back(store, lease, claim)
            raise
        except OfframpError as error:
            await self._give_up(store, lease, claim, error.info())
        finally:
            await self._call(slots.started, claim.task, claim.token, child)

    async def sweep(self, store: Store, lost: Slot) -> None:
        """End on the server what a lost worker has left there, and take back what it had sent elsewhere if
        nobody will go on with it, in a process of its own."""
        try:
            task = await self._call(store.tasks.get, lost.task)
            claim = Claim(lost.task, lost.token or "", lost.slot, task.settings)
            way = await self._call(executor.look_up, store, claim)
            discard = way.delivery is not None and task.status is TaskStatus.ABORTED
            if way.connection.path is not None and way.into is None and not discard:
                return  # a file has no server
            prepared = await executor.prepare(claim, way, self._locations, self._numbers, discard=discard)
            await executor.in_thread(partial(executor.start, prepared, self._locations, executor.SWEEP))
        except (OSError, OfframpError) as error:
            log.warning("Task %d: what its worker left on the server may still run: %s", lost.task, error)

    async def _give_up(self, store: Store, lease: EngineLease, claim: Claim, error: ErrorInfo) -> None:
        log.warning("Task %d can't be started: %s", claim.task, error.message)
        path = self._locations.task_log(claim.task)
        await self._call(append, path, logging.ERROR, f"{error.message} {error.hint}".rstrip())
        try:
            await self._call(
                store.claims.lost,
                lease.epoch,
                _slot(claim),
                error,
                backoff=self._numbers.backoff,
                now=self._wall(),
            )
        except (LostClaim, StoreError) as failed:
            # It stays claimed, and goes back to the queue as one whose worker never took hold.
            log.warning("Task %d: %s", claim.task, failed)

    async def _hand_back(self, store: Store, lease: EngineLease, claim: Claim) -> None:
        try:
            await self._call(store.claims.requeue_unstarted, lease.epoch, _slot(claim))
        except (LostClaim, StoreError) as failed:
            log.warning("Task %d: %s", claim.task, failed)


def _slot(claim: Claim) -> Slot:
    """A claim as the slot that it took."""
    return Slot(claim.task, claim.slot, TaskStatus.RUNNING, claim.token, None, None, force=False)
