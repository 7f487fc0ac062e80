"""When an action applies: functions of a screen's subject that give back "", or a sentence why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.model.mark import Window
from core.model.task import Task
from core.model.vocabulary import TaskStatus


def task_needed(subject: Any) -> str:
    return "" if isinstance(subject, Task) else "There is no task here."


def by_status(allowed: tuple[TaskStatus, ...], sentence: str) -> Callable[[Any], str]:
    """The subject must be a task in one of these statuses; `sentence` says why."""

    def applies(subject: Any) -> str:
        if not isinstance(subject, Task):
            return task_needed(subject)
        return "" if subject.status in allowed else f"Task {subject.id} is {subject.status}: {sentence}"

    return applies


ABORTABLE = (TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.ABORTING)
READING = (TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RUNNING)
RETRIABLE = (TaskStatus.FAILED, TaskStatus.ABORTED)
ENDED = tuple(status for status in TaskStatus if status.ended)


def download(subject: Any) -> str:
    if not isinstance(subject, Task):
        return task_needed(subject)
    if subject.settings.into is not None:
        return f"Task {subject.id} makes no files: its rows go into {subject.output}."
    if subject.status.ended and subject.published:
        return ""
    if subject.status is TaskStatus.COMPLETED:
        return f"Task {subject.id} is {subject.status}, and a later run has replaced its files."
    if subject.status.ended:
        return f"Task {subject.id} is {subject.status}: it has published no files."
    return f"Task {subject.id} is {subject.status}: its files can be downloaded once it has completed."


def objects_needed(subject: Any) -> str:
    return "" if subject == "objects" else "That is for the list of objects."


def export_needed(subject: Any) -> str:
    return "" if getattr(subject, "export", None) is not None else "There is no saved export here."


def schedule_needed(subject: Any) -> str:
    export = getattr(subject, "export", None)
    if export is None:
        return export_needed(subject)
    runs = export.schedule is not None or export.watch is not None
    return "" if runs else f"Export {export.name} doesn't run by itself: edit it."


def new_rows_needed(subject: Any) -> str:
    export = getattr(subject, "export", None)
    if export is None:
        return export_needed(subject)
    new = export.settings.window is Window.NEW
    return "" if new else f"Export {export.name} takes all rows every time: edit it."


def rewindable(subject: Any) -> str:
    return new_rows_needed(subject) or run_needed(subject)


def run_needed(subject: Any) -> str:
    return "" if getattr(subject, "run", None) is not None else "There is no run here."


def connection_needed(subject: Any) -> str:
    if getattr(subject, "named", None) is not None:
        return ""
    if hasattr(subject, "directory"):
        return "That is for connections and for destinations with a name."
    return "" if getattr(subject, "connection", None) is not None else "There is no connection here."


def row_needed(subject: Any) -> str:
    return "" if subject is not None else "There is nothing here."
