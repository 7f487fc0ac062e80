"""Who is to be told of a task's end: noted with the end, in one transaction, kept until somebody was told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.model.notice import wanted
from core.model.task import Task
from core.notices.document import ended
from core.store import tables
from core.store.database import Database
from core.store.lease import require
from core.store.retry import Backoff
from core.store.rows import must

_t = tables.notification

MOST_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Notification:
    """`place` as `Notice` reads it; `document` is what is told, `key` the same in every attempt. `due` None:
    it was delivered, or given up after `attempts`; `words` are about the last one."""

    id: int
    task: int
    place: str
    document: dict[str, Any]
    key: str
    made: datetime
    due: datetime | None
    attempts: int
    delivered: datetime | None
    words: str


def note_end(db: sa.Connection, task: Task, now: datetime) -> None:
    """Note who is to be told that `task` has ended, in the transaction that ends it."""
    notices = wanted(task.settings.notify, task.status)
    if notices:
        body = msgspec.json.encode(ended(task)).decode()
        values = {"task_id": task.id, "body": body, "made": now, "due": now, "attempts": 0, "words": ""}
        rows = [{**values, "place": notice.place, "key": os.urandom(12).hex()} for notice in notices]
        db.execute(sa.insert(_t), rows)


class Notifications:
    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime) -> bool:
        """Whether any is to be tried by `now`."""
        with self._database.read() as db:
            return db.execute(sa.select(_t.c.id).where(_t.c.due <= now).limit(1)).first() is not None

    def begin(self, now: datetime, backoff: Backoff, most: int) -> list[Notification]:
        """Those that are due, at most so many. Each counts as attempted from here on and is due again after a
        pause, so that one that ends the process isn't tried without end."""
        statement = sa.select(_t).where(_t.c.due <= now).order_by(_t.c.due, _t.c.id).limit(most)
        with self._database.write() as db:
            rows = db.execute(statement).all()
            for row in rows:
                db.execute(
                    sa.update(_t)
                    .where(_t.c.id == row.id)
                    .values(attempts=row.attempts + 1, due=now + backoff.pause(row.attempts + 1))
                )
        return [_notification(row, attempts=row.attempts + 1) for row in rows]

    def delivered(self, tried: Notification, words: str, now: datetime) -> None:
        self._end(tried, due=None, delivered=now, words=words)

    def failed(self, tried: Notification, words: str, *, again: bool) -> bool:
        """Note a failure; True where it will be tried once more."""
        again = again and tried.attempts < MOST_ATTEMPTS
        self._end(tried, words=words, **({} if again else {"due": None}))
        return again

    def _end(self, tried: Notification, **values: Any) -> None:
        with self._database.write() as db:
            db.execute(sa.update(_t).where(_t.c.id == tried.id).values(**values))

    def of_task(self, task: int) -> list[Notification]:
        """In the order in which they were made."""
        return self._list(_t.c.task_id == task)

    def newest(self, most: int) -> list[Notification]:
        """The newest first."""
        return self._list(most=most)

    def _list(self, *conditions: sa.ColumnElement[bool], most: int | None = None) -> list[Notification]:
        order = _t.c.id if most is None else _t.c.id.desc()
        with self._database.read() as db:
            rows = db.execute(sa.select(_t).where(*conditions).order_by(order).limit(most)).all()
        return [_notification(row) for row in rows]

    def forget(self, epoch: int, before: datetime) -> int:
        """Forget those that were made before `before` and are over. Raises LostClaim."""
        old = (_t.c.made < before, _t.c.due.is_(None))
        with self._database.read() as db:
            if db.execute(sa.select(_t.c.id).where(*old).limit(1)).first() is None:
                return 0
        with self._database.write() as db:
            require(db, epoch)
            return db.execute(sa.delete(_t).where(*old)).rowcount


def _notification(row: sa.Row[Any], *, attempts: int | None = None) -> Notification:
    return Notification(
        id=row.id,
        task=row.task_id,
        place=row.place,
        document=must(row.body, dict),
        key=row.key,
        made=row.made,
        due=row.due,
        attempts=row.attempts if attempts is None else attempts,
        delivered=row.delivered,
        words=row.words,
    )
