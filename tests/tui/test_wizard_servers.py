"""Wizard and quick sheet against real servers, by keys: from nothing to files, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from connectors.sources.mysql import MysqlSource
from core.model.task import Task
from core.model.vocabulary import Content, TaskStatus
from core.service import Service
from core.service.passwords import NewPassword
from tests.servers.family import MysqlFamilyServer
from tests.servers.oceanbase import OceanbaseServer
from tests.tui.harness import Home, application, running, screen_text, until
from tui.app import OfframpApp
from tui.screens.objects import ObjectsScreen
from tui.screens.quick import QuickSheet
from tui.screens.wizard import Wizard
from tui.screens.wizard.field import Step
from tui.screens.wizard.testing import SysTest

SECONDS = 60.0
ROWS = 3
TYPES = ("TABLE", "VIEW", "FUNCTION", "PROCEDURE", "TRIGGER")


@pytest.fixture
def database(mysql_family: MysqlFamilyServer) -> Iterator[str]:
    """One with an object of each type; there are others beside it."""
    name = mysql_family.new_database()
    mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE orders (id int PRIMARY KEY, what varchar(40), total decimal(10,2))",
        "INSERT INTO orders VALUES (1, 'tea', 1.50), (2, 'it''s \"x\"', 2.25), (3, NULL, 0)",
        "CREATE TABLE items (id int PRIMARY KEY, note text)",
        "CREATE VIEW dear AS SELECT id, total FROM orders WHERE total > 1",
        "CREATE FUNCTION twice (n int) RETURNS int DETERMINISTIC RETURN n * 2",
        "CREATE PROCEDURE nothing () BEGIN SELECT 1; END",
        "CREATE TRIGGER noted BEFORE INSERT ON items FOR EACH ROW SET NEW.note = 'x'",
        database=name,
    )
    yield name
    mysql_family.run(f"DROP DATABASE IF EXISTS `{name}`")


def connect(home: Home, server: MysqlFamilyServer, **changes: Any) -> str:
    connection = msgspec.structs.replace(server.connection("live"), **changes)
    password = NewPassword(server.password) if server.password else None
    with Service(home.locations) as service:
        service.connections.add(connection, password)
    return connection.name


@asynccontextmanager
async def working(home: Home) -> AsyncIterator[tuple[OfframpApp, Pilot[Any]]]:
    """The application with its engine inside, by the real clock."""
    app = application(home, host=True, clock=lambda: datetime.now(UTC))
    async with running(app, (120, 40)) as pilot:
        await until(pilot, lambda: app.engine is not None and app.engine.here, SECONDS)
        yield app, pilot
        app.hosted.stop()
        app.exit()
        await until(pilot, lambda: not app.is_running)


async def opened(pilot: Pilot[Any]) -> Wizard:
    await until(pilot, lambda: isinstance(pilot.app.screen, Wizard) and pilot.app.screen.is_ready, SECONDS)
    assert isinstance(pilot.app.screen, Wizard)
    return pilot.app.screen


async def choose_database(pilot: Pilot[Any], wizard: Wizard, database: str) -> None:
    await until(pilot, lambda: wizard.step is Step.DATABASE and wizard._known.databases is not None, SECONDS)
    for _ in range(len(wizard._known.databases or ())):
        if wizard.draft.database == database:
            break
        before = wizard.draft.database
        await pilot.press("right")
        await until(pilot, lambda: wizard.draft.database != before)  # noqa: B023
    assert wizard.draft.database == database
    await until(pilot, lambda: wizard._known.database == database and wizard._known.kinds, SECONDS)


async def typed(pilot: Pilot[Any], wizard: Wizard, field: str, text: str) -> None:
    entry = wizard.query_one(f"#{field}", Input)
    entry.focus()
    await until(pilot, lambda: entry.has_focus)
    entry.value = text
    await until(pilot, lambda: getattr(wizard.draft, field) == text)


async def ended(pilot: Pilot[Any], home: Home, output: Path) -> Task:
    def task() -> Task | None:
        return next((t for t in home.store.tasks.list() if t.output == str(output) and t.status.ended), None)

    await until(pilot, task, SECONDS)
    found = task()
    assert found is not None
    return found


def in_a_shell(home: Home, line: str, tmp_path: Path) -> None:
    """Run a shown line as somebody would who copied it."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    script = bin_ / "offramp"
    script.write_text(
        f'#!/bin/sh\nexec {sys.executable} -P -c "from tui.cli.main import entry; entry()" "$@"\n'
    )
    script.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "OFFRAMP_HOME": str(home.locations.home),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        ["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


async def test_from_the_first_key_to_files_and_by_the_shown_line_again(
    home: Home,
    tmp_path: Path,
    mysql_family: MysqlFamilyServer,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(home, mysql_family)
    copied: list[str] = []
    first, second = tmp_path / "first out", tmp_path / "second"
    async with working(home) as (app, pilot):
        monkeypatch.setattr(app, "copy_text", copied.append)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Wizard), SECONDS)
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        await until(pilot, lambda: wizard._known.databases is not None, SECONDS)
        await pilot.press("enter")
        await choose_database(pilot, wizard, database)
        await pilot.press("enter")
        await until(pilot, lambda: wizard.step is Step.OBJECTS)
        text = screen_text(app)
        assert all(kind in text for kind in TYPES)
        await pilot.press("asterisk")
        await until(pilot, lambda: len(wizard.draft.chosen) == 6)
        await pilot.press("enter")
        await until(pilot, lambda: wizard.step is Step.DATA)
        await typed(pilot, wizard, "separator", ";")
        await typed(pilot, wizard, "null", "\\N")
        await pilot.press("enter", "right", "enter", "enter")
        await until(pilot, lambda: wizard.step is Step.DESTINATION)
        await typed(pilot, wizard, "name", "all of it")
        await typed(pilot, wizard, "directory", str(first))
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, SECONDS)
        assert "6 objects readable" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: copied)
        in_a_shell(home, copied[0], tmp_path)
        await pilot.press("escape")
        # The directory is taken now: the form says so where it is looked at again.
        await pilot.press("f7", "f5")
        await until(pilot, lambda: "directory" in wizard.wrong, SECONDS)
        await pilot.press("enter")
        await until(pilot, lambda: wizard.step is Step.DESTINATION)
        await typed(pilot, wizard, "directory", str(second))
        await until(pilot, lambda: not wizard.wrong)
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, SECONDS)
        await pilot.press("enter")
        task = await ended(pilot, home, second)
        by_line = await ended(pilot, home, first)
    assert (task.status, by_line.status) == (TaskStatus.COMPLETED, TaskStatus.COMPLETED), task.error
    assert by_line.settings == task.settings
    assert by_line.name == task.name == "all of it"
    assert task.processed_rows == ROWS + 2
    for output in (first, second):
        manifest = json.loads((output / "manifest.json").read_text())
        assert manifest["complete"] is True
        assert (output / "TABLE/orders.csv").read_text() == (
            'id;what;total\n1;tea;1.50\n2;"it\'s ""x""";2.25\n3;\\N;0.00\n'
        )
        kinds = {path.parent.name for path in output.glob("*/*-schema.sql")}
        assert kinds == set(TYPES)
    assert "DROP TABLE IF EXISTS" in (second / "TABLE/orders-schema.sql").read_text()


async def test_the_quick_sheet_makes_files(
    home: Home, tmp_path: Path, mysql_family: MysqlFamilyServer, database: str
) -> None:
    name = connect(home, mysql_family, database=database)
    target = tmp_path / "quick"
    async with working(home) as (app, pilot):
        screen = ObjectsScreen(name)
        app.push_screen(screen)
        await until(pilot, lambda: app.screen is screen and screen.is_listed, SECONDS)
        await pilot.press("slash", *"orders", "enter", "space", "n")
        await until(pilot, lambda: isinstance(app.screen, QuickSheet) and app.screen.is_ready, SECONDS)
        page = app.screen
        assert isinstance(page, QuickSheet)
        await pilot.press("right")
        await until(pilot, lambda: page.draft.content is Content.DATA)
        page.query_one("#directory", Input).value = str(target)
        await until(pilot, lambda: not page.wrong and page.is_ready, SECONDS)
        await pilot.press("enter")
        task = await ended(pilot, home, target)
    assert task.status is TaskStatus.COMPLETED, task.error
    assert (target / "TABLE/orders.csv").read_text().splitlines()[0] == "id,what,total"
    assert not list(target.glob("*/*-schema.sql"))


async def test_a_server_that_was_away_is_asked_again(
    home: Home, tmp_path: Path, mysql_family: MysqlFamilyServer, database: str
) -> None:
    socket = tmp_path / "sock"
    connect(home, mysql_family, unix_socket=str(socket), connect_timeout=2)
    async with working(home) as (app, pilot):
        await pilot.press("n", "down", "right")
        await until(pilot, lambda: isinstance(app.screen, Wizard) and app.screen._around.trouble, SECONDS)
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        await pilot.press("enter")
        await until(pilot, lambda: wizard.step is Step.DATABASE)
        before = wizard.draft
        assert before.content is Content.DATA
        assert "F7 asks again." in " ".join(screen_text(app).split())
        await pilot.press("f7")
        await until(pilot, lambda: wizard._around.trouble, SECONDS)
        socket.symlink_to(mysql_family.socket)
        await pilot.press("f7")
        await choose_database(pilot, wizard, database)
        assert not wizard._around.trouble
        assert wizard.draft.content is Content.DATA


async def test_a_database_that_is_dropped_meanwhile_is_said_and_nothing_is_lost(
    home: Home, tmp_path: Path, mysql_family: MysqlFamilyServer, database: str
) -> None:
    connect(home, mysql_family)
    async with working(home) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Wizard), SECONDS)
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        await pilot.press("enter")
        await choose_database(pilot, wizard, database)
        await pilot.press("enter", "asterisk")
        await until(pilot, lambda: len(wizard.draft.chosen) == 6)
        marked = wizard.draft.chosen
        mysql_family.run(f"DROP DATABASE `{database}`")
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, SECONDS)
        assert "There is no database" in screen_text(app)
        await pilot.press("f7")
        await until(pilot, lambda: "database" in wizard.wrong, SECONDS)
        await pilot.press("enter")
        await until(pilot, lambda: wizard.step is Step.DATABASE)
        assert wizard.draft.chosen == marked
        mysql_family.run(
            f"CREATE DATABASE `{database}`", f"CREATE TABLE `{database}`.orders (id int PRIMARY KEY)"
        )
        await pilot.press("f7")
        await until(pilot, lambda: not wizard.wrong, SECONDS)
        assert wizard.draft.chosen == marked
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, SECONDS)
        # What isn't there again is named.
        assert "dear" in screen_text(app)
        assert not home.store.tasks.list()


@pytest.mark.oceanbase
async def test_the_sys_account_is_tried_step_by_step_and_used(
    home: Home, tmp_path: Path, oceanbase: OceanbaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second user stands in for the sys tenant's: this server has one tenant only."""
    oceanbase.run(
        "CREATE USER IF NOT EXISTS watcher IDENTIFIED BY 'right one'", "GRANT SELECT ON *.* TO watcher"
    )
    name = oceanbase.new_database()
    oceanbase.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database=name)
    connect(home, oceanbase, database=name)
    held = threading.Event()
    try_account = MysqlSource.test_sys_account

    def once_let(self: MysqlSource) -> Iterator[Any]:
        assert held.wait(SECONDS)
        yield from try_account(self)

    monkeypatch.setattr(MysqlSource, "test_sys_account", once_let)
    async with working(home) as (app, pilot):
        app.push_screen(Wizard(step="sys"))
        wizard = await opened(pilot)
        test = wizard.query_one(SysTest)
        await pilot.press("left")
        await until(pilot, lambda: wizard.draft.sys)
        await typed(pilot, wizard, "account", "watcher")
        await typed(pilot, wizard, "password", "wrong one")
        await pilot.press("tab", "space")
        # The connection's own steps are seen while the account hasn't been tried yet.
        await until(pilot, lambda: "rights" in screen_text(app), SECONDS)
        assert not test.over
        assert "Testing ..." in screen_text(app)
        held.set()
        await until(pilot, lambda: test.over, SECONDS)
        text = screen_text(app)
        assert f"{app.glyphs.bad} log in" in text
        assert "needed" not in text
        await typed(pilot, wizard, "password", "right one")
        await until(pilot, lambda: "log in" not in screen_text(app))
        await pilot.press("tab", "space")
        await until(pilot, lambda: test.over and "sizes" in screen_text(app), SECONDS)
        text = screen_text(app)
        assert "as watcher@sys" in text
        assert "Not needed for comments and indexes" in " ".join(text.split())
        assert "right one" not in text
        # And it is the one that the preflight, and the task, use.
        await pilot.press("f6", "3")
        await until(pilot, lambda: wizard.step is Step.OBJECTS and app.screen is wizard)
        await pilot.press("asterisk")
        await typed(pilot, wizard, "patterns", "")
        await pilot.press("f6", "7")
        await until(pilot, lambda: wizard.step is Step.DESTINATION and app.screen is wizard)
        await typed(pilot, wizard, "directory", str(tmp_path / "out"))
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked, SECONDS)
        assert "The sys account is used for sizes of tables" in " ".join(screen_text(app).split())
        assert "--sys-account watcher --sys-password-ask" in " ".join(screen_text(app).split())
        await pilot.press("enter")
        task = await ended(pilot, home, tmp_path / "out")
        with Service(home.locations) as service:
            log = "\n".join(line.text for line in service.tasks.log(task.id))
    assert task.status is TaskStatus.COMPLETED, task.error
    assert task.settings.sys_account is not None
    assert task.settings.sys_account.account == "watcher"
    assert "right one" not in repr(task) + log
