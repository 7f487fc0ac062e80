"""The tasks in slots: is the worker alive, must it end, is it gone, may the slot be used again.

Each round looks at every slot once. What it does follows from the store's row and from the worker's kernel
lock alone, so that an engine that has just taken over goes on where the last one stopped; what is
remembered here are only times on this process's own monotonic clock, the children it has itself, and the
slots that were seen last, so that between two rounds their locks can be looked at without the store.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from core import faults
from core.engine.housekeeping import remove_leftovers
from core.engine.lease import EngineLease
from core.engine.numbers import Numbers
from core.engine.orders import OUTDATED
from core.engine.spawn import Child, describe_end
from core.errors import ErrorInfo
from core.faults import Point
from core.locks import is_locked
from core.model.vocabulary import TaskStatus
from core.store.claims import Slot
from core.store.store import Store
from core.tasklog import append

log = logging.getLogger("offramp.engine")

EXIT_SECONDS = 1.0


@dataclass(slots=True)
class Watch:
    """What is remembered of the attempt `token` of a task: since when it has been in its present state,
    the worker if it is a child of this process, and whether that is still about to be started."""

    token: str | None
    since: float
    starting: bool = False
    child: Child | None = None
    asked: float | None = None


class Slots:
    """Looks after workers. `outdated` once one has said that the programs on disk are newer than the store,
    and so than this engine: another Offramp was installed in its place. `look` blocks on the store, so it is
    run off the event loop, as `starting` and `started` are: all three in the same thread."""

    def __init__(
        self,
        store: Store,
        lease: EngineLease,
        numbers: Numbers,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._lease = lease
        self._numbers = numbers
        self._monotonic = monotonic
        self._seen: list[Slot] = []
        self._watches: dict[int, Watch] = {}
        self.outdated = False
        self._lost: list[Slot] = []

    def take_lost(self) -> list[Slot]:
        """The attempts whose workers were found dead since the last call: what they had under way on a
        server may go on there."""
        lost, self._lost = self._lost, []
        return lost

    def starting(self, task: int, token: str) -> None:
        """A claim of this engine whose worker is about to be started."""
        self._watches[task] = Watch(token, self._monotonic(), starting=True)

    def started(self, task: int, token: str, child: Child | None) -> None:
        """Its worker was started, or couldn't be (None)."""
        watch = self._watches.get(task)
        if watch is not None and watch.token == token:
            watch.starting = False
            watch.since = self._monotonic()
            watch.child = child

    def look(self) -> int:
        """One round; how many slots are taken after it. Raises LostClaim where another engine serves."""
        slots = self._seen = self._store.claims.running()
        self._watches = {slot.task: self._watch(slot) for slot in slots}
        freed = 0
        for slot in slots:
            watch = self._watches[slot.task]
            if is_locked(self._store.locations.task_lock(slot.task)):
                self._alive(slot, watch)
            elif not watch.starting or slot.status is TaskStatus.ABORTING:
                freed += self._gone(slot, watch)
        return len(slots) - freed

    def steady(self) -> bool:
        """Whether another look would do nothing where the store is as it was at the last one: each slot has
        a worker, which lives and is to go on."""
        return all(
            slot.token is not None
            and slot.status is not TaskStatus.ABORTING
            and is_locked(self._store.locations.task_lock(slot.task))
            for slot in self._seen
        )

    def _watch(self, slot: Slot) -> Watch:
        watch = self._watches.get(slot.task)
        if watch is None:
            return Watch(slot.token, self._monotonic())
        if watch.token != slot.token:
            # The attempt has ended and its worker is on its way out; the child is still the same.
            return Watch(slot.token, self._monotonic(), child=watch.child)
        return watch

    def _alive(self, slot: Slot, watch: Watch) -> None:
        """The lock is held: end the worker's process group where that was asked for, or where it lingers
        after its attempt. While the lock is held the group's number is still its own."""
        group = slot.group if slot.group is not None else watch.child.pid if watch.child else None
        if group is None or not self._lease.trusted:
            return
        now = self._monotonic()
        if slot.token is None:
            if now - watch.since >= self._numbers.grace:
                self._kill(slot, group, signal.SIGKILL)
        elif slot.status is TaskStatus.ABORTING:
            if slot.force or (watch.asked is not None and now - watch.asked >= self._numbers.grace):
                self._kill(slot, group, signal.SIGKILL)
            elif watch.asked is None:
                watch.asked = now
                self._kill(slot, group, signal.SIGTERM)
                faults.reached(Point.ABORT_SENT)

    def _gone(self, slot: Slot, watch: Watch) -> bool:
        """The lock is free. True where the slot is, too, now."""
        claims, epoch = self._store.claims, self._lease.epoch
        if slot.token is None:
            faults.reached(Point.FREE_FOUND)
            freed = claims.free(epoch, slot)
            faults.reached(Point.FREED)
            return freed
        # One that had taken hold is at its end: its files are closed just before its status can be had.
        patience = EXIT_SECONDS if slot.pid is not None else 0
        ended = watch.child.wait(patience) if watch.child is not None else None
        if slot.pid is None and slot.status is TaskStatus.RUNNING and ended is None:
            return self._not_begun(slot, watch)
        if slot.pid is None and slot.status is TaskStatus.RUNNING and ended == OUTDATED:
            self.outdated = True
            return claims.requeue_unstarted(epoch, slot)
        error = ErrorInfo(
            code="worker-lost",
            message=f"The worker ended without a result: {describe_end(ended)}.",
            hint=f"What it printed last is in {self._store.locations.worker_output(slot.task)}.",
            transient=True,
        )
        faults.reached(Point.LOSS_FOUND)
        if slot.status is TaskStatus.ABORTING:
            # A worker that was killed could not. While the slot is taken, no other attempt begins there.
            spool = self._numbers.spool_in(self._store.locations)
            remove_leftovers(self._store.tasks.get(slot.task), spool)
            faults.reached(Point.LEFTOVERS_SWEPT)
        outcome = claims.lost(epoch, slot, error, backoff=self._numbers.backoff, now=datetime.now(UTC))
        faults.reached(Point.LOSS_STORED)
        if outcome is not None:
            if slot.pid is not None:
                self._lost.append(slot)
            self._note(slot, error)
            log.warning("Task %d lost its worker: %s. It is %s.", slot.task, describe_end(ended), outcome)
        return outcome is not None

    def _note(self, slot: Slot, error: ErrorInfo) -> None:
        """What the worker couldn't say any more, where a person looks first."""
        path = self._store.locations.task_log(slot.task)
        append(path, logging.ERROR, f"{error.message} {error.hint}")

    def _not_begun(self, slot: Slot, watch: Watch) -> bool:
        if self._monotonic() - watch.since < self._numbers.claim:
            return False
        if not self._store.claims.requeue_unstarted(self._lease.epoch, slot):
            return False
        log.warning("Task %d goes back to the queue: its worker never took hold.", slot.task)
        if watch.child is not None:
            # Should it still come to life, it finds that the task is no longer its own.
            watch.child.signal(signal.SIGKILL)
        return True

    def _kill(self, slot: Slot, group: int, number: signal.Signals) -> None:
        log.info("Task %d: %s to process group %d.", slot.task, number.name, group)
        with suppress(ProcessLookupError):
            os.killpg(group, number)
