"""Browsing a connection's objects and exporting some of them by one sheet, with keys alone."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from connectors.base import ObjectInfo
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Format, ObjectRef, ObjectType, TaskStatus
from tests.tui.harness import Home, application, running, screen_text, until
from tests.tui.shop import NAME, make_shop
from tui.actions import Place, of
from tui.app import OfframpApp
from tui.screens.objects import ObjectsScreen
from tui.screens.quick import QuickSheet
from tui.screens.tasks import TasksScreen
from tui.screens.wizard import Wizard
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.form import Pick
from tui.widgets.dialog import Choose
from tui.widgets.form import Form
from tui.widgets.object_list import ObjectList

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
ORDERS = ObjectRef(ObjectType.TABLE, "orders")
CUSTOMERS = ObjectRef(ObjectType.TABLE, "customers")
ODD = ObjectRef(ObjectType.TABLE, "od*d 'name")


async def browse(pilot: Pilot[Any], connection: str = NAME) -> ObjectsScreen:
    screen = ObjectsScreen(connection)
    pilot.app.push_screen(screen)
    await until(pilot, lambda: pilot.app.screen is screen and screen.is_listed)
    return screen


async def sheet(pilot: Pilot[Any]) -> QuickSheet:
    await until(pilot, lambda: isinstance(pilot.app.screen, QuickSheet) and pilot.app.screen.is_ready)
    assert isinstance(pilot.app.screen, QuickSheet)
    return pilot.app.screen


@pytest.mark.parametrize("page", [ObjectsScreen, QuickSheet, Wizard])
def test_every_action_has_a_method(page: type[ObjectsScreen | QuickSheet | Wizard]) -> None:
    for action in of(page.place, Place.ANY):
        holders = (page, OfframpApp) if page is QuickSheet else (page, ObjectList, OfframpApp)
        assert any(hasattr(holder, action.method) for holder in holders), action.id


@pytest.mark.parametrize("size", SIZES)
def test_objects_as_seen(home: Home, tmp_path: Path, snap_compare: Compare, size: Any) -> None:
    make_shop(home, tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        await browse(pilot)
        await pilot.press("down", "space", "space")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


def test_objects_narrow_in_ascii(home: Home, tmp_path: Path, snap_compare: Compare) -> None:
    make_shop(home, tmp_path)
    app = application(home, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(60, 20), run_before=browse)


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_database_as_seen(home: Home, tmp_path: Path, snap_compare: Compare, size: Any) -> None:
    path = tmp_path / "empty.db"
    sqlite3.connect(path).close()
    home.connection(NAME, str(path))
    assert snap_compare(application(home), terminal_size=size, run_before=browse)


@pytest.mark.parametrize("size", SIZES)
def test_one_that_is_not_there_as_seen(home: Home, snap_compare: Compare, size: Any) -> None:
    home.connection(NAME)

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, OfframpApp)
        app.push_screen(ObjectsScreen(NAME))
        await until(pilot, lambda: "/data/sample.db" in screen_text(app))

    assert snap_compare(application(home), terminal_size=size, run_before=before)


async def test_types_search_and_marks(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        screen = await browse(pilot)
        assert "TABLE 3  INDEX 1  VIEW 1" in screen_text(app)
        await pilot.press("t")
        assert screen.objects.kind is ObjectType.TABLE
        await pilot.press("asterisk")
        assert screen.objects.marked == {ORDERS, CUSTOMERS, ODD}
        await pilot.press("t", "t", "t")
        assert screen.objects.kind is None
        await pilot.press("slash", *"ORD", "enter")
        await until(pilot, lambda: screen.objects.table.total == 2)
        assert [row.id for row in screen.objects.table.rows] == [
            ORDERS,
            ObjectRef(ObjectType.INDEX, "orders_by_customer"),
        ]
        assert "3 of 5 objects" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: screen.objects.table.total == 5)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert len(screen.objects.marked) == 3
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: not screen.objects.marked)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_what_cannot_be_reached_says_why(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path).unlink()
    app = application(home)
    async with running(app) as pilot:
        app.push_screen(ObjectsScreen(NAME))
        await until(pilot, lambda: "shop.db" in screen_text(app))
        await pilot.press("n")
        assert isinstance(app.screen, ObjectsScreen)


async def test_a_table_becomes_a_csv_task_with_a_handful_of_keys(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        screen = await browse(pilot)
        screen.objects.table.select(ORDERS)
        await pilot.press("n")
        await sheet(pilot)
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        (task,) = home.store.tasks.list()
        assert task.status is TaskStatus.QUEUED
        assert task.settings.objects == ("TABLE:orders",)
        assert task.settings.database == "main"
        assert Path(task.output).parent == home.locations.home / "exports"
        await until(pilot, lambda: app.current_mode == "tasks" and app.page is not None)
        await until(pilot, lambda: f"Task {task.id} is Queued" in screen_text(app))


async def test_the_cursor_goes_to_the_task_that_was_started(home: Home, tmp_path: Path) -> None:
    others = {home.task(name, TaskStatus.COMPLETED) for name in ("a", "b", "c")}
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        tasks = app.page
        assert isinstance(tasks, TasksScreen)
        await until(pilot, lambda: tasks.table.total == 3)
        await pilot.press("j", "j")
        await browse(pilot)
        await pilot.press("n")
        await sheet(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.page is tasks and tasks.table.total == 4)
        await until(pilot, lambda: tasks.table.cursor_id not in others)
        assert tasks.table.cursor == 0
        await pilot.press("j")
        await until(pilot, lambda: tasks.table.cursor_id in others)
        tasks.tick()
        assert tasks.table.cursor == 1


async def test_the_sheet_says_everything_and_takes_changes(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        await browse(pilot)
        await pilot.press("asterisk", "n")
        page = await sheet(pilot)
        text = screen_text(app)
        assert "5 objects: 3 TABLE, 1 INDEX, 1 VIEW" in text
        assert "readable" in text
        assert "offramp dump shop --to" in text
        await pilot.press("right")
        await until(pilot, lambda: page.draft.content is Content.DATA)
        await until(pilot, lambda: "(1 without data left out)" in screen_text(app))
        used = tmp_path / "used"
        used.mkdir()
        (used / "file").touch()
        directory = page.query_one("#directory", Input)
        directory.focus()
        directory.value = str(used)
        await until(pilot, lambda: "is not empty" in screen_text(app))
        await pilot.press("enter")
        assert app.screen is page
        assert not home.store.tasks.list()
        directory.value = str(tmp_path / "new")
        await until(pilot, lambda: not page.wrong and page.is_ready)
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        (task,) = home.store.tasks.list()
        assert task.output == str(tmp_path / "new")
        assert set(task.settings.objects) == {
            "TABLE:customers",
            "TABLE:orders",
            "TABLE:od\\*d 'name",
            "VIEW:turnover",
        }


async def test_the_sheet_offers_every_format_and_begins_with_the_last(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        await browse(pilot)
        await pilot.press("slash", *"orders", "enter", "space", "n")
        form = (await sheet(pilot)).query_one("#format", Pick)
        assert [option.value for option in form.options] == list(Format)
        form.focus()
        await pilot.press("left", "left")
        await until(pilot, lambda: "-> Parquet zstd" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        await until(pilot, lambda: app.state.quick_format is Format.PARQUET)
    (task,) = home.store.tasks.list()
    assert task.settings.format is Format.PARQUET
    app = application(home)
    async with running(app) as pilot:
        await browse(pilot)
        await pilot.press("slash", *"orders", "enter", "space", "n")
        assert (await sheet(pilot)).draft.format is Format.PARQUET


async def test_more_opens_the_wizard_there_and_escape_takes_changes_back(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        await browse(pilot)
        await pilot.press("n")
        page = await sheet(pilot)
        await pilot.press("tab", "f6")
        await until(pilot, lambda: isinstance(app.screen, Wizard) and app.screen.is_ready)
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        assert wizard.step.value == "Data files"
        assert wizard.form.current is not None
        assert wizard.form.current.id == "format"
        await pilot.press("right", "escape")
        await until(pilot, lambda: app.screen is page)
        await until(pilot, lambda: "--format sql" in screen_text(app))


async def test_read_only_looks_and_starts_nothing(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home, read_only=True)
    async with running(app) as pilot:
        await browse(pilot)
        await pilot.press("n")
        page = await sheet(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "read-only" in page.message)
        assert not home.store.tasks.list()


@pytest.mark.parametrize("size", SIZES)
def test_sheet_as_seen(
    home: Home, tmp_path: Path, snap_compare: Compare, size: Any, monkeypatch: Any
) -> None:
    make_shop(home, tmp_path)
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")
    monkeypatch.setattr("core.pipeline.room.free_bytes", lambda path: 212_000_000_000)

    async def before(pilot: Pilot[Any]) -> None:
        await browse(pilot)
        await pilot.press("space", "n")
        await sheet(pilot)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


def test_sheet_narrow_in_ascii_with_something_wrong(
    home: Home, tmp_path: Path, snap_compare: Compare, monkeypatch: Any
) -> None:
    make_shop(home, tmp_path)
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")

    async def before(pilot: Pilot[Any]) -> None:
        await browse(pilot)
        await pilot.press("space", "n")
        page = await sheet(pilot)
        page.query_one(Form).enter("directory")
        await pilot.press("ctrl+u")
        await until(pilot, lambda: "directory" in page.wrong)

    app = application(home, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(60, 20), run_before=before)


async def test_twenty_thousand_tables_stay_responsive(home: Home) -> None:
    app = application(home)
    infos = [
        ObjectInfo(ObjectRef(ObjectType.TABLE, f"table_{i:05d}"), rows=i, bytes=i) for i in range(20_000)
    ]
    async with running(app) as pilot:
        screen = ObjectsScreen("nowhere")
        app.push_screen(screen)
        await until(pilot, lambda: app.screen is screen and "no connection" in screen_text(app))
        screen.objects.show(infos)
        for keys in (("asterisk",), ("G",), ("g",), ("slash", "9", "9", "enter")):
            begun = time.perf_counter()
            await pilot.press(*keys)
            assert time.perf_counter() - begun < 0.5 * len(keys)
        assert len(screen.objects.marked) == 20_000
        assert len(screen.objects.table.rows) <= 200
        await until(
            pilot, lambda: screen.objects.table.total == sum("99" in f"{i:05d}" for i in range(20_000))
        )


async def test_settings_of_thousands_of_objects_are_not_made_on_the_event_loop(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shop(home, tmp_path, tables=2_000)
    app = application(home)
    loop = threading.get_ident()
    made: list[tuple[bool, int]] = []
    settings = Draft.settings

    def noted(self: Draft) -> ExportSettings:
        made.append((threading.get_ident() == loop, len(self.chosen)))
        return settings(self)

    monkeypatch.setattr(Draft, "settings", noted)
    async with running(app, (120, 40)) as pilot:
        await browse(pilot)
        await pilot.press("asterisk", "n")
        page = await sheet(pilot)
        await pilot.press("right", "left", "f6")
        await until(pilot, lambda: isinstance(app.screen, Wizard) and app.screen.is_ready)
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, 60)
        assert "more characters; y copies all of it" in screen_text(app)
        assert len(page.draft.chosen) > 2_000
    assert {number for here, number in made if here} <= {0, 1}
    assert max(number for here, number in made if not here) > 2_000


async def test_what_comes_when_the_form_was_left_hurts_nothing(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    held = threading.Event()
    databases = app.service.connections.databases

    def slow(name: str) -> tuple[str, ...]:
        assert held.wait(30)
        return databases(name)

    app.service.connections.databases = slow  # type: ignore[method-assign]
    async with running(app) as pilot:
        home_page = app.screen
        for screen in (Wizard(), ObjectsScreen(NAME)):
            app.push_screen(screen)
            await until(pilot, lambda: app.screen is screen)  # noqa: B023
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is not screen)  # noqa: B023
            if isinstance(app.screen, Choose):
                await pilot.press("y")
            await until(pilot, lambda: app.screen is home_page)
        held.set()
        await until(pilot, lambda: not [w for w in app.workers if w.group == "calls"])
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Wizard) and app.screen.is_ready)
