"""Details of a task: what each tab shows, live, in pictures and by keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from core.errors import ErrorInfo
from core.model.settings import CsvSettings, ExportSettings, SchemaSettings, SqlSettings, SysAccount
from core.model.task import Task
from core.model.vocabulary import Content, Format, ObjectStatus, TaskStatus
from core.store.rows import to_json
from tests.tui.harness import NOW, Clock, Home, application, running, screen_text, until
from tui import look
from tui.app import OfframpApp
from tui.runs import text_of
from tui.screens.task import TaskScreen, read_task
from tui.screens.task_information import basic, exported, information
from tui.screens.task_live import Left, left, live, stage
from tui.widgets.table import Table

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
SECOND = timedelta(seconds=1)


async def opened(pilot: Pilot[Any], task: int, tab: str = "information") -> TaskScreen:
    app = pilot.app
    assert isinstance(app, OfframpApp)
    screen = TaskScreen(task, tab=tab)
    await app.push_screen(screen)
    await until(pilot, lambda: app.screen is screen and screen.was_read)
    return screen


def on(task: int, tab: str) -> Any:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, task, tab)

    return before


def many(home: Home) -> int:
    """A failed task with an object in each status."""
    task = home.task(
        "nightly", TaskStatus.FAILED, started=NOW - 600 * SECOND, ended=NOW - 60 * SECOND, objects_total=7, objects_done=2,
        objects_failed=1, error=ErrorInfo(code="x", message="1 of 7 objects failed.", hint="Retry reads only what is missing."),
    )  # fmt: skip
    for number, status in enumerate([*ObjectStatus, ObjectStatus.SUCCESS, ObjectStatus.WAITING]):
        error = ErrorInfo(
            code="no-right", message=f"TABLE:t{number}: no SELECT right.", hint="Ask for it: GRANT SELECT."
        )
        home.object(
            task, number, f"t{number}", data_status=str(status), total_rows=1000 * number, processed_rows=10 * number,
            schema_status=str(ObjectStatus.SUCCESS), started=NOW - 500 * SECOND, ended=NOW - 400 * SECOND,
            error=to_json(error) if status is ObjectStatus.FAILURE else None,
            warnings='["3 characters were replaced"]' if number == 5 else "[]",
        )  # fmt: skip
    return task


# Pictures


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tab", ["information", "objects", "files"])
def test_running(
    home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, size: Any, tab: str
) -> None:
    task = tasks[TaskStatus.COMPLETED if tab == "files" else TaskStatus.RUNNING]
    assert snap_compare(application(home), terminal_size=size, run_before=on(task, tab))


@pytest.mark.parametrize("size", SIZES)
def test_failed(home: Home, snap_compare: Compare, size: Any) -> None:
    task = many(home)

    async def before(pilot: Pilot[Any]) -> None:
        screen = await opened(pilot, task, "objects")
        screen.query_one("#objects", Table).select(3)
        await until(pilot, lambda: "GRANT" in screen_text(screen.offramp))

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tab", ["information", "objects", "files", "logs"])
def test_empty(home: Home, snap_compare: Compare, size: Any, tab: str) -> None:
    task = home.task("later", TaskStatus.QUEUED)
    assert snap_compare(application(home), terminal_size=size, run_before=on(task, tab))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tab", ["information", "objects"])
def test_gone(home: Home, snap_compare: Compare, size: Any, tab: str) -> None:
    assert snap_compare(application(home), terminal_size=size, run_before=on(99, tab))


@pytest.mark.parametrize("tab", ["information", "objects"])
def test_narrow_in_ascii(home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, tab: str) -> None:
    app = application(home, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(50, 18), run_before=on(tasks[TaskStatus.RUNNING], tab))


# Information


def fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return dict(pairs)


def task_with(**values: Any) -> Task:
    given: dict[str, Any] = {
        "id": 7, "name": "n", "status": TaskStatus.RUNNING, "settings": ExportSettings(connection="c", all_objects=True),
        "output": "/out", "created": NOW, "owner": "ann", "mode": "oceanbase", "started": NOW - 100 * SECOND,
    }  # fmt: skip
    return Task(**(given | values))


def test_every_setting_of_the_files_is_told() -> None:
    csv = ExportSettings(
        connection="c", objects=("TABLE:a", "b*"), exclude=("b2",),
        csv=CsvSettings(header=False, separator="\t", quote="'", null="\\N", escape_backslash=True, bom=True),
        sys_account=SysAccount(account="root"),
    )  # fmt: skip
    told = fields(exported(csv))
    assert (told["content"], told["objects"], told["without"]) == ("schema and data", "TABLE:a, b*", "b2")
    assert (told["encoding"], told["data format"], told["header"]) == ("UTF-8", "CSV", "no")
    assert (told["separator"], told["NULL"]) == ("tab   text qualifier '", "\\N")
    assert (told["sys account"], told["on error"]) == ("root", "abort")
    text = " ".join(value for _, value in exported(csv))
    assert "backslashes are doubled" in text
    assert "byte-order mark" in text
    sql = ExportSettings(
        connection="c", all_objects=True, format=Format.SQL, sql=SqlSettings(batch_commit=1500)
    )
    assert fields(exported(sql))["COMMIT"] == "after every 1,500 rows"
    assert fields(exported(sql))["rows"] == "as INSERT statements"
    assert "separator" not in fields(exported(sql))
    schema = ExportSettings(
        connection="c", all_objects=True, content=Content.SCHEMA, schema=SchemaSettings(drop=True, merge=True)
    )
    assert fields(exported(schema))["schema files"] == "one for all objects"
    assert ("", "DROP before each CREATE") in exported(schema)
    assert "data format" not in fields(exported(schema))


def test_what_a_task_is_and_how_it_was_tried() -> None:
    told = fields(basic(task_with(export="nightly", retries=2, attempts=3), None, NOW))
    assert told["type"] == "run of export nightly"
    assert (told["mode"], told["retry limit"], told["retried"]) == (
        "OceanBase",
        "3",
        "2 times by itself, 3 attempts in all",
    )
    assert told["download"] == ""
    done = task_with(status=TaskStatus.COMPLETED, published=True, ended=NOW)
    assert fields(basic(done, "jump", NOW))["download"] == "ssh jump offramp download 7 --to - | tar x"


def test_side_by_side_where_there_is_room() -> None:
    narrow, wide = (information(task_with(), None, NOW, columns) for columns in (75, 115))
    assert len(wide) < len(narrow)
    assert any("Task" in text_of(line) and "Exported files" in text_of(line) for line in wide)


# Live


def test_what_is_left_is_a_range_with_its_source() -> None:
    task = task_with(total_rows=100_000, processed_rows=40_000)
    # 400 rows a second all the time, 200 of late; 60,000 to go.
    slow = [(200.0, 1.0)] * 30
    assert left(task, slow, NOW, exact=True) == Left(150.0, 300.0, exact=True)
    assert Left(150.0, 300.0, exact=True).words() == "2 to 5 min left (exact count)"
    guess = left(task, slow, NOW, exact=False)
    assert guess is not None
    assert guess.least < 150.0
    assert guess.most > 300.0
    assert guess.words().endswith("left (estimate)")
    assert Left(100.0, 110.0, exact=True).words() == "2 min left (exact count)"
    assert Left(40.0, 300.0, exact=False).words() == "40 s to 5 min left (estimate)"
    assert left(task_with(processed_rows=5), slow, NOW, exact=False) is None
    assert left(task_with(total_rows=9, status=TaskStatus.PUBLISHING), slow, NOW, exact=False) is None


def test_a_silent_task_says_what_it_is_at_and_since_when() -> None:
    task = task_with(
        stage="reading TABLE:orders",
        stage_since=NOW - 125 * SECOND,
        total_rows=10,
        processed_rows=1,
        objects_total=1,
    )
    text = text_of(stage(task, NOW))
    assert text == "reading TABLE:orders for 2 min 5 s, since 13:59:55" or "since" in text
    lines = live(task, [(0.0, 0.0)], NOW, look.UNICODE, 78, exact=False, silent=40.0)
    assert "no row for 40 s" in text_of(lines[1])
    assert "reading TABLE:orders for 2 min 5 s" in text_of(lines[1])
    assert live(task_with(status=TaskStatus.QUEUED), [], NOW, look.UNICODE, 78, exact=False, silent=0.0) == []


async def test_rate_and_time_left_are_drawn_as_it_goes_on(home: Home, tasks: dict[TaskStatus, int]) -> None:
    clock = Clock()
    app = application(home, clock=clock)
    task = tasks[TaskStatus.RUNNING]
    async with running(app, (120, 40)) as pilot:
        await opened(pilot, task)
        for step in range(1, 5):
            clock.now = NOW + 2 * step * SECOND
            home.update(
                task,
                processed_rows=41_207_331 + step * 1_000_000,
                processed_bytes=6_100_000_000 + step * 10**8,
            )
            await until(pilot, lambda n=step: f"{41_207_331 + n * 1_000_000:,}" in screen_text(app))
        text = screen_text(app)
        assert "500 k rows/s, 50.0 MB/s" in text
        assert "left (estimate)" in text
        assert "████" in text
        clock.now += 40 * SECOND
        app._tick()
        await until(pilot, lambda: "no row for 40 s" in screen_text(app))


# Objects and files


async def test_objects_are_filtered_by_status(home: Home) -> None:
    task = many(home)
    app = application(home)
    async with running(app) as pilot:
        screen = await opened(pilot, task)
        table = screen.query_one("#objects", Table)
        for key, wanted in (("f", [3]), ("s", [2, 5]), ("w", [0, 6]), ("r", [1]), ("k", [4])):
            await pilot.press("slash")
            await until(pilot, lambda: app.screen is not screen)
            await pilot.press(key)
            await until(pilot, lambda w=wanted: [row.id for row in table.rows] == w)
        await until(pilot, lambda: "1 killed of 7" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(table.rows) == 7)
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_thousands_of_objects_are_shown_in_windows(home: Home) -> None:
    task = home.task("huge", TaskStatus.RUNNING, slot=1, objects_total=2000, started=NOW)
    for number in range(2000):
        home.object(task, number, f"table_{number}")
    app = application(home)
    async with running(app) as pilot:
        screen = await opened(pilot, task)
        # Not read for a tab that doesn't show them.
        assert read_task(app.service, task, "information").objects is None
        await pilot.press("tab")
        table = screen.query_one("#objects", Table)
        await until(pilot, lambda: table.total == 2000)
        assert len(table.rows) == 300
        await pilot.press("G")
        await until(pilot, lambda: table.cursor_id == 1999 and "table_1999" in screen_text(app))


async def test_a_file_is_shown_with_its_whole_checksum(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, tasks[TaskStatus.COMPLETED], "files")
        await until(pilot, lambda: "cd" * 32 in screen_text(app) or "ab" * 32 in screen_text(app))
        first = screen_text(app)
        await pilot.press("j")
        await until(pilot, lambda: screen_text(app) != first and "6,100,000,000 bytes" in screen_text(app))


async def test_the_information_scrolls_by_keys(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, tasks[TaskStatus.RUNNING])
        assert "sys account" not in screen_text(app)
        await pilot.press("G")
        await until(pilot, lambda: "sys account" in screen_text(app))
        await pilot.press("g")
        await until(pilot, lambda: "sys account" not in screen_text(app))


async def test_abort_retry_and_delete_from_details(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, tasks[TaskStatus.RUNNING])
        await pilot.press("a", "y")
        await until(
            pilot, lambda: home.store.tasks.get(tasks[TaskStatus.RUNNING]).status is TaskStatus.ABORTING
        )
        await pilot.press("escape")
        await opened(pilot, tasks[TaskStatus.ABORTED])
        await pilot.press("r")
        await until(
            pilot, lambda: home.store.tasks.get(tasks[TaskStatus.ABORTED]).status is TaskStatus.QUEUED
        )
        await pilot.press("escape")
        await opened(pilot, tasks[TaskStatus.FAILED])
        await pilot.press("x", "y")
        await until(pilot, lambda: "There is no task" in screen_text(app))
