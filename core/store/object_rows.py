"""A task's objects and files as rows, and their sums, which the task's own row carries for lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from core.model.task import FileEntry, TaskObject
from core.model.vocabulary import ObjectStatus, ObjectType
from core.store import tables
from core.store.rows import file_values, object_values

_objects = tables.task_object
_files = tables.task_file


class Sums(NamedTuple):
    """What the objects of a task come to. `known` counts those with an expected number of rows; `unknown`
    tables without one, so that the total can't be told. Views never have one, and don't count."""

    total: int = 0
    known: int = 0
    unknown: int = 0
    rows: int = 0
    size: int = 0
    objects: int = 0
    done: int = 0
    failed: int = 0

    @classmethod
    def of(cls, items: Collection[TaskObject]) -> Self:
        return cls(*map(sum, zip(*(cls._one(item) for item in items), strict=True))) if items else cls()

    def moved(self, old: TaskObject, new: TaskObject) -> Self:
        """The sums after one object has changed; a task may have tens of thousands."""
        columns = zip(self, self._one(old), self._one(new), strict=True)
        return self._replace(
            **dict(zip(self._fields, (s - before + after for s, before, after in columns), strict=True))
        )

    @classmethod
    def _one(cls, item: TaskObject) -> Self:
        return cls(
            total=item.total_rows or 0,
            known=int(item.total_rows is not None),
            unknown=int(
                item.total_rows is None and item.data_status is not None and item.ref.type is ObjectType.TABLE
            ),
            rows=item.processed_rows,
            size=item.processed_bytes,
            objects=1,
            done=int(item.done),
            failed=int(ObjectStatus.FAILURE in (item.schema_status, item.data_status)),
        )

    def values(self) -> dict[str, Any]:
        """The task's columns."""
        return {
            "total_rows": self.total if self.known and not self.unknown else None,
            "processed_rows": self.rows,
            "processed_bytes": self.size,
            "objects_total": self.objects,
            "objects_done": self.done,
            "objects_failed": self.failed,
        }


def replace(db: sa.Connection, task: int, objects: Sequence[TaskObject]) -> None:
    """Set a task's objects. Files of objects that are neither done nor begun go; those of the others follow
    their object to its new number."""
    old = db.execute(
        sa.select(_objects.c.number, _objects.c.type, _objects.c.name).where(_objects.c.task_id == task)
    ).all()
    kept = {(str(item.ref.type), item.ref.name): item.number for item in objects if item.done or item.begun}
    moves = {row.number: kept.get((row.type, row.name)) for row in old}
    files = db.execute(
        sa.select(_files.c.path, _files.c.number).where(
            _files.c.task_id == task, _files.c.number.is_not(None)
        )
    ).all()
    for row in files:
        target = moves.get(row.number)
        here = (_files.c.task_id == task, _files.c.path == row.path)
        if target is None:
            db.execute(sa.delete(_files).where(*here))
        elif target != row.number:
            db.execute(sa.update(_files).where(*here).values(number=target))
    db.execute(sa.delete(_objects).where(_objects.c.task_id == task))
    if objects:
        db.execute(sa.insert(_objects), [{"task_id": task} | object_values(item) for item in objects])


def replace_files(db: sa.Connection, task: int, number: int | None, files: Sequence[FileEntry]) -> None:
    """Set the files of object `number`, or with None those that belong to no single object."""
    whose = _files.c.number.is_(None) if number is None else _files.c.number == number
    # A path is one file's: whoever had it before has lost it.
    same = _files.c.path.in_([entry.path for entry in files])
    db.execute(sa.delete(_files).where(_files.c.task_id == task, sa.or_(whose, same)))
    if files:
        db.execute(
            sa.insert(_files),
            [{"task_id": task, "number": number} | file_values(entry) for entry in files],
        )


def add_files(db: sa.Connection, task: int, number: int, files: Sequence[FileEntry]) -> None:
    """Add files to those of object `number`."""
    same = _files.c.path.in_([entry.path for entry in files])
    db.execute(sa.delete(_files).where(_files.c.task_id == task, same))
    db.execute(
        sa.insert(_files), [{"task_id": task, "number": number} | file_values(entry) for entry in files]
    )


def replace_common_files(db: sa.Connection, task: int, files: Sequence[FileEntry], *, whole: bool) -> None:
    """Set the files that belong to no object; without `whole`, none given means that none are known."""
    if files or whole:
        replace_files(db, task, None, files)
