"""How fast tasks go, as seen while one looks: a short history for each, for the rate graph."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from core.model.task import Task

KEPT = 120
SHORTEST = 0.9


class Rates:
    """Feed it every task that is read; it forgets those that are no longer at work."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[datetime, int, int]] = {}
        self._history: dict[int, deque[tuple[float, float]]] = {}
        self._moved: dict[int, datetime] = {}

    def take(self, tasks: tuple[Task, ...], now: datetime) -> None:
        for task in tasks:
            if not task.status.holds_slot:
                self._last.pop(task.id, None)
                self._history.pop(task.id, None)
                self._moved.pop(task.id, None)
                continue
            seen = self._last.get(task.id)
            if seen is None or task.processed_rows < seen[1]:
                self._last[task.id] = (now, task.processed_rows, task.processed_bytes)
                self._moved[task.id] = now
                continue
            if task.processed_rows > seen[1]:
                self._moved[task.id] = now
            seconds = (now - seen[0]).total_seconds()
            if seconds >= SHORTEST:
                history = self._history.setdefault(task.id, deque(maxlen=KEPT))
                rows, size = task.processed_rows - seen[1], task.processed_bytes - seen[2]
                history.append((rows / seconds, max(0, size) / seconds))
                self._last[task.id] = (now, task.processed_rows, task.processed_bytes)

    def of(self, task: int) -> list[tuple[float, float]]:
        """Rows and bytes a second, the newest last."""
        return list(self._history.get(task, ()))

    def silent(self, task: int, now: datetime) -> float:
        """For how many seconds no row has come, as far as one has looked."""
        return (now - self._moved[task]).total_seconds() if task in self._moved else 0.0
