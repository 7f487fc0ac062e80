"""What a task's run makes durable, as the pipeline sees it. The store's side is in `core.store`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from core.errors import ErrorInfo
from core.model.load import Rate
from core.model.mark import Mark
from core.model.task import FileEntry, Snapshot, Task, TaskObject


class Journal(ABC):
    """The memory of one attempt of a task. Every write is conditional on the attempt's token.

    Each method raises LostClaim where the task belongs to another attempt by now, StoreError where the
    store can't take it. Writes are durable when the method returns, but for `finish_object`, `note`,
    `progress` and `stage`.
    """

    @abstractmethod
    def task(self) -> Task:
        """The task as it is now."""

    @abstractmethod
    def claim_output(self, output: str) -> bool:
        """Have the task's output be there from now on; False where another task is at work for that place."""

    @abstractmethod
    def objects(self) -> list[TaskObject]:
        """The objects as planned and as far as they are, empty before the first plan."""

    @abstractmethod
    def files(self) -> list[FileEntry]:
        """Finished files of this and earlier attempts."""

    @abstractmethod
    def plan(self, objects: Sequence[TaskObject], snapshot: Snapshot | None) -> None:
        """Set the objects (all of them, numbers 0..n-1) and the task's snapshot; forgets files of objects
        that are neither done nor begun."""

    @abstractmethod
    def update(self, item: TaskObject, files: Sequence[FileEntry] = ()) -> None:
        """An object's new state, its checkpoint included, and further finished files of it, in one
        transaction."""

    @abstractmethod
    def finish_object(self, item: TaskObject, files: Sequence[FileEntry]) -> None:
        """An object that is done or has failed, with its finished files, in one transaction: durable soon,
        and before whatever is stored next."""

    @abstractmethod
    def note(self, item: TaskObject) -> None:
        """An object's new state, of which nothing depends on being kept: stored with the next progress."""

    def marks(self) -> list[Mark]:
        """How far the task's export has read each of its objects."""
        return []

    def seen(self, object_: str) -> bytes:
        """What was remembered of an object's rows when its mark was moved (`core.pipeline.repeats`)."""
        del object_
        return b""

    def remember(self, object_: str, seen: bytes) -> None:
        """What the next run is to know of an object's rows; it counts once the task's end moves the mark."""
        del object_, seen

    @abstractmethod
    def set_snapshot(self, snapshot: Snapshot) -> None: ...

    @abstractmethod
    def progress(self, number: int, rows: int, size: int) -> None:
        """Rows and bytes of object `number` so far; cheap, stored at most once a second."""

    @abstractmethod
    def rate(self) -> Rate | None:
        """How fast the task may read, as of a second ago at most; None for no limit. Cheap."""

    @abstractmethod
    def stage(self, text: str) -> None:
        """What is being done now, in words; stored with the next progress, or at once after a second."""

    @abstractmethod
    def publishing(self) -> None:
        """From here on the task is no longer aborted. Raises Aborted where an abort was asked before."""

    @abstractmethod
    def finish(self, error: ErrorInfo | None, *, published: bool, files: Sequence[FileEntry] = ()) -> None:
        """The end of this attempt: Completed without an error, else Aborted, Failed or, where the error is
        transient and the retry limit allows, Queued again. `files` are those that belong to no object."""
