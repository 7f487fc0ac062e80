"""A journal that keeps everything in memory, and what a task looks like in tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from core.errors import Aborted, ErrorInfo, LostClaim
from core.model.load import Rate
from core.model.settings import ExportSettings
from core.model.task import FileEntry, Snapshot, Task, TaskObject
from core.model.vocabulary import TaskStatus
from core.pipeline.journal import Journal

CREATED = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def make_task(output: Path, settings: ExportSettings, number: int = 7) -> Task:
    return Task(
        id=number,
        name="nightly",
        status=TaskStatus.RUNNING,
        settings=settings,
        output=str(output),
        created=CREATED,
        owner="ann",
        mode="sqlite",
    )


class MemoryJournal(Journal):
    """`calls` lists what was asked; `retries` counts down as the store's retry limit would."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._objects: list[TaskObject] = []
        self._files: dict[int, list[FileEntry]] = {}
        self.common: list[FileEntry] = []
        self.calls: list[str] = []
        self.stages: list[str] = []
        self.progressed: list[tuple[int, int, int]] = []
        self.others: set[str] = set()
        self.abort_asked = False
        self.lost = False
        self.outcome: tuple[ErrorInfo | None, bool] | None = None

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.lost:
            raise LostClaim("Task 7 belongs to another worker.")

    def again(self) -> MemoryJournal:
        """The same memory for another attempt."""
        self.outcome = None
        self._task = replace(self._task, status=TaskStatus.RUNNING)
        return self

    def task(self) -> Task:
        self._note("task")
        return self._task

    def claim_output(self, output: str) -> bool:
        self._note("claim_output")
        if output in self.others:
            return False
        self._task = replace(self._task, output=output)
        return True

    def objects(self) -> list[TaskObject]:
        self._note("objects")
        return list(self._objects)

    def files(self) -> list[FileEntry]:
        self._note("files")
        return [entry for number in sorted(self._files) for entry in self._files[number]] + self.common

    def plan(self, objects: Sequence[TaskObject], snapshot: Snapshot | None) -> None:
        self._note("plan")
        assert [item.number for item in objects] == list(range(len(objects)))
        self._objects = list(objects)
        self._files = {
            number: files
            for number, files in self._files.items()
            if number < len(objects) and (objects[number].done or objects[number].begun)
        }
        self._task = replace(self._task, snapshot=snapshot)

    def update(self, item: TaskObject, files: Sequence[FileEntry] = ()) -> None:
        self._note("update")
        self._objects[item.number] = item
        self._files.setdefault(item.number, []).extend(files)

    def finish_object(self, item: TaskObject, files: Sequence[FileEntry]) -> None:
        self._note("finish_object")
        self._objects[item.number] = item
        self._files[item.number] = list(files)

    def note(self, item: TaskObject) -> None:
        self._note("note")
        self._objects[item.number] = item

    def set_snapshot(self, snapshot: Snapshot) -> None:
        self._note("set_snapshot")
        self._task = replace(self._task, snapshot=snapshot)

    def progress(self, number: int, rows: int, size: int) -> None:
        self._note("progress")
        self.progressed.append((number, rows, size))

    def rate(self) -> Rate | None:
        return self._task.settings.load.rate

    def stage(self, text: str) -> None:
        self._note("stage")
        self.stages.append(text)

    def publishing(self) -> None:
        self._note("publishing")
        if self.abort_asked:
            raise Aborted("Aborted on request.")
        self._task = replace(self._task, status=TaskStatus.PUBLISHING)

    def finish(self, error: ErrorInfo | None, *, published: bool, files: Sequence[FileEntry] = ()) -> None:
        self._note("finish")
        assert self.outcome is None, "an attempt ends once"
        self.outcome = (error, published)
        self.common = list(files)
        self._task = replace(self._task, published=published or self._task.published)

    @property
    def error(self) -> ErrorInfo | None:
        assert self.outcome is not None, "the attempt has not ended"
        return self.outcome[0]
