"""What tests of the screens share: a home with tasks in every status, a frozen clock, waiting for conditions."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from core.errors import ErrorInfo
from core.locations import Locations
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.task import FileEntry
from core.model.vocabulary import Mode, ObjectRef, ObjectStatus, ObjectType, TaskStatus
from core.service import Service
from core.store import NewTask, Store, tables
from core.store.rows import to_json
from tui.app import OfframpApp, Options

NOW = datetime(2026, 11, 22, 14, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECONDS = 10.0


class Home:
    """A home of its own, filled directly through the store."""

    def __init__(self, path: Path) -> None:
        self.locations = Locations(path)
        self.locations.ensure()
        self.store = Store.open(self.locations)

    def close(self) -> None:
        self.store.close()

    def connection(self, name: str, path: str = "/data/sample.db") -> None:
        self.store.connections.add(Connection(name=name, mode=Mode.SQLITE, path=path))

    def task(
        self,
        name: str,
        status: TaskStatus,
        *,
        connection: str = "ob-prod",
        age: timedelta = MINUTE,
        settings: ExportSettings | None = None,
        **columns: Any,
    ) -> int:
        """A task as it would be in that status; `columns` are the task table's own."""
        task = self.store.tasks.add(
            NewTask(
                name=name,
                settings=settings or ExportSettings(connection=connection, all_objects=True),
                output=f"/data/out/{name}",
                mode=Mode.OCEANBASE,
                owner="ann",
            )
        )
        done = status is TaskStatus.COMPLETED
        values: dict[str, Any] = {"status": str(status), "created": NOW - age, "published": done}
        if isinstance(columns.get("error"), ErrorInfo):
            columns["error"] = to_json(columns["error"])
        if status is not TaskStatus.QUEUED:
            values["queue_number"] = None
        self.update(task.id, **(values | columns))
        return task.id

    def update(self, number: int, **columns: Any) -> None:
        with self.store.database.write() as db:
            db.execute(sa.update(tables.task).where(tables.task.c.id == number).values(**columns))

    def object(
        self, task: int, number: int, name: str, type_: ObjectType = ObjectType.TABLE, **columns: Any
    ) -> None:
        values: dict[str, Any] = {
            "task_id": task, "number": number, "type": str(type_), "name": name, "total_exact": False,
            "processed_rows": 0, "processed_bytes": 0, "columns": "[]", "parts": "[]", "fingerprint": "",
            "warnings": "[]", "schema_status": str(ObjectStatus.WAITING), "data_status": str(ObjectStatus.WAITING),
        }  # fmt: skip
        with self.store.database.write() as db:
            db.execute(sa.insert(tables.task_object).values(**(values | columns)))

    def file(self, task: int, entry: FileEntry) -> None:
        with self.store.database.write() as db:
            db.execute(
                sa.insert(tables.task_file).values(
                    task_id=task, path=entry.path, kind=entry.kind, object=entry.object, rows=entry.rows,
                    bytes=entry.bytes, sha256=entry.sha256,
                )
            )  # fmt: skip


def every_status(home: Home) -> dict[TaskStatus, int]:
    """One task in each status, with what belongs to it."""
    for name in ("ob-prod", "ora-fin", "mdb-shop"):
        home.connection(name)
    made: dict[TaskStatus, int] = {}
    made[TaskStatus.ABORTED] = home.task(
        "stock",
        TaskStatus.ABORTED,
        connection="mdb-shop",
        age=26 * 60 * MINUTE,
        started=NOW - 1550 * MINUTE,
        ended=NOW - 1540 * MINUTE,
        processed_rows=38_000,
        objects_total=3,
        objects_done=1,
    )
    made[TaskStatus.FAILED] = home.task(
        "ledger",
        TaskStatus.FAILED,
        connection="ora-fin",
        age=15 * 60 * MINUTE,
        started=NOW - 890 * MINUTE,
        ended=NOW - 880 * MINUTE,
        objects_total=2,
        error=ErrorInfo(
            code="snapshot-gone",
            message="TABLE:GL_LINES: its snapshot is no longer kept by the server.",
            hint="Raise undo_retention, or export fewer tables at once.",
        ),
    )
    made[TaskStatus.COMPLETED] = home.task(
        "orders-nightly",
        TaskStatus.COMPLETED,
        age=14 * 60 * MINUTE,
        started=NOW - 830 * MINUTE,
        ended=NOW - 820 * MINUTE,
        processed_rows=41_207_331,
        processed_bytes=6_100_000_000,
        objects_total=2,
        objects_done=2,
        published=True,
    )
    made[TaskStatus.PUBLISHING] = home.task(
        "audit-2026",
        TaskStatus.PUBLISHING,
        connection="ora-fin",
        age=9 * MINUTE,
        started=NOW - 8 * MINUTE,
        processed_rows=900_000,
        total_rows=900_000,
        processed_bytes=10**8,
        objects_total=7,
        objects_done=7,
        stage="publishing",
        stage_since=NOW - timedelta(seconds=2),
        slot=1,
    )
    made[TaskStatus.RUNNING] = home.task(
        "orders-hourly",
        TaskStatus.RUNNING,
        age=2 * MINUTE,
        started=NOW - 112 * timedelta(seconds=1),
        processed_rows=41_207_331,
        total_rows=65_400_000,
        processed_bytes=6_100_000_000,
        objects_total=3,
        objects_done=1,
        stage="reading TABLE:orders",
        stage_since=NOW - timedelta(seconds=40),
        slot=2,
    )
    made[TaskStatus.ABORTING] = home.task(
        "invoices",
        TaskStatus.ABORTING,
        connection="mdb-shop",
        age=3 * MINUTE,
        started=NOW - 2 * MINUTE,
        processed_rows=1_000,
        objects_total=4,
        slot=3,
    )
    made[TaskStatus.QUEUED] = home.task("stock", TaskStatus.QUEUED, connection="mdb-shop", age=MINUTE)
    home.task(
        "stock-schema",
        TaskStatus.QUEUED,
        connection="mdb-shop",
        age=0 * MINUTE,
        reason="retry 2 of 3",
        not_before=NOW + 4 * MINUTE,
    )
    made[TaskStatus.SCHEDULED] = home.task(
        "month-end", TaskStatus.SCHEDULED, connection="ora-fin", age=5 * MINUTE, not_before=NOW + 180 * MINUTE
    )
    running = made[TaskStatus.RUNNING]
    done = {"schema_status": str(ObjectStatus.SUCCESS)}
    home.object(
        running,
        0,
        "orders",
        total_rows=65_400_000,
        processed_rows=41_207_331,
        data_status=str(ObjectStatus.RUNNING),
        **done,
    )
    home.object(running, 1, "order_items", total_rows=201_000_000, **done)
    home.object(running, 2, "v_open", ObjectType.VIEW, data_status=None, **done)
    completed = made[TaskStatus.COMPLETED]
    home.file(
        completed,
        FileEntry(
            path="TABLE/orders.csv",
            kind="data",
            object=str(ObjectRef(ObjectType.TABLE, "orders")),
            rows=41_207_331,
            bytes=6_100_000_000,
            sha256="ab" * 32,
        ),
    )
    home.file(
        completed,
        FileEntry(
            path="TABLE/orders-schema.sql",
            kind="schema",
            object="TABLE:orders",
            rows=0,
            bytes=1_204,
            sha256="cd" * 32,
        ),
    )
    return made  # fmt: skip


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def local_time(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def application(home: Home, **options: Any) -> OfframpApp:
    """On its own service, without an engine."""
    given: dict[str, Any] = {"host": False, "clock": Clock(), **options}
    return OfframpApp(Service(home.locations), Options(**given))


@asynccontextmanager
async def running(app: OfframpApp, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[Any]]:
    """The application with what it first shows."""
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.engine is not None and app.page is not None and app.page.was_read)
        yield pilot
    app.service.close()


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for a condition; a pause of the pilot is none."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {condition}")
        await pilot.pause(0.02)
        await asyncio.sleep(0)


async def type_at_once(pilot: Pilot[Any], text: str) -> None:
    """The keys of a text as a terminal hands them over where somebody types faster than is drawn: each is a key
    of its own, and none waits for what came of the one before, which is what takes time in `Pilot.press`."""
    driver = pilot.app._driver
    assert driver is not None
    for character in text:
        key = events.Key(_character_to_key(character), character)
        key.set_sender(pilot.app)
        driver.send_message(key)
    await pilot.pause()


def screen_text(app: OfframpApp) -> str:
    """What is to be seen, line by line."""
    width = app.size.width
    return "\n".join(
        "".join(s.text for s in line)[:width].rstrip() for line in app.screen._compositor.render_strips()
    )
