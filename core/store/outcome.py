"""What becomes of a task when an attempt ends, however it ends."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from core.errors import Aborted, ErrorInfo
from core.model.vocabulary import ObjectStatus, TaskStatus
from core.store import tables
from core.store.retry import Backoff
from core.store.rows import to_json
from core.store.task_queries import end, next_queue_number, settle_objects

_t = tables.task

STOPPED = ErrorInfo(
    code="worker-stopped",
    message="The worker was told to stop from outside, though nobody asked Offramp to abort the task.",
    hint="The machine was shutting down, or somebody sent it a signal.",
    transient=True,
)


def conclude(
    db: sa.Connection,
    number: int,
    error: ErrorInfo | None,
    *,
    status: TaskStatus,
    retries: int,
    limit: int,
    published: bool,
    backoff: Backoff,
    now: datetime,
) -> TaskStatus:
    """Write the end of the attempt that owns task `number`, whose status, automatic retries so far and
    retry limit are given. Completed without an error; Aborted where that was asked for; Queued again
    after a pause where the error is transient and a retry is left; else Failed. Returns which."""
    if error is None:
        end(db, number, TaskStatus.COMPLETED, None, now, published=published)
        return TaskStatus.COMPLETED
    if status is TaskStatus.ABORTING:
        end(db, number, TaskStatus.ABORTED, None, now, published=published)
        return TaskStatus.ABORTED
    if error.code == Aborted.code:
        error = STOPPED
    if not error.transient or retries >= limit:
        end(db, number, TaskStatus.FAILED, error, now, published=published)
        return TaskStatus.FAILED
    db.execute(
        sa.update(_t)
        .where(_t.c.id == number)
        .values(
            status=str(TaskStatus.QUEUED),
            reason=f"retry {retries + 1} of {limit}",
            error=to_json(error),
            token=None,
            retries=retries + 1,
            not_before=now + backoff.pause(retries + 1),
            queued=now,
            queue_number=next_queue_number(),
            stage="",
            stage_since=None,
            published=published,
        )
    )
    settle_objects(db, number, (ObjectStatus.RUNNING,), ObjectStatus.WAITING)
    return TaskStatus.QUEUED
