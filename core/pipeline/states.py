"""The states an object goes through: waiting, running, success, failure, killed."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from core.errors import ErrorInfo
from core.model.settings import ExportSettings
from core.model.task import TaskObject
from core.model.vocabulary import ObjectRef, ObjectStatus


def waiting(
    settings: ExportSettings, number: int, ref: ObjectRef, rows: int | None, fingerprint: str
) -> TaskObject:
    """An object that hasn't been tried. `rows` is an estimate."""
    data = settings.takes_rows(ref)
    return TaskObject(
        number=number,
        ref=ref,
        schema_status=ObjectStatus.WAITING if settings.content.schema and ref.type.stored else None,
        data_status=ObjectStatus.WAITING if data else None,
        total_rows=rows if data else None,
        fingerprint=fingerprint,
    )


def failed(item: TaskObject, error: ErrorInfo) -> TaskObject:
    """An object that can't be had now. What it has of a checkpoint stays."""
    return _stopped(item, ObjectStatus.FAILURE, error)


def killed(item: TaskObject) -> TaskObject:
    """An object that somebody's abort has kept from its end, or from its beginning."""
    return _stopped(item, ObjectStatus.KILLED, None)


def _stopped(item: TaskObject, status: ObjectStatus, error: ErrorInfo | None) -> TaskObject:
    def stop(half: ObjectStatus | None) -> ObjectStatus | None:
        return half if half in (None, ObjectStatus.SUCCESS) else status

    return replace(
        item,
        schema_status=stop(item.schema_status),
        data_status=stop(item.data_status),
        error=error,
        ended=now(),
    )


def now() -> datetime:
    return datetime.now(UTC)
