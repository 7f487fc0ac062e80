"""Names, errors, paths and log lines are data: no screen reads them as markup, no terminal acts on them, and
none of them pushes a column out of its place."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.errors import ErrorInfo
from core.model.connection import Connection
from core.model.settings import Export, ExportSettings
from core.model.task import FileEntry
from core.model.vocabulary import Mode, ObjectStatus, TaskStatus
from tests.tui.harness import NOW, Home, application, running, until

MARKUP = "[red]x[/]"
# Markup of Textual and Rich, CSI, a title, a bell, the eighth-bit CSI, a line break, a bidi override, and
# characters that take two columns and none.
EVIL = f"{MARKUP}[@click=app.quit]\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u202e数据e\u0301"
SIZES = [(80, 24), (120, 40)]


def look(pilot: Pilot[Any], *seen: str) -> bool:
    """Whether all of that is to be seen; fails for anything that a terminal would act on."""
    app = pilot.app
    lines = []
    for strip in app.screen._compositor.render_strips():
        text = strip.text
        assert all(c.isprintable() for c in text), ascii(text)
        assert strip.cell_length == app.size.width, text
        lines.append(text)
    return all(any(words in line for line in lines) for words in seen)


async def shows(pilot: Pilot[Any], *seen: str) -> None:
    await until(pilot, lambda: look(pilot, *seen))


@pytest.fixture
def evil(home: Home, tmp_path: Path) -> Home:
    """A running, a failed and a completed task, an export and a database, all with that name."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute('CREATE TABLE "{}" (a)'.format(EVIL.replace('"', '""')))
    db.close()
    home.store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path=str(path)))
    settings = ExportSettings(connection="shop", objects=(f"TABLE:{EVIL}",))
    home.store.exports.add(Export(name="nightly", directory=f"/data/{EVIL}", settings=settings))
    failed = home.task(
        EVIL, TaskStatus.FAILED, settings=settings, error=ErrorInfo(code="x", message=EVIL, hint=EVIL), started=NOW,
        ended=NOW, output=f"/data/{EVIL}", export="nightly",
    )  # fmt: skip
    running_ = home.task(
        EVIL, TaskStatus.RUNNING, settings=settings, stage=f"reading TABLE:{EVIL}", started=NOW, stage_since=NOW,
        output=f"/data/{EVIL}", objects_total=1,
    )  # fmt: skip
    done = home.task(
        EVIL, TaskStatus.COMPLETED, settings=settings, started=NOW, ended=NOW, output=f"/data/{EVIL}",
        published=True,
    )  # fmt: skip
    for task in (failed, running_, done):
        home.object(task, 0, EVIL, data_status=str(ObjectStatus.RUNNING), warnings='["[red]x[/]\\u001b"]')
        home.file(
            task,
            FileEntry(path=f"TABLE/{EVIL}.csv", kind="data", object=f"TABLE:{EVIL}", rows=1, bytes=1, sha256="ab" * 32),
        )  # fmt: skip
        log = home.locations.task_log(task)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"2026-11-22T14:00:00.000Z ERROR {EVIL}\n")
    return home


@pytest.mark.parametrize("size", SIZES)
async def test_tasks_and_what_is_asked_about_them(evil: Home, size: tuple[int, int]) -> None:
    async with running(application(evil), size) as pilot:
        await shows(pilot, MARKUP, "Running")
        for key, seen in (("full_stop", "Abort"), ("a", "Nothing is published"), ("e", "Save as export")):
            await pilot.press(key)
            await shows(pilot, MARKUP, seen)
            await pilot.press("escape")
        await pilot.press("slash", "x", "enter")
        await shows(pilot, MARKUP, "Running")


@pytest.mark.parametrize("size", SIZES)
async def test_details_of_a_task(evil: Home, size: tuple[int, int]) -> None:
    async with running(application(evil), size) as pilot:
        await shows(pilot, MARKUP)
        await pilot.press("enter")
        # However long the name is, how it stands with the task is seen.
        await shows(pilot, f" {MARKUP}", "▶ Running", "engine")
        await pilot.press("tab")
        await shows(pilot, MARKUP, "Records")
        await pilot.press("tab")
        await shows(pilot, MARKUP, "SHA-256")
        await pilot.press("tab")
        await shows(pilot, f"ERROR {MARKUP}")
        await pilot.press("escape", "l")
        await shows(pilot, f"ERROR {MARKUP}")


async def test_an_error_in_full_and_a_download(evil: Home) -> None:
    async with running(application(evil), (120, 40)) as pilot:
        await shows(pilot, MARKUP)
        await pilot.press("slash", *"status", "colon", *"completed", "enter")
        await shows(pilot, "1 completed")
        await pilot.press("d")
        await shows(pilot, "Download", MARKUP)
        await pilot.press("escape", "slash", "end", "ctrl+u", *"status", "colon", *"failed", "enter")
        await shows(pilot, "1 failed", MARKUP)
        await pilot.press("enter")
        await shows(pilot, "Failed", MARKUP, "state")


@pytest.mark.parametrize("size", SIZES)
async def test_exports(evil: Home, size: tuple[int, int]) -> None:
    async with running(application(evil), size) as pilot:
        await pilot.press("2")
        await shows(pilot, "nightly", MARKUP)
        await pilot.press("v")
        await shows(pilot, "nightly", MARKUP)
        await pilot.press("v", "enter")
        await shows(pilot, "nightly", MARKUP)


@pytest.mark.parametrize("size", SIZES)
async def test_objects_the_sheet_and_the_wizard(evil: Home, size: tuple[int, int]) -> None:
    async with running(application(evil), size) as pilot:
        await pilot.press("3")
        await shows(pilot, "shop")
        await pilot.press("enter")
        await shows(pilot, MARKUP)
        await pilot.press("space", "n")
        await shows(pilot, MARKUP, "Directory")
        await pilot.press("f6")
        await shows(pilot, "Summary")
