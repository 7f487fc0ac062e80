"""What became of each run of a saved export: noted with the run's end, kept when its task is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from core.model.mark import MarkRange
from core.model.past_run import MarkMoved, PastRun
from core.model.task import Task
from core.model.vocabulary import Engine, TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.lease import require
from core.store.rows import must, to_json

_t = tables.history
_objects = tables.task_object


def note_run(db: sa.Connection, task: Task) -> None:
    """Note a run that has just ended, in the transaction that ends it; one that is tried again by hand, and
    ends again, anew."""
    if task.export is None or task.ended is None:
        return
    run = PastRun(
        task=task.id,
        export=task.export,
        status=task.status,
        output=task.output,
        created=task.created,
        started=task.started,
        ended=task.ended,
        rows=task.processed_rows,
        bytes=task.processed_bytes,
        attempts=task.attempts,
        engine=task.settings.engine or Engine.LOCAL,
        error=task.error,
        marks=tuple(_marks(db, task)),
    )
    values = {"export": task.export, "ended": task.ended, "body": to_json(run)}
    made = insert(_t).values(task_id=task.id, **values)
    db.execute(made.on_conflict_do_update(index_elements=[_t.c.task_id], set_=values))


def _marks(db: sa.Connection, task: Task) -> Iterable[MarkMoved]:
    """What the run has moved: nothing where nothing of it was published."""
    if task.status is not TaskStatus.COMPLETED and not task.published:
        return
    columns = (_objects.c.type, _objects.c.name, _objects.c.mark)
    here = (_objects.c.task_id == task.id, _objects.c.mark.is_not(None), _objects.c.data_status == "success")
    for row in db.execute(sa.select(*columns).where(*here).order_by(_objects.c.number)):
        mark = must(row.mark, MarkRange)
        yield MarkMoved(
            object=f"{row.type}:{row.name}",
            column=mark.column,
            before=mark.before,
            after=mark.high if mark.high is not None else mark.before,
        )


class PastRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, export: str, most: int | None = None) -> list[PastRun]:
        """The newest first."""
        order = (_t.c.ended.desc(), _t.c.task_id.desc())
        statement = sa.select(_t.c.body).where(_t.c.export == export).order_by(*order).limit(most)
        with self._database.read() as db:
            return [must(body, PastRun) for body in db.execute(statement).scalars()]

    def forget(self, epoch: int, before: datetime) -> int:
        """Forget runs that ended before `before`. Raises LostClaim."""
        old = _t.c.ended < before
        with self._database.read() as db:
            if db.execute(sa.select(_t.c.task_id).where(old).limit(1)).first() is None:
                return 0
        with self._database.write() as db:
            require(db, epoch)
            return db.execute(sa.delete(_t).where(old)).rowcount
