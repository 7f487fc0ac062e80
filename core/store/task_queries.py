"""Statements about tasks that several parts of the store share: listing, the queue's order, endings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from core.errors import ErrorInfo, UsageError
from core.model.destination import leaves, place_of, resolved
from core.model.settings import ExportSettings
from core.model.task import FileEntry, TaskObject
from core.model.task_filter import TaskFilter, TaskOrder
from core.model.vocabulary import Mode, ObjectStatus, TaskStatus
from core.store import destinations, tables
from core.store.defaults import settings_at
from core.store.history import note_run
from core.store.notifications import note_end
from core.store.rows import file_from, object_from, task_from, to_json

_t = tables.task
_objects = tables.task_object
_files = tables.task_file

OPEN_STATUSES = tuple(str(status) for status in TaskStatus if not status.ended)
ESCAPE = "\\"

# For statements that are made once: the instant is told when they are run.
AS_OF_NOW = sa.bindparam("now", type_=tables.Instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What a task is made of. `output` is the absolute path of its directory, to which `-<task>` is added
    where `numbered` (the number is known only once the task is in), `owner` who asked for it,
    `export` the saved export it comes from, `not_before` a time to start at (aware), `latest` whether the
    link to the newest run is moved, `notify` who is told of the end where the settings don't say."""

    name: str
    settings: ExportSettings
    output: str
    mode: Mode
    owner: str
    export: str | None = None
    not_before: datetime | None = None
    numbered: bool = False
    latest: bool = False
    notify: tuple[str, ...] = ()


def resolved_place(db: sa.Connection, place: str) -> str:
    """A place for one task, as an absolute path where it is below a destination that is a local directory.
    Raises InvalidValue; NotFound where there is no such destination; UsageError for the root of one."""
    if not leaves(place):
        return place
    found = place_of(place)
    if found.name:
        place = resolved(place, {found.name: destinations.get(db, found.name)})
    if leaves(place) and not found.path:
        raise UsageError(
            "A task's files can't go into the root of a destination.",
            "Name a directory below it: NAME:orders, s3://bucket/orders.",
        )
    return place


def add_task(db: sa.Connection, new: NewTask, now: datetime) -> int:
    """Queue a task, or schedule it where `not_before` is after `now`, in a write transaction. Its number.
    Raises as `resolved_place` does."""
    later = new.not_before is not None and new.not_before > now
    inserted = db.execute(
        sa.insert(_t).values(
            name=new.name,
            connection=new.settings.connection,
            export=new.export,
            mode=str(new.mode),
            owner=new.owner,
            output=resolved_place(db, new.output),
            latest=new.latest,
            rate=to_json(new.settings.load.rate),
            settings=to_json(settings_at(db, _frozen(new), new.output)),
            created=now,
            status=str(TaskStatus.SCHEDULED if later else TaskStatus.QUEUED),
            not_before=new.not_before if later else None,
            queued=None if later else now,
            queue_number=None if later else next_queue_number(),
        )
    )
    (number,) = inserted.inserted_primary_key or (0,)
    if new.numbered and new.settings.into is None:
        output = sa.type_coerce(_t.c.output, sa.Text) + f"-{number}"
        db.execute(sa.update(_t).where(_t.c.id == number).values(output=output))
    return int(number)


def forget_replaced(db: sa.Connection, number: int) -> None:
    """This task's output has taken the place of that of others, in a write transaction."""
    own = sa.select(_t.c.output).where(_t.c.id == number).scalar_subquery()
    db.execute(
        sa.update(_t)
        .where(_t.c.published.is_(True), _t.c.output == own, _t.c.id != number)
        .values(published=False)
    )


def positions(now: datetime | sa.BindParameter[datetime]) -> sa.Subquery:
    """The queue: each queued task's place, from 1, in the order in which they'd be taken now. Tasks that
    pause before a retry come behind those that are ready, by the end of their pause."""
    paused = sa.case((_t.c.not_before > now, _t.c.not_before), else_=None)
    place = sa.func.row_number().over(order_by=(paused.nulls_first(), _t.c.queue_number))
    return sa.select(_t.c.id, place.label("position")).where(_t.c.status == str(TaskStatus.QUEUED)).subquery()


def connection_limit() -> sa.ScalarSelect[int | None]:
    """For a task that waits: how many tasks its connection lets run at once, where that many hold a slot;
    else NULL."""
    connection, other = tables.connection, _t.alias("other")
    limit = sa.func.json_extract(connection.c.body, "$.task_limit", type_=sa.Integer)
    # BETWEEN, as in `claims.occupied`: three rows of an index.
    at_work = (
        sa.select(sa.func.count())
        .where(other.c.slot.between(1, tables.SLOTS), other.c.connection == _t.c.connection)
        .correlate(_t)
        .scalar_subquery()
    )
    return (
        sa.select(limit)
        .where(connection.c.name == _t.c.connection, limit <= at_work)
        .correlate(_t)
        .scalar_subquery()
    )


def _limited() -> sa.Label[int | None]:
    return sa.case((_t.c.status == str(TaskStatus.QUEUED), connection_limit()), else_=None).label("limited")


@cache
def one() -> sa.Select[Any]:
    """The task `number` with its position at `now`, both parameters. Made once: to word it takes ten times
    as long as to answer it."""
    queue = positions(AS_OF_NOW)
    return (
        sa.select(_t, queue.c.position, _limited())
        .outerjoin(queue, sa.and_(queue.c.id == _t.c.id, _t.c.status == str(TaskStatus.QUEUED)))
        .where(_t.c.id == sa.bindparam("number"))
    )


def listing(wanted: TaskFilter, now: datetime) -> sa.Select[Any]:
    """Tasks with their positions."""
    queue = positions(now)
    statement = sa.select(_t, queue.c.position, _limited()).outerjoin(queue, queue.c.id == _t.c.id)
    conditions, order = _conditions(wanted), _order(wanted, queue, now)
    if wanted.limit is None and not wanted.offset:
        return statement.where(*conditions).order_by(*order)
    most = -1 if wanted.limit is None else wanted.limit
    if conditions and wanted.order is not TaskOrder.URGENCY:
        # Which tasks the window shows is found out before anything is asked of each: their places in the
        # queue, limits of their connections.
        window = sa.select(_t.c.id).where(*conditions).order_by(*order).limit(most).offset(wanted.offset)
        return statement.where(_t.c.id.in_(window)).order_by(*order)
    return statement.where(*conditions).order_by(*order).limit(most).offset(wanted.offset)


def _order(wanted: TaskFilter, queue: sa.Subquery, now: datetime) -> list[sa.ColumnElement[Any]]:
    if wanted.order is TaskOrder.URGENCY:
        scheduled = sa.case((_t.c.status == str(TaskStatus.SCHEDULED), _t.c.not_before), else_=None)
        return [_rank(), queue.c.position, scheduled, _t.c.created.desc(), _t.c.id.desc()]
    column: sa.ColumnElement[Any]
    match wanted.order:
        case TaskOrder.STATUS:
            column = _rank(each=True)
        case TaskOrder.NUMBER:
            column = _t.c.id
        case TaskOrder.PROGRESS:
            column = _share()
        case TaskOrder.DURATION:
            started = sa.type_coerce(_t.c.started, sa.Integer)
            column = (
                sa.func.coalesce(sa.type_coerce(_t.c.ended, sa.Integer), tables.microseconds(now)) - started
            )
        case _:
            column = _t.c[wanted.order.value]
    return [column.desc(), _t.c.id.desc()] if wanted.descending else [column, _t.c.id]


def _rank(*, each: bool = False) -> sa.ColumnElement[int]:
    """Statuses as numbers: what holds a slot, what waits, what has ended; with `each` all of them apart."""
    order = (
        *(TaskStatus.RUNNING, TaskStatus.PUBLISHING, TaskStatus.ABORTING, TaskStatus.QUEUED),
        *(TaskStatus.SCHEDULED, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.ABORTED),
    )
    if each:
        numbers = {str(status): number for number, status in enumerate(order)}
    else:
        numbers = {
            str(s): 0 if s.holds_slot else 1 if s is TaskStatus.QUEUED else 3 if s.ended else 2 for s in order
        }
    return sa.case(numbers, value=_t.c.status, else_=len(order))


def _share() -> sa.ColumnElement[Any]:
    """How much is done, from 0 to 1: by rows where a total is known, else by objects."""
    by_rows = _t.c.processed_rows * 1.0 / sa.func.nullif(_t.c.total_rows, 0)
    by_objects = _t.c.objects_done * 1.0 / sa.func.nullif(_t.c.objects_total, 0)
    done = _t.c.status == str(TaskStatus.COMPLETED)
    return sa.case((done, 1.0), else_=sa.func.coalesce(by_rows, by_objects, 0.0))


def tally(wanted: TaskFilter) -> sa.Select[Any]:
    """How many in each status, whatever the filter's own choice of statuses."""
    conditions = _conditions(replace(wanted, statuses=()))
    return sa.select(_t.c.status, sa.func.count()).where(*conditions).group_by(_t.c.status)


def counting(wanted: TaskFilter) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(_t).where(*_conditions(wanted))


def _conditions(wanted: TaskFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        # Two searches of an index; as one condition with OR it would be a walk through all tasks.
        recent = sa.select(_t.c.id).where(_t.c.created >= wanted.since)
        unfinished = sa.select(_t.c.id).where(_t.c.status.in_(OPEN_STATUSES))
        conditions.append(_t.c.id.in_(recent.union(unfinished)))
    if wanted.statuses:
        conditions.append(_t.c.status.in_([str(status) for status in wanted.statuses]))
    if wanted.connection is not None:
        conditions.append(_t.c.connection == wanted.connection)
    if wanted.export is not None:
        # Found in the index of words, so that rows with their settings aren't walked through.
        inner = _t.alias()
        conditions.append(_t.c.id.in_(sa.select(inner.c.id).where(inner.c.export == wanted.export)))
    if wanted.ids:
        conditions.append(_t.c.id.in_(wanted.ids))
    if wanted.places:
        named = (_t.c.connection.contains(p, autoescape=True, escape=ESCAPE) for p in wanted.places)
        conditions.append(sa.or_(*named))
    conditions.extend(_holds(word) for word in (wanted.text, *wanted.words) if word)
    return conditions


def _holds(word: str) -> sa.ColumnElement[bool]:
    # The inner query is answered from an index that holds these words only.
    inner = _t.alias()
    found = sa.or_(
        *(
            column.contains(word, autoescape=True, escape=ESCAPE)
            for column in (inner.c.name, inner.c.export, inner.c.connection)
        )
    )
    return _t.c.id.in_(sa.select(inner.c.id).where(found))


def next_queue_number() -> sa.ScalarSelect[Any]:
    """The queue's next number, to be used in a write transaction."""
    inner = _t.alias("numbers")
    return sa.select(sa.func.coalesce(sa.func.max(inner.c.queue_number), 0) + 1).scalar_subquery()


def objects_of(db: sa.Connection, number: int) -> list[TaskObject]:
    statement = sa.select(_objects).where(_objects.c.task_id == number).order_by(_objects.c.number)
    return [object_from(row) for row in db.execute(statement).mappings()]


def files_of(db: sa.Connection, number: int) -> list[FileEntry]:
    statement = (
        sa.select(_files)
        .where(_files.c.task_id == number)
        .order_by(_files.c.number.nulls_last(), _files.c.path)
    )
    return [file_from(row) for row in db.execute(statement).mappings()]


def end(
    db: sa.Connection,
    number: int,
    status: TaskStatus,
    error: ErrorInfo | None,
    now: datetime,
    **values: object,
) -> None:
    """A task's end: the attempt no longer owns it, its slot stays taken until death is confirmed, and
    objects that were not done are marked killed (in a failed task only those that were at work)."""
    db.execute(
        sa.update(_t)
        .where(_t.c.id == number)
        .values(
            status=str(status),
            reason="",
            error=to_json(error),
            token=None,
            not_before=None,
            ended=now,
            stage="",
            stage_since=None,
            **values,
        )
    )
    _tell(db, number, now)
    if status is TaskStatus.ABORTED:
        settle_objects(db, number, (ObjectStatus.RUNNING, ObjectStatus.WAITING), ObjectStatus.KILLED)
    elif status is TaskStatus.FAILED:
        settle_objects(db, number, (ObjectStatus.RUNNING,), ObjectStatus.KILLED)


def _frozen(new: NewTask) -> ExportSettings:
    """Who is told of the end stands in the task, as it was when the task was made."""
    if new.settings.notify is not None or not new.notify:
        return new.settings
    return msgspec.structs.replace(new.settings, notify=new.notify)


def _tell(db: sa.Connection, number: int, now: datetime) -> None:
    """Note who is to be told of the end, and, of a saved export, what became of its run."""
    found = db.execute(sa.select(_t.c.settings, _t.c.export).where(_t.c.id == number)).one()
    # Without the key nobody is, which is seen before all of it is read.
    if '"notify"' in found.settings or found.export is not None:
        row = db.execute(sa.select(_t, sa.null().label("position")).where(_t.c.id == number)).mappings().one()
        task = task_from(row)
        note_end(db, task, now)
        note_run(db, task)


def settle_objects(db: sa.Connection, number: int, old: tuple[ObjectStatus, ...], new: ObjectStatus) -> None:
    """Move a task's object statuses from one of `old` to `new`, in both halves."""
    for column in (_objects.c.schema_status, _objects.c.data_status):
        db.execute(
            sa.update(_objects)
            .where(_objects.c.task_id == number, column.in_([str(status) for status in old]))
            .values({column.name: str(new)})
        )
