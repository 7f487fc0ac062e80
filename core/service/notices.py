"""Who was told of tasks' ends, and trying whether somebody can be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.model.notice import Notice
from core.service.context import Context

if TYPE_CHECKING:
    from core.store.notifications import Notification

NEWEST = 100


class Notices:
    def __init__(self, context: Context) -> None:
        self._context = context

    def test(self, place: str) -> str:
        """Tell `place` of an end that is only a test, now and from here; words about the answer. Raises
        InvalidValue, NotDelivered."""
        from core.notices.deliver import deliver  # noqa: PLC0415 - few commands need it
        from core.notices.document import trial  # noqa: PLC0415

        context = self._context
        notice = Notice.parse(place)
        return deliver(notice, trial(), os.urandom(12).hex(), context.preferences, context.locations)

    def list(self, task: int | None = None) -> tuple[Notification, ...]:
        """Of a task in their order, or the newest of all."""
        known = self._context.store.notifications
        return tuple(known.newest(NEWEST) if task is None else known.of_task(task))
