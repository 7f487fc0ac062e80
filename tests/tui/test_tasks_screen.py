"""The task list: what it shows, and that everything in it is done by keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from core.model.vocabulary import TaskStatus
from tests.tui.harness import Clock, Home, application, running, screen_text, until
from tui.app import OfframpApp
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.dialog import Choose

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


def page_of(app: OfframpApp) -> TasksScreen:
    assert isinstance(app.page, TasksScreen)
    return app.page


async def read(pilot: Pilot[Any]) -> None:
    """Until the list has been read, and what belongs to the row under the cursor."""
    app = pilot.app
    assert isinstance(app, OfframpApp)
    await until(pilot, lambda: app.page is not None and app.page.was_read)
    page = page_of(app)
    await until(pilot, lambda: not page.has_class("-wide") or page.side_is_read)


@pytest.mark.parametrize("size", SIZES)
def test_with_every_status(
    home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, size: Any
) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await read(pilot)
        await pilot.press("j")
        await read(pilot)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_empty(home: Home, snap_compare: Compare, size: Any) -> None:
    assert snap_compare(application(home), terminal_size=size, run_before=read)


async def test_empty_with_a_connection_offers_to_browse(home: Home) -> None:
    home.connection("prod")
    app = application(home)
    async with running(app):
        assert "Browse what is in a database." in screen_text(app)
        assert "Add a connection" not in screen_text(app)


def test_narrow_and_in_ascii(home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare) -> None:
    assert snap_compare(
        application(home, ascii=True, theme="terminal"), terminal_size=(60, 20), run_before=read
    )


async def test_shows_foreign_text_inert(home: Home) -> None:
    home.task("\x1b[31mred [bold]b[/] \u202e\x07", TaskStatus.COMPLETED)
    app = application(home)
    async with running(app, (120, 40)):
        text = screen_text(app)
        assert "\\u001b[31mred [bold]b[/] \\u202e\\u0007" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


async def test_abort_asks_with_the_safe_answer_first(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    running_task = tasks[TaskStatus.RUNNING]
    async with running(app) as pilot:
        page = page_of(app)
        page.table.select(running_task)
        for keys in (("a", "enter"), ("a", "escape"), ("a", "n")):
            await pilot.press(keys[0])
            await until(pilot, lambda: isinstance(app.screen, Choose))
            await pilot.press(keys[1])
            await until(pilot, lambda: app.screen is page)
            assert home.store.tasks.get(running_task).status is TaskStatus.RUNNING
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: home.store.tasks.get(running_task).status is TaskStatus.ABORTING)
        await until(pilot, lambda: "Aborting" in page.message)


async def test_retry_and_delete(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        page.table.select(tasks[TaskStatus.FAILED])
        await pilot.press("r")
        await until(pilot, lambda: home.store.tasks.get(tasks[TaskStatus.FAILED]).status is TaskStatus.QUEUED)
        page.table.select(tasks[TaskStatus.COMPLETED])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: tasks[TaskStatus.COMPLETED] not in {t.id for t in home.store.tasks.list()})
        await until(pilot, lambda: page.table.total == len(home.store.tasks.list()))


async def test_marks_take_an_action_to_several(home: Home) -> None:
    made = [home.task(f"old-{i}", TaskStatus.ABORTED) for i in range(4)]
    kept = home.task("kept", TaskStatus.QUEUED)
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        await pilot.press("asterisk", "x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "4 tasks" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: [t.id for t in home.store.tasks.list()] == [kept])
        await until(pilot, lambda: page.table.marks <= {kept})
    assert made


async def test_filter_narrows_is_kept_and_is_cleared(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        await pilot.press("slash", *"status", "colon", *"fail", "enter")
        await until(pilot, lambda: [row.id for row in page.table.rows] == [tasks[TaskStatus.FAILED]])
    again = application(home)
    async with running(again) as pilot:
        page = page_of(again)
        assert [row.id for row in page.table.rows] == [tasks[TaskStatus.FAILED]]
        await pilot.press("escape")
        await until(pilot, lambda: page.table.total == 9)


async def test_a_wrong_filter_says_what_was_meant(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await pilot.press("slash", *"statsu", "colon", "x")
        await until(pilot, lambda: "Did you mean status" in page_of(app).message)


async def test_sort_by_each_column(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        await pilot.press("s", "n")
        await until(
            pilot,
            lambda: [r.id for r in page.table.rows] == sorted((r.id for r in page.table.rows), reverse=True),
        )
        await pilot.press("s", "n")
        await until(pilot, lambda: [r.id for r in page.table.rows] == sorted(r.id for r in page.table.rows))
        for key in "tcapsdozu":
            await pilot.press("s", key)
            await until(pilot, lambda: app.screen is page and page.table.total == 9)


async def test_what_runs_comes_first_then_the_queue(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app):
        statuses = [home.store.tasks.get(int(str(row.id))).status for row in page_of(app).table.rows]
        ranks = [
            0 if s.holds_slot else 1 if s is TaskStatus.QUEUED else 3 if s.ended else 2 for s in statuses
        ]
        assert ranks == sorted(ranks)


async def test_a_task_goes_when_it_is_no_longer_recent(home: Home) -> None:
    old = home.task("old", TaskStatus.COMPLETED, age=timedelta(hours=47, minutes=30))
    new = home.task("new", TaskStatus.COMPLETED, age=timedelta(minutes=3))
    clock = Clock()
    app = application(home, clock=clock)
    async with running(app) as pilot:
        page = page_of(app)
        assert [row.id for row in page.table.rows] == [new, old]
        clock.now += timedelta(minutes=40)
        page.tick()
        await until(pilot, lambda: [row.id for row in page.table.rows] == [new])
        assert "43 min" in screen_text(app)


async def test_the_cursor_stays_on_its_task(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        page.table.select(tasks[TaskStatus.FAILED])
        before = page.table.cursor
        home.task("new", TaskStatus.QUEUED, age=timedelta(0))
        await until(pilot, lambda: page.table.total == 10)
        assert page.table.cursor_id == tasks[TaskStatus.FAILED]
        assert page.table.cursor == before + 1


async def test_a_long_list_is_read_in_windows(home: Home) -> None:
    for number in range(700):
        home.task(f"t{number}", TaskStatus.COMPLETED)
    app = application(home)
    async with running(app) as pilot:
        table = page_of(app).table
        assert (table.total, len(table.rows)) == (700, 300)
        await pilot.press("G")
        await until(pilot, lambda: table.cursor_id == 1)
        await pilot.press("g")
        await until(pilot, lambda: table.cursor_id == 700)
        for _ in range(25):
            await pilot.press("pagedown")
        await until(pilot, lambda: table.cursor_id == 700 - table.cursor)


async def test_read_only_changes_nothing(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home, read_only=True)
    async with running(app) as pilot:
        page = page_of(app)
        page.table.select(tasks[TaskStatus.RUNNING])
        for key in ("a", "n", "c", "e"):
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in page.message)
            page.say("")
        assert app.screen is page


async def test_view_opens_and_escape_leads_back(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = page_of(app)
        page.table.select(tasks[TaskStatus.RUNNING])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and app.screen.was_read)
        assert "orders-hourly" in screen_text(app)
        await pilot.press("tab")
        await until(pilot, lambda: "order_items" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)


async def test_save_as_an_export(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page_of(app).table.select(tasks[TaskStatus.COMPLETED])
        await pilot.press("e")
        await until(pilot, lambda: app.screen is not app.page)
        await pilot.press("2", "enter")
        await until(pilot, lambda: [e.name for e in home.store.exports.list()] == ["orders-nightly2"])


async def test_leaving_with_nothing_to_do_does_not_ask(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
