"""How far exports of new rows have read: moved by a task in the transaction that ends it, or by a person.

A mark stands for what is published. So nothing moves it while a task of its export is at work: that one has
begun to read from where it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from core.errors import Conflict, InvalidValue, NotFound
from core.model.mark import Mark, MarkMove, MoveCause, kind_of, ordered
from core.model.task import TaskObject
from core.model.vocabulary import ObjectStatus, TaskStatus
from core.store import tables
from core.store.database import Database
from core.store.lease import require
from core.store.rows import from_json, must, to_json
from core.store.task_queries import objects_of

_t = tables.mark
_moves = tables.mark_move
_task_marks = tables.task_mark
_task = tables.task

DIGEST_BYTES = 16
# A task that has read something but isn't at work goes on from what it has read.
_BEGUN = sa.or_(
    _task.c.status.in_([str(s) for s in TaskStatus if s.holds_slot]),
    sa.and_(_task.c.status == str(TaskStatus.QUEUED), _task.c.attempts > 0),
)


class Marks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, export: str) -> list[Mark]:
        """The marks of an export, by object."""
        with self._database.read() as db:
            return marks_of(db, export)

    def all(self) -> dict[str, list[Mark]]:
        """Those of every export, by its name."""
        found: dict[str, list[Mark]] = {}
        with self._database.read() as db:
            bodies = db.execute(sa.select(_t.c.body).order_by(_t.c.export, _t.c.object)).scalars().all()
        for body in bodies:
            mark = must(body, Mark)
            found.setdefault(mark.export, []).append(mark)
        return found

    def moves(self, export: str, most: int = 200) -> list[MarkMove]:
        """What moved its marks, the newest first."""
        statement = sa.select(_moves.c.body).where(_moves.c.export == export)
        with self._database.read() as db:
            rows = db.execute(statement.order_by(_moves.c.id.desc()).limit(most)).scalars().all()
        return [must(body, MarkMove) for body in rows]

    def moves_of_task(self, task: int) -> list[MarkMove]:
        with self._database.read() as db:
            rows = db.execute(sa.select(_moves.c.body).where(_moves.c.task == task).order_by(_moves.c.id))
            return [must(body, MarkMove) for body in rows.scalars()]

    def forget_moves(self, epoch: int, before: datetime) -> int:
        """Forget what moved marks before that; where they stand stays. Raises LostClaim."""
        old = _moves.c.at < before
        with self._database.read() as db:
            if db.execute(sa.select(_moves.c.id).where(old).limit(1)).first() is None:
                return 0
        with self._database.write() as db:
            require(db, epoch)
            return db.execute(sa.delete(_moves).where(old)).rowcount

    def set(
        self, export: str, object_: str, value: str, column: str | None, now: datetime | None = None
    ) -> Mark:
        """Have the next run read what is beyond `value`. `column` where no mark is known yet. Raises Conflict
        while a task of the export is at work, InvalidValue, NotFound where no column is known."""
        with self._database.write() as db:
            _require_idle(db, export)
            old = _one(db, export, object_)
            column = column or (old.column if old else None)
            if column is None:
                raise NotFound(
                    f"Export {export!r} has no mark of {object_}, and names no column for it.",
                    "Name it: offramp export edit --mark TABLE=COLUMN.",
                )
            kind = old.kind if old is not None and old.column == column else kind_of(value)
            if kind is None:
                raise InvalidValue(f"{value!r} is no number and no time, as marks are.")
            ordered(value, kind)
            made = Mark(
                export=export,
                object=object_,
                column=column,
                kind=kind,
                value=value,
                floor=value,
                above=True,
                moves=old.moves + 1 if old else 1,
                at=now or datetime.now(UTC),
            )
            _write(db, made, old, b"", MoveCause.SET)
        return made

    def forget(self, export: str, objects: Iterable[str], now: datetime | None = None) -> list[str]:
        """Have the next run read everything of these; all of the export's where there are none given. Which
        were forgotten. Raises Conflict while a task of the export is at work, NotFound."""
        moment = now or datetime.now(UTC)
        with self._database.write() as db:
            _require_idle(db, export)
            known = {mark.object: mark for mark in marks_of(db, export)}
            wanted = list(objects) or list(known)
            for name in wanted:
                if name not in known:
                    raise NotFound(f"Export {export!r} has no mark of {name}.", _among(known))
                _remove(db, known[name], moment, MoveCause.FORGET)
        return wanted

    def rewind(self, export: str, task: int, now: datetime | None = None) -> list[Mark]:
        """Have the next run read again what task `task` read, and all that came after it: each of its marks
        goes back to where it stood before. The marks as they are then. Raises Conflict while a task of the
        export is at work, NotFound where that one has moved none."""
        moment = now or datetime.now(UTC)
        with self._database.write() as db:
            _require_idle(db, export)
            statement = sa.select(_moves.c.object, _moves.c.old).where(
                _moves.c.export == export, _moves.c.task == task
            )
            rows = db.execute(statement.order_by(_moves.c.id.desc())).all()
            if not rows:
                raise NotFound(
                    f"Task {task} has moved no mark of export {export!r}.",
                    f"See which have: offramp export mark {export} --moves.",
                )
            # The last row is the first of its moves: a task may have published in two goes.
            before = {row.object: from_json(row.old, Mark) for row in rows}
            for name, old in before.items():
                current = _one(db, export, name)
                if old is None:
                    if current is not None:
                        _remove(db, current, moment, MoveCause.REWIND)
                    continue
                moves = (current.moves if current else old.moves) + 1
                # What was remembered of that time is gone: rows behind the floor come once more.
                back = msgspec.structs.replace(
                    old, moves=moves, remembered=0, points=(), task=None, at=moment
                )
                _write(db, back, current, b"", MoveCause.REWIND)
            return marks_of(db, export)


def marks_of(db: sa.Connection, export: str) -> list[Mark]:
    statement = sa.select(_t.c.body).where(_t.c.export == export).order_by(_t.c.object)
    return [must(body, Mark) for body in db.execute(statement).scalars()]


def seen_of(db: sa.Connection, export: str, object_: str) -> bytes:
    """Digests of what was exported behind the mark's floor; empty where nothing is known."""
    found = db.execute(sa.select(_t.c.seen).where(_t.c.export == export, _t.c.object == object_)).scalar()
    return b"" if found is None else bytes(found)


def remember(db: sa.Connection, task: int, object_: str, seen: bytes) -> None:
    """Keep what the next run is to know of an object, until the task's end."""
    made = insert(_task_marks).values(task_id=task, object=object_, seen=seen)
    db.execute(
        made.on_conflict_do_update(
            index_elements=[_task_marks.c.task_id, _task_marks.c.object], set_={"seen": seen}
        )
    )


def move(db: sa.Connection, task: int, export: str | None, now: datetime) -> list[str]:
    """Move the marks of what a task has published, in the transaction that ends it. Names of objects whose
    mark was another than it had read from, and is left alone."""
    if export is None or db.execute(sa.select(tables.export.c.name).filter_by(name=export)).first() is None:
        return []
    known = {mark.object: mark for mark in marks_of(db, export)}
    seen = {
        row.object: bytes(row.seen)
        for row in db.execute(sa.select(_task_marks).where(_task_marks.c.task_id == task))
    }
    astray = []
    for item in objects_of(db, task):
        held, name = item.mark, str(item.ref)
        if held is None or item.data_status is not ObjectStatus.SUCCESS or name not in seen:
            continue
        old = known.get(name)
        if (old.moves if old else 0) != held.moves:
            astray.append(name)
            continue
        _write(db, _after(item, export, seen[name], now, task), old, seen[name], MoveCause.RUN, item=item)
        # Once: what was published earlier isn't moved again when the rest follows.
        db.execute(sa.delete(_task_marks).filter_by(task_id=task, object=name))
    return astray


def _after(item: TaskObject, export: str, seen: bytes, now: datetime, task: int) -> Mark:
    held = item.mark
    assert held is not None  # noqa: S101 - looked at by `move`
    return Mark(
        export=export,
        object=str(item.ref),
        column=held.column,
        kind=held.kind,
        value=held.high if held.high is not None else held.before,
        floor=held.floor,
        above=False,
        moves=held.moves + 1,
        remembered=len(seen) // DIGEST_BYTES,
        points=held.points,
        at=now,
        task=task,
    )


def _write(
    db: sa.Connection,
    mark: Mark,
    old: Mark | None,
    seen: bytes,
    cause: MoveCause,
    *,
    item: TaskObject | None = None,
) -> None:
    values = {"body": to_json(mark), "seen": seen}
    made = insert(_t).values(export=mark.export, object=mark.object, **values)
    db.execute(made.on_conflict_do_update(index_elements=[_t.c.export, _t.c.object], set_=values))
    repeated = item.mark.repeated if item is not None and item.mark is not None else None
    _note(
        db,
        MarkMove(
            export=mark.export,
            object=mark.object,
            at=mark.at or datetime.now(UTC),
            cause=cause,
            column=mark.column,
            before=old.value if old else None,
            after=mark.value,
            task=mark.task,
            rows=item.processed_rows if item is not None else None,
            repeated=repeated,
        ),
        old,
    )


def _remove(db: sa.Connection, mark: Mark, now: datetime, cause: MoveCause) -> None:
    db.execute(sa.delete(_t).where(_t.c.export == mark.export, _t.c.object == mark.object))
    move = MarkMove(
        export=mark.export,
        object=mark.object,
        at=now,
        cause=cause,
        column=mark.column,
        before=mark.value,
    )
    _note(db, move, mark)


def _note(db: sa.Connection, move: MarkMove, old: Mark | None) -> None:
    db.execute(
        sa.insert(_moves).values(
            export=move.export,
            object=move.object,
            at=move.at,
            task=move.task,
            body=to_json(move),
            old=to_json(old),
        )
    )


def _one(db: sa.Connection, export: str, object_: str) -> Mark | None:
    body = db.execute(sa.select(_t.c.body).where(_t.c.export == export, _t.c.object == object_)).scalar()
    return from_json(body, Mark)


def _require_idle(db: sa.Connection, export: str) -> None:
    statement = sa.select(_task.c.id).where(_task.c.export == export, _BEGUN).limit(1)
    task = db.execute(statement).scalar()
    if task is not None:
        raise Conflict(
            f"Task {task} of export {export!r} is at work: it reads from where the marks stand.",
            f"Wait for it (offramp wait {task}), or abort it.",
        )


def _among(known: Mapping[str, Mark]) -> str:
    return f"There are: {', '.join(sorted(known))}." if known else "It has none yet."
