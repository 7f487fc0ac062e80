"""What a task's objects are, what an earlier attempt has left of them, and into which parts each is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.base import Session, TableShape
from core.errors import SnapshotUnavailable
from core.model.settings import ExportSettings
from core.model.task import FileEntry, PartPlan, Snapshot, Task, TaskObject
from core.model.vocabulary import Consistency
from core.pipeline import states
from core.pipeline.checked import CheckedObject
from core.pipeline.cutting import rows_per_file
from core.pipeline.disk import Disk, join
from core.pipeline.place import Place

# In one file: large enough that a part's end (flush, fsync, a row in the store) costs nothing beside reading
# it, small enough that a lost connection costs little.
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
        return any(item.done or item.begun for item in self.objects)


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
    if not item.begun:
        return planned
    return replace(
        planned,
        fingerprint=item.fingerprint,
        columns=item.columns,
        parts=item.parts,
        checkpoint=item.checkpoint,
        snapshot=item.snapshot,
        processed_rows=item.processed_rows,
        processed_bytes=item.processed_bytes,
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
            whole = [entry for entry in entries if entry.kind == "data" and _whole(entry, disk, place)]
            path = item.checkpoint.path if item.checkpoint is not None else ""
            size = disk.size(join(place.work, path)) if path else None
            kept_objects.append(_undone(settings, item, task.snapshot, whole, size))
    left = Left(tuple(kept_objects), tuple(kept_files), task.snapshot if together else None)
    return left if left.useful else Left()


def parts_of(
    session: Session, settings: ExportSettings, database: str, shape: TableShape, snapshot: Snapshot | None
) -> tuple[PartPlan, ...]:
    """The parts of an object. For one file it is cut only where that buys something: going on after a
    failure, which needs a point in time that reopens, or parts that each have their own. What becomes files
    of their own depends on the settings and the rows, not on how many processes there are."""
    rows = rows_per_part(settings, snapshot)
    if rows is not None:
        return tuple(session.split(database, shape, rows, settings.where_of(shape.ref)))
    return (PartPlan(number=0, rows=shape.rows),)


def rows_per_part(settings: ExportSettings, snapshot: Snapshot | None) -> int | None:
    """About how many rows a part is to have; None where an object is read in one go. Each is read by a
    statement of its own."""
    if not settings.files.single:
        rows: int | None = rows_per_file(settings)
    elif settings.consistency is Consistency.PART or (snapshot is not None and snapshot.reopens):
        rows = ROWS_PER_PART
    else:
        rows = None
    most = settings.load.statement_rows
    return rows if most is None else min(most, rows or most)


def _undone(
    settings: ExportSettings,
    item: TaskObject,
    shared: Snapshot | None,
    whole: Sequence[FileEntry],
    size: int | None,
) -> TaskObject:
    """An object that isn't done, with what can be gone on from: the point in time opens again, and its files
    are there. `whole` are finished ones; the one of its checkpoint has `size` bytes, None for none."""
    match settings.consistency:
        case Consistency.PART:
            resumes = True
        case Consistency.OBJECT:
            resumes = item.snapshot is not None and item.snapshot.reopens
        case Consistency.TASK:
            resumes = shared is not None and shared.reopens
    if not resumes:
        return _fresh(settings, item)
    checkpoint = item.checkpoint
    if checkpoint is None:
        return _with_parts(settings, item, whole)
    if size is None or size < checkpoint.offset or len(whole) < checkpoint.pieces:
        return _fresh(settings, item)
    return replace(
        item, processed_rows=checkpoint.rows, processed_bytes=checkpoint.before + checkpoint.offset
    )


def _with_parts(settings: ExportSettings, item: TaskObject, whole: Sequence[FileEntry]) -> TaskObject:
    """With those of its parts done whose files are there."""
    found = Counter(entry.part for entry in whole)
    parts = tuple(
        part if part.files is None or found[part.number + 1] == part.files else replace(part, files=None)
        for part in item.parts
    )
    if not any(part.files for part in parts):
        return _fresh(settings, item)
    kept = {part.number + 1 for part in parts if part.files is not None}
    # An object that was finished may have lost a file since: it is to be finished again.
    return replace(
        _fresh(settings, item),
        parts=parts,
        columns=item.columns,
        snapshot=item.snapshot,
        started=item.started,
        processed_rows=sum(entry.rows for entry in whole if entry.part in kept),
        processed_bytes=sum(entry.bytes for entry in whole if entry.part in kept),
    )


def _planned(settings: ExportSettings, number: int, checked: CheckedObject) -> TaskObject:
    item = states.waiting(settings, number, checked.ref, checked.rows, checked.fingerprint)
    return item if checked.problem is None else states.failed(item, checked.problem.info())


def _fresh(settings: ExportSettings, item: TaskObject) -> TaskObject:
    return states.waiting(settings, item.number, item.ref, item.total_rows, item.fingerprint)


def _whole(entry: FileEntry, disk: Disk, place: Place) -> bool:
    """Whether a finished file is where it was built, or has been published already."""
    return any(disk.size(join(directory, entry.path)) == entry.bytes for directory in place.holds)
