"""Which tasks a list shows, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.vocabulary import TaskStatus


class TaskOrder(StrEnum):
    """What a list is sorted by. Equal ones are in the order of their numbers."""

    CREATED = "created"
    NAME = "name"
    CONNECTION = "connection"
    STATUS = "status"
    NUMBER = "number"
    PROGRESS = "progress"
    DURATION = "duration"
    OWNER = "owner"
    OUTPUT = "output"
    URGENCY = "urgency"
    """What runs, then the queue in its order, then what is scheduled, then what has ended, newest first;
    descending or not is all the same here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks, and in which order. Whatever isn't given lets everything through.

    `since`: created then or later, or not ended. `text`: in the name of the task, of its export or of its
    connection, whatever the case of ASCII letters; `words`: each of them there; `places`: one of these in the
    connection's name; `export`: the saved export that it ran. `limit` and `offset` cut a window out of the
    order.
    """

    since: datetime | None = None
    statuses: tuple[TaskStatus, ...] = ()
    connection: str | None = None
    export: str | None = None
    text: str | None = None
    words: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    order: TaskOrder = TaskOrder.CREATED
    descending: bool = True
    limit: int | None = None
    offset: int = 0
