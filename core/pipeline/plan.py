"""What a task's objects are, what an earlier attempt has left of them, and into which parts each is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.base import Session, TableShape
from core.errors import SnapshotUnavailable
from core.model.settings import ExportSettings
from core.model.task import FileEntry, PartPlan, Snapshot, Task, TaskObject
from core.model.vocabulary import Consistency
from core.pipeline import states
from core.pipeline.disk import Disk, join
from core.pipeline.place import Place
from core.pipeline.preflight import CheckedObject

# Large enough that a part's end (flush, fsync, a row in the store) costs nothing beside reading it, small
# enough that a lost connection costs little.
ROWS_PER_PART = 1_000_000


@dataclass(frozen=True, slots=True)
class Left:
    """What earlier attempts have left: objects in the task's order, `done` ones with their files in place;
    others may have a checkpoint to go on from. `snapshot` is the task's, if it is to be opened again."""

    objects: tuple[TaskObject, ...] = ()
    files: tuple[FileEntry, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def pending(self) -> tuple[TaskObject, ...]:
        return tuple(item for item in self.objects if not item.done)

    @property
    def useful(self) -> bool:
        """Whether anything needn't be made again."""
        return any(item.done or item.checkpoint is not None for item in self.objects)


def plan(settings: ExportSettings, checked: Iterable[CheckedObject]) -> list[TaskObject]:
    """The objects of a new task, in this order, nothing of them done yet."""
    return [_planned(settings, number, item) for number, item in enumerate(checked)]


def plan_again(settings: ExportSettings, left: Left, checked: Iterable[CheckedObject]) -> list[TaskObject]:
    """The objects of a task that goes on: what is done stays, the others as they are found now."""
    found = {item.ref: item for item in checked}
    return [
        item if item.done else _gone_on(settings, item, found[item.ref], as_of=left.snapshot)
        for item in left.objects
    ]


def _gone_on(
    settings: ExportSettings, item: TaskObject, checked: CheckedObject, as_of: Snapshot | None
) -> TaskObject:
    planned = _planned(settings, item.number, checked)
    if as_of is not None and item.fingerprint:
        # As of an earlier snapshot, only the definition of that time is right.
        planned = replace(planned, fingerprint=item.fingerprint)
    if item.checkpoint is None:
        return planned
    return replace(
        planned,
        fingerprint=item.fingerprint,
        columns=item.columns,
        parts=item.parts,
        checkpoint=item.checkpoint,
        snapshot=item.snapshot,
        processed_rows=item.checkpoint.rows,
        processed_bytes=item.checkpoint.offset,
        started=item.started,
    )


def left_over(
    task: Task,
    objects: Sequence[TaskObject],
    files: Sequence[FileEntry],
    disk: Disk,
    place: Place,
    *,
    published: bool,
) -> Left:
    """What of an earlier attempt's work holds: objects whose files are all there in full length, and
    checkpoints whose point in time can be opened again. Raises SnapshotUnavailable where published files
    and the missing ones were to be of one point in time, and that is gone."""
    settings = task.settings
    if not objects or settings.schema.merge:
        return Left()
    together = settings.consistency is Consistency.TASK and settings.content.data
    by_object: dict[str | None, list[FileEntry]] = {}
    for entry in files:
        by_object.setdefault(entry.object, []).append(entry)
    if together and any(item.done for item in objects) and not (task.snapshot and task.snapshot.reopens):
        if published:
            raise SnapshotUnavailable(
                "What is published is as of one point in time, which this server can't open again; the "
                "missing objects would be as of another.",
                "Export everything again, into a new directory.",
            )
        return Left()
    kept_objects: list[TaskObject] = []
    kept_files: list[FileEntry] = []
    for item in objects:
        entries = by_object.get(str(item.ref), [])
        if item.done and all(_whole(entry, disk, place) for entry in entries):
            kept_objects.append(item)
            kept_files += entries
        else:
            path = item.checkpoint.path if item.checkpoint is not None else ""
            size = disk.size(join(place.work, path)) if path else None
            kept_objects.append(_undone(settings, item, task.snapshot, size))
    left = Left(tuple(kept_objects), tuple(kept_files), task.snapshot if together else None)
    return left if left.useful else Left()


def parts_of(
    session: Session, settings: ExportSettings, database: str, shape: TableShape, snapshot: Snapshot | None
) -> tuple[PartPlan, ...]:
    """The parts of an object. It is cut only where that buys something: going on after a failure, which
    needs a point in time that reopens, or parts that each have their own."""
    if settings.consistency is Consistency.PART or (snapshot is not None and snapshot.reopens):
        return tuple(session.split(database, shape, ROWS_PER_PART))
    return (PartPlan(number=0, rows=shape.rows),)


def _undone(
    settings: ExportSettings, item: TaskObject, shared: Snapshot | None, size: int | None
) -> TaskObject:
    """An object that isn't done, with its checkpoint if that can be gone on from: the point in time opens
    again, and its file (`size` bytes, None for none) still has what it had."""
    match settings.consistency:
        case Consistency.PART:
            resumes = True
        case Consistency.OBJECT:
            resumes = item.snapshot is not None and item.snapshot.reopens
        case Consistency.TASK:
            resumes = shared is not None and shared.reopens
    checkpoint = item.checkpoint
    if checkpoint is None or size is None or size < checkpoint.offset or not resumes:
        return _fresh(settings, item)
    return item


def _planned(settings: ExportSettings, number: int, checked: CheckedObject) -> TaskObject:
    item = states.waiting(settings, number, checked.ref, checked.rows, checked.fingerprint)
    return item if checked.problem is None else states.failed(item, checked.problem.info())


def _fresh(settings: ExportSettings, item: TaskObject) -> TaskObject:
    return states.waiting(settings, item.number, item.ref, item.total_rows, item.fingerprint)


def _whole(entry: FileEntry, disk: Disk, place: Place) -> bool:
    """Whether a finished file is where it was built, or has been published already."""
    places = {place.work, place.final}
    return any(disk.size(join(directory, entry.path)) == entry.bytes for directory in places)
