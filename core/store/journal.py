"""A task's journal in the store: what a worker writes while it holds the task's token."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.errors import Aborted, ErrorInfo, Incomplete, LostClaim
from core.model.file_settings import IfExists
from core.model.load import Rate
from core.model.mark import Mark
from core.model.settings import ExportSettings
from core.model.task import FileEntry, Snapshot, Task, TaskObject
from core.model.vocabulary import TaskStatus
from core.pipeline.journal import Journal
from core.store import marks, object_rows, tables
from core.store import task_queries as queries
from core.store.claims import OWNED
from core.store.flushing import Flusher
from core.store.object_rows import Sums
from core.store.outcome import conclude
from core.store.retry import Backoff
from core.store.rows import changed, from_json, must, object_values, task_from, to_json
from core.store.store import Store

_t = tables.task
_objects = tables.task_object

# How long a rate that was changed may go unnoticed.
RATE_SECONDS = 1.0
# Ends of objects within so long are stored in one transaction.
TOGETHER_SECONDS = 0.25


class _Owned(NamedTuple):
    """What a write must know of the task that it is about to change, and how fast it may read."""

    status: TaskStatus
    retries: int
    settings: str
    rate: str | None


class StoreJournal(Journal):
    """The journal of the attempt that `token` names. `backoff` decides when a transient failure is tried
    again; progress is stored by a thread of its own, every `interval` seconds at most, so that reading
    never waits for it."""

    def __init__(
        self, store: Store, task: int, token: str, *, backoff: Backoff | None = None, interval: float = 1.0
    ) -> None:
        self._database = store.database
        self._number = task
        self._token = token
        self._backoff = backoff or Backoff()
        # Guards what follows, which the flushing thread shares. Taken before the database's own lock.
        self._lock = threading.RLock()
        self._items: dict[int, TaskObject] | None = None
        self._sums = Sums()
        self._moved: set[int] = set()
        self._noted: set[int] = set()
        # Objects that have ended, and their files, which a small task has hundreds of in a second.
        self._ended: dict[int, tuple[TaskObject, Sequence[FileEntry]]] = {}
        self._ended_since = 0.0
        self._stage: tuple[str, datetime] | None = None
        self._lost: LostClaim | None = None
        self._rate: Rate | None = None
        self._rate_read = float("-inf")
        self._flusher = Flusher(self._store_progress, interval)

    def take_hold(self, pid: int, group: int, started: datetime) -> None:
        """The worker lives, in process `pid` of process group `group`: the attempt counts from here.
        Raises LostClaim where the task was taken back or aborted before."""
        with self._lock, self._database.write() as db:
            done = db.execute(
                sa.update(_t)
                .where(
                    _t.c.id == self._number,
                    _t.c.token == self._token,
                    _t.c.status == str(TaskStatus.RUNNING),
                    _t.c.worker_pid.is_(None),
                )
                .values(
                    worker_pid=pid, worker_group=group, worker_started=started, attempts=_t.c.attempts + 1
                )
            )
            if not done.rowcount:
                raise self._lose()

    def close(self) -> None:
        """End the flushing thread; what it hasn't stored yet is dropped."""
        self._flusher.close()

    def task(self) -> Task:
        with self._lock, self._database.read() as db:
            self._owned(db)
            as_of = {"number": self._number, "now": datetime.now(UTC)}
            row = db.execute(queries.one(), as_of).mappings().one()
        return task_from(row)

    def claim_output(self, output: str) -> bool:
        with self._writing() as (db, _):
            others = sa.select(_t.c.id).where(
                _t.c.output == output,
                _t.c.id != self._number,
                _t.c.status.in_(queries.OPEN_STATUSES),
                _t.c.attempts > 0,
            )
            if db.execute(others.limit(1)).first() is not None:
                return False
            self._write(db, None, output=output)
        return True

    def objects(self) -> list[TaskObject]:
        with self._lock, self._database.read() as db:
            self._owned(db)
            return list(self._known(db).values())

    def files(self) -> list[FileEntry]:
        self._store_ended()
        with self._lock, self._database.read() as db:
            self._owned(db)
            return queries.files_of(db, self._number)

    def plan(self, objects: Sequence[TaskObject], snapshot: Snapshot | None) -> None:
        with self._lock:
            with self._writing() as (db, _):
                object_rows.replace(db, self._number, objects)
                sums = Sums.of(objects)
                self._write(db, sums, snapshot=to_json(snapshot))
            self._items = {item.number: item for item in objects}
            self._sums = sums
            self._moved.clear()
            self._noted.clear()

    def update(self, item: TaskObject, files: Sequence[FileEntry] = ()) -> None:
        self._store(item, None, files)

    def finish_object(self, item: TaskObject, files: Sequence[FileEntry]) -> None:
        with self._lock:
            self._heard(item)
            if not self._ended:
                self._ended_since = time.monotonic()
            self._ended[item.number] = (item, tuple(files))
            self._moved.discard(item.number)
            self._noted.discard(item.number)
            if time.monotonic() - self._ended_since >= TOGETHER_SECONDS:
                self._store_ended()
        self._flusher.soon()

    def note(self, item: TaskObject) -> None:
        with self._lock:
            self._heard(item)
            self._moved.add(item.number)
            self._noted.add(item.number)
        self._flusher.soon()

    def marks(self) -> list[Mark]:
        with self._lock, self._database.read() as db:
            self._owned(db)
            export = self._export(db)
            return [] if export is None else marks.marks_of(db, export)

    def seen(self, object_: str) -> bytes:
        with self._lock, self._database.read() as db:
            self._owned(db)
            export = self._export(db)
            return b"" if export is None else marks.seen_of(db, export, object_)

    def remember(self, object_: str, seen: bytes) -> None:
        with self._writing() as (db, _):
            marks.remember(db, self._number, object_, seen)

    def _export(self, db: sa.Connection) -> str | None:
        name: str | None = db.execute(sa.select(_t.c.export).where(_t.c.id == self._number)).scalar_one()
        return name

    def set_snapshot(self, snapshot: Snapshot) -> None:
        with self._writing() as (db, _):
            self._write(db, self._sums if self._items is not None else None, snapshot=to_json(snapshot))

    def progress(self, number: int, rows: int, size: int) -> None:
        with self._lock:
            old = self._in_memory()[number]
            self._heard(msgspec.structs.replace(old, processed_rows=rows, processed_bytes=size))
            self._moved.add(number)
        self._flusher.soon()

    def rate(self) -> Rate | None:
        if time.monotonic() - self._rate_read > RATE_SECONDS:
            with self._lock, self._database.read() as db:
                self._rate = from_json(self._owned(db).rate, Rate)
            self._rate_read = time.monotonic()
        return self._rate

    def stage(self, text: str) -> None:
        with self._lock:
            self._raise_lost()
            self._stage = (text, datetime.now(UTC))
        self._flusher.soon()

    def publishing(self) -> None:
        with self._writing() as (db, task):
            if task.status is TaskStatus.ABORTING:
                raise Aborted("Aborted on request.")
            self._write(db, None, status=str(TaskStatus.PUBLISHING))

    def finish(self, error: ErrorInfo | None, *, published: bool, files: Sequence[FileEntry] = ()) -> None:
        with self._writing() as (db, task):
            self._write_progress(db)
            object_rows.replace_common_files(db, self._number, files, whole=published)
            if published and (error is None or error.code == Incomplete.code):
                marks.move(db, self._number, self._export(db), datetime.now(UTC))
            if published and must(task.settings, ExportSettings).files.if_exists is IfExists.REPLACE:
                queries.forget_replaced(db, self._number)
            conclude(
                db,
                self._number,
                error,
                status=task.status,
                retries=task.retries,
                limit=must(task.settings, ExportSettings).retry_limit,
                published=published,
                backoff=self._backoff,
                now=datetime.now(UTC),
            )
        self._flusher.stop()

    def _store(
        self, item: TaskObject, files: Sequence[FileEntry] | None, further: Sequence[FileEntry] = ()
    ) -> None:
        """Store an object's state; `files` are all of its files, or None and `further` ones."""
        with self._lock:
            with self._writing() as (db, _):
                old = self._known(db)[item.number]
                values = object_values(item)
                if item.number not in self._moved:
                    values = changed(values, object_values(old))
                if values:
                    db.execute(
                        sa.update(_objects)
                        .where(_objects.c.task_id == self._number, _objects.c.number == item.number)
                        .values(**values)
                    )
                if files is not None:
                    object_rows.replace_files(db, self._number, item.number, files)
                elif further:
                    object_rows.add_files(db, self._number, item.number, further)
                sums = self._sums.moved(old, item)
                self._write(db, sums)
            self._known_items[item.number] = item
            self._sums = sums
            self._moved.discard(item.number)
            self._noted.discard(item.number)

    def _in_memory(self) -> dict[int, TaskObject]:
        """The objects as they are, stored or not. Raises LostClaim where that is known."""
        self._raise_lost()
        if self._items is None:
            with self._database.read() as db:
                self._known(db)
        return self._known_items

    def _heard(self, item: TaskObject) -> None:
        """Keep an object's new state, to be stored later."""
        items = self._in_memory()
        self._sums = self._sums.moved(items[item.number], item)
        items[item.number] = item

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, _Owned]]:
        """A transaction that changes the task while this attempt owns it. What has ended before is stored
        first. Raises LostClaim."""
        with self._lock:
            with self._database.write() as db:
                task = self._owned(db)
                for number, (item, files) in self._ended.items():
                    db.execute(
                        sa.update(_objects)
                        .where(_objects.c.task_id == self._number, _objects.c.number == number)
                        .values(**object_values(item))
                    )
                    object_rows.replace_files(db, self._number, number, files)
                if self._ended:
                    self._write(db, self._sums)
                yield db, task
            self._ended.clear()

    def _store_ended(self) -> None:
        with self._lock:
            if self._ended:
                with self._writing():
                    pass

    @property
    def _known_items(self) -> dict[int, TaskObject]:
        if self._items is None:
            raise LookupError("the objects have not been read yet")
        return self._items

    def _known(self, db: sa.Connection) -> dict[int, TaskObject]:
        """The objects as stored, with the progress that isn't stored yet."""
        if self._items is None:
            items = queries.objects_of(db, self._number)
            self._items = {item.number: item for item in items}
            self._sums = Sums.of(items)
        return self._items

    def _owned(self, db: sa.Connection) -> _Owned:
        """Raises LostClaim unless this attempt still owns the task."""
        self._raise_lost()
        row = db.execute(_own(), {"number": self._number, "token": self._token}).first()
        if row is None:
            raise self._lose()
        return _Owned(TaskStatus(row.status), row.retries, row.settings, row.rate)

    def _write(self, db: sa.Connection, sums: Sums | None, **values: Any) -> None:
        """Change the task's own row, and store the pending stage with it."""
        if self._stage is not None:
            values |= {"stage": self._stage[0], "stage_since": self._stage[1]}
        if sums is not None:
            values |= sums.values()
        if values:
            db.execute(sa.update(_t).where(_t.c.id == self._number).values(**values))

    def _write_progress(self, db: sa.Connection) -> None:
        for number in sorted(self._moved):
            item = self._known_items[number]
            values = {"processed_rows": item.processed_rows, "processed_bytes": item.processed_bytes}
            db.execute(
                sa.update(_objects)
                .where(_objects.c.task_id == self._number, _objects.c.number == number)
                .values(**(object_values(item) if number in self._noted else values))
            )
        self._write(db, self._sums if self._moved else None)

    def _store_progress(self) -> None:
        with self._lock:
            with self._writing() as (db, _):
                self._write_progress(db)
            self._moved.clear()
            self._noted.clear()
            self._stage = None

    def _lose(self) -> LostClaim:
        self._lost = LostClaim(
            f"Task {self._number} no longer belongs to this worker.", "It was taken back, aborted or removed."
        )
        return self._lost

    def _raise_lost(self) -> None:
        if self._lost is not None:
            raise self._lost


@cache
def _own() -> sa.Select[tuple[str, int, str, str | None]]:
    """The task `number` while the attempt `token` owns it, both parameters. Made once, since it is asked with
    each write and once a second besides."""
    return sa.select(_t.c.status, _t.c.retries, _t.c.settings, _t.c.rate).where(
        _t.c.id == sa.bindparam("number"), _t.c.token == sa.bindparam("token"), _t.c.status.in_(OWNED)
    )
