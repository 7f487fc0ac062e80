"""A task's place where that is the next free name: settled by its first attempt, once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from core.errors import TargetExists
from core.model.file_settings import IfExists
from core.model.task import Task
from core.pipeline.disk import Disk
from core.pipeline.journal import Journal
from core.pipeline.place import Place, state_of_target


def settled(journal: Journal) -> Task:
    """The journal's task, its output at the first name where nothing foreign is and no other task is at work.
    One that has its own output there, or the beginning of it, keeps it. Raises OutputError."""
    task = journal.task()
    if task.settings.files.if_exists is not IfExists.NEW or not task.output.startswith("/"):
        return task
    for output in _names(task):
        if _is_free(replace(task, output=output)) and journal.claim_output(output):
            break
    return journal.task()


def _is_free(task: Task) -> bool:
    try:
        place = Place.of(task)
        state_of_target(Disk(place.root), place)
    except TargetExists:
        return False
    return True


def _names(task: Task) -> Iterator[str]:
    """What it is called now, then `nightly-2`, `nightly-3`."""
    yield task.output
    path = Path(task.output)
    for number in count(2):
        yield str(path.with_name(f"{path.name}-{number}"))
