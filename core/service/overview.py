"""What whoever keeps looking asks again and again: has anything changed, who serves, a window of the list."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.model.task import Task
from core.model.task_filter import TaskFilter
from core.model.vocabulary import TaskStatus
from core.service.context import Context

SLOTS = 3
BOOT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class EngineState:
    """Whether an engine serves the store, and whether it does `here`, in this process; how many tasks it
    has at work (of at most `SLOTS`), how many wait in the queue and how many for their time; how many
    exports will run by themselves (`periodic`); whether nothing would start it after a reboot though
    something is `scheduled` or `periodic` (`forgotten`)."""

    served: bool
    at_work: int
    queued: int
    scheduled: int
    here: bool = False
    forgotten: bool = False
    periodic: int = 0

    @property
    def unfinished(self) -> bool:
        """Whether there are tasks that haven't ended."""
        return bool(self.at_work or self.queued or self.scheduled)

    @property
    def busy(self) -> bool:
        """Whether there is work that somebody must serve."""
        return self.unfinished or bool(self.periodic)


@dataclass(frozen=True, slots=True)
class TaskWindow:
    """A piece of a list: `tasks` from place `offset` (from 0) of `total`; `counts` by status, as if the
    filter had chosen none."""

    tasks: tuple[Task, ...]
    offset: int
    total: int
    counts: Mapping[TaskStatus, int]


class Overview:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._boot: tuple[float, bool] | None = None
        self._counted: tuple[int, dict[TaskStatus, int], int] | None = None

    def changes(self) -> int:
        """A number that differs once anything in the store has changed, but for an engine's saying that it
        lives. Costs a tenth of a millisecond, as `engine` does while it is the same."""
        return self._context.store.changes()

    def engine(self) -> EngineState:
        from core.engine.lease import holder_name, serves  # noqa: PLC0415 - comes with the engine

        store = self._context.store
        counts, periodic = self._counts()
        later = bool(counts[TaskStatus.SCHEDULED] or periodic)
        state = store.lease.state()
        served = serves(state, store.locations, self._context.numbers)
        return EngineState(
            served=served,
            here=served and state.holder == holder_name(),
            at_work=sum(number for status, number in counts.items() if status.holds_slot),
            queued=counts[TaskStatus.QUEUED],
            scheduled=counts[TaskStatus.SCHEDULED],
            periodic=periodic,
            forgotten=later and not self.starts_after_reboot(),
        )

    def starts_after_reboot(self) -> bool:
        """Whether something starts the engine after a reboot. The answer may be `BOOT_SECONDS` old, since
        it may take asking another program."""
        from core.service.boot import starts_after_reboot  # noqa: PLC0415 - for scheduled tasks only

        now = time.monotonic()
        if self._boot is None or now - self._boot[0] >= BOOT_SECONDS:
            self._boot = now, starts_after_reboot(self._context.locations)
        return self._boot[1]

    def _counts(self) -> tuple[dict[TaskStatus, int], int]:
        """How many tasks are in each status, and how many exports run by themselves, counted anew where the
        store has changed."""
        store = self._context.store
        # Before the count: what changes meanwhile is then counted once more.
        changes = store.changes()
        if self._counted is None or self._counted[0] != changes:
            self._counted = changes, store.tasks.counts(), store.schedules.active()
        return self._counted[1:]

    def tasks(self, wanted: TaskFilter) -> TaskWindow:
        """The window that `wanted` cuts out by its `offset` and `limit`."""
        tasks = self._context.store.tasks
        counts = tasks.counts(wanted)
        chosen = wanted.statuses or tuple(TaskStatus)
        total = sum(counts[status] for status in chosen)
        offset = max(0, min(wanted.offset, total - 1))
        return TaskWindow(tuple(tasks.list(replace(wanted, offset=offset))), offset, total, counts)
