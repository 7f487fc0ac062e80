"""Between rows of the store and the model's frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from core.errors import ErrorInfo, StoreDamaged
from core.model.load import Rate
from core.model.mark import MarkRange
from core.model.settings import ExportSettings
from core.model.task import Checkpoint, Column, FileEntry, PartPlan, Snapshot, Task, TaskObject
from core.model.vocabulary import ObjectRef, ObjectStatus, ObjectType, TaskStatus

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Values = dict[str, Any]

_COPIED = (
    *("id", "name", "output", "created", "owner", "mode", "export", "reason", "not_before", "queued"),
    *("started", "ended", "attempts", "retries", "position", "stage", "stage_since", "total_rows"),
    *(
        "processed_rows",
        "processed_bytes",
        "objects_total",
        "objects_done",
        "objects_failed",
        "published",
        "latest",
    ),
)
_OBJECT_COPIED = (
    *("number", "total_rows", "total_exact", "processed_rows", "processed_bytes", "fingerprint"),
    *("started", "ended"),
)


def to_json(value: object) -> str | None:
    """Nested values as text, None as NULL."""
    return None if value is None else msgspec.json.encode(value).decode()


def from_json(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else must(text, kind)


def must(text: str, kind: type[T]) -> T:
    """A nested value that is never NULL. Raises StoreDamaged."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, TypeError) as error:
        raise _unreadable(f"a {kind.__name__} in it can't be read ({error})") from None


def task_from(row: sa.RowMapping) -> Task:
    """Raises StoreDamaged, as all of these do."""
    return Task(
        status=_word(TaskStatus, row["status"]),
        settings=must(row["settings"], ExportSettings),
        snapshot=from_json(row["snapshot"], Snapshot),
        error=from_json(row["error"], ErrorInfo),
        limited=row.get("limited"),
        rate=from_json(row["rate"], Rate),
        **{name: row[name] for name in _COPIED},
    )


def object_from(row: sa.RowMapping) -> TaskObject:
    return TaskObject(
        ref=ObjectRef(_word(ObjectType, row["type"]), row["name"]),
        schema_status=_status(row["schema_status"]),
        data_status=_status(row["data_status"]),
        columns=must(row["columns"], tuple[Column, ...]),
        parts=must(row["parts"], tuple[PartPlan, ...]),
        checkpoint=from_json(row["checkpoint"], Checkpoint),
        snapshot=from_json(row["snapshot"], Snapshot),
        mark=from_json(row["mark"], MarkRange),
        warnings=must(row["warnings"], tuple[str, ...]),
        error=from_json(row["error"], ErrorInfo),
        **{name: row[name] for name in _OBJECT_COPIED},
    )


def object_values(item: TaskObject) -> Values:
    """An object's columns, but for its task's id."""
    values: Values = {name: getattr(item, name) for name in _OBJECT_COPIED}
    return values | {
        "type": str(item.ref.type),
        "name": item.ref.name,
        "schema_status": None if item.schema_status is None else str(item.schema_status),
        "data_status": None if item.data_status is None else str(item.data_status),
        "columns": to_json(item.columns),
        "parts": to_json(item.parts),
        "checkpoint": to_json(item.checkpoint),
        "snapshot": to_json(item.snapshot),
        "mark": to_json(item.mark),
        "warnings": to_json(item.warnings),
        "error": to_json(item.error),
    }


def file_from(row: sa.RowMapping) -> FileEntry:
    return FileEntry(**{name: row[name] for name in FileEntry.__struct_fields__})


def file_values(entry: FileEntry) -> Values:
    return {name: getattr(entry, name) for name in FileEntry.__struct_fields__}


def changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> Values:
    """What of `new` differs from `old`, so that a checkpoint doesn't write a long plan again."""
    return {name: value for name, value in new.items() if name not in old or old[name] != value}


def _status(text: str | None) -> ObjectStatus | None:
    return None if text is None else _word(ObjectStatus, text)


def _word(kind: type[E], text: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise _unreadable(f"it holds a {kind.__name__} that there isn't") from None


def _unreadable(what: str) -> StoreDamaged:
    return StoreDamaged(
        f"The store is damaged, or was changed by something else: {what}.",
        "See offramp store check, and offramp store restore for putting a backup in its place.",
    )
