"""What holds on every screen: keys stay with the list, and a screen that was just opened may be slow to come."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from core.model.vocabulary import TaskStatus
from tests.tui.harness import Home, application, running, until
from tests.tui.pseudoterminal import PseudoTerminal
from tui.screens.tasks import TasksScreen
from tui.screens.wizard import Wizard
from tui.widgets.table import Table


@pytest.mark.parametrize("key", ["1", "2", "3"])
@pytest.mark.parametrize("away", ["tab", "shift+tab"])
async def test_tab_takes_no_keys_from_the_list(
    home: Home, tasks: dict[TaskStatus, int], key: str, away: str
) -> None:
    app = application(home)
    async with running(app) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: app.page is not None and app.page.was_read)
        await pilot.press(away)
        await pilot.pause()
        assert app.focused is None or isinstance(app.focused, Table)
        if key == "1":
            page = app.page
            assert isinstance(page, TasksScreen)
            await pilot.press("j")
            assert page.table.cursor == 1


async def test_a_click_beside_the_list_takes_no_keys_from_it(
    home: Home, tasks: dict[TaskStatus, int]
) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = app.page
        assert isinstance(page, TasksScreen)
        await pilot.click("#strip")
        await pilot.press("j")
        assert page.table.cursor == 1


async def test_time_goes_on_while_a_screen_is_being_opened(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        app.push_screen(Wizard(None))
        # The clock's tick, before the screen has had a chance to make anything of itself.
        app._tick()
        await until(pilot, lambda: isinstance(app.screen, Wizard) and app.screen.is_ready)


def test_no_color_writes_no_colours(home: Home, tasks: dict[TaskStatus, int], tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "OFFRAMP_HOME": str(home.locations.home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1",
    }  # fmt: skip
    command = [sys.executable, "-P", "-m", "tui.cli.main", "--read-only"]
    screen = PseudoTerminal(command, environment=environment, directory=tmp_path)
    try:
        screen.until("orders-nightly")
        screen.send(".")
        screen.until("Copy path")
        screen.send("\x1b")
        screen.drain(0.5)
    finally:
        screen.kill()
    codes = {
        code for found in re.findall(rb"\x1b\[([0-9;]*)m", bytes(screen.output)) for code in found.split(b";")
    }
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"39", b"49"}, codes
    assert b"7" in codes
