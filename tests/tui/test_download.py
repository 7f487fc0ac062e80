"""Download: copies with progress and errors in words, and lines for other machines."""

from __future__ import annotations

import hashlib
import shlex
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.model.settings import ExportSettings
from core.model.task import FileEntry
from core.model.vocabulary import Consistency, TaskStatus
from core.pipeline import manifest as manifests
from core.service.downloads import Downloaded, Downloads, Report
from tests.tui.harness import Home, application, running, screen_text, until
from tui import clipboard, handout
from tui.runs import text_of
from tui.screens import download
from tui.screens.download import CommandLine, Download, broken
from tui.widgets.lines import Lines

Compare = Callable[..., bool]
CONTENT = b"id,name\n1,tea\n" * 1000


def published(home: Home, directory: Path) -> int:
    """A completed task with its directory, as a worker leaves it."""
    settings = ExportSettings(connection="shop", objects=("TABLE:stock",))
    task = home.task("stock-list", TaskStatus.COMPLETED, settings=settings, published=True)
    home.update(task, output=str(directory))
    (directory / "TABLE").mkdir(parents=True)
    (directory / "TABLE" / "stock.csv").write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = FileEntry(
        path="TABLE/stock.csv",
        kind="data",
        object="TABLE:stock",
        rows=1000,
        bytes=len(CONTENT),
        sha256=digest,
    )
    manifest = manifests.Manifest(
        format=manifests.FORMAT, offramp="0", task=task, name="stock-list", token="t", export=None,
        connection="shop", server=manifests.ManifestServer(product="SQLite", version="3"), database="main",
        consistency=Consistency.OBJECT, snapshot=None, complete=True,
        settings=manifests.plain_settings(settings), objects=(), files=(file,),
    )  # fmt: skip
    (directory / manifests.MANIFEST).write_bytes(manifests.dump(manifest))
    return task


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out" / "stock-list"


@pytest.fixture
def task(home: Home, output: Path) -> int:
    return published(home, output)


async def opened(pilot: Pilot[Any]) -> Download:
    """The sheet, once it knows what there is."""
    await pilot.press("d")
    await until(pilot, lambda: isinstance(pilot.app.screen, Download))
    screen = pilot.app.screen
    assert isinstance(screen, Download)
    await until(pilot, lambda: screen.query_one("#ssh").display and screen.query_one("#ssh", Lines).lines)
    return screen


def said(screen: Download) -> str:
    return " ".join(text_of(line) for line in screen.query_one("#state", Lines).lines)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_looks(home: Home, snap_compare: Compare, size: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = home.task("orders-nightly", TaskStatus.COMPLETED, published=True)
    found = (handout.Host("jump", False), 3, 6_100_000_000)
    monkeypatch.setattr(download, "_examine", lambda service, number: found)
    monkeypatch.setattr(download, "suggested", lambda task, here: "/home/ann/orders-nightly")
    monkeypatch.delenv("OFFRAMP_HOME", raising=False)

    async def before(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.page.was_read)  # type: ignore[attr-defined]
        await opened(pilot)
        await pilot.press("tab")

    assert task
    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (50, 18)], ids=["wide", "narrow"])
def test_refused_as_seen(
    home: Home, snap_compare: Compare, size: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.task("orders-nightly", TaskStatus.COMPLETED, published=True)
    found = (handout.Host("jump", False), 3, 6_100_000_000)
    monkeypatch.setattr(download, "_examine", lambda service, number: found)
    monkeypatch.setattr(download, "suggested", lambda task, here: "/dev/null/orders-nightly")
    monkeypatch.delenv("OFFRAMP_HOME", raising=False)

    async def before(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.page.was_read)  # type: ignore[attr-defined]
        screen = await opened(pilot)
        before = said(screen)
        await pilot.press("enter")
        await until(pilot, lambda: said(screen) != before and screen._stop is None)

    app = application(home, theme="terminal" if size[0] < 80 else "dark")
    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_copies_to_a_directory(home: Home, task: int, tmp_path: Path) -> None:
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).value = str(tmp_path / "here")
        await pilot.press("enter")
        await until(pilot, lambda: "compared with their checksums" in said(screen))
        assert (tmp_path / "here" / "TABLE" / "stock.csv").read_bytes() == CONTENT
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is pilot.app.page)  # type: ignore[attr-defined]


async def test_copies_to_an_archive(home: Home, task: int, tmp_path: Path) -> None:
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).value = str(tmp_path / "a.tar.gz")
        await until(pilot, lambda: "archive" in said(screen))
        await pilot.press("enter")
        await until(pilot, lambda: "compared with their checksums" in said(screen))
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert "stock-list/TABLE/stock.csv" in tar.getnames()


async def test_overwrites_nothing_and_says_so(home: Home, task: int, tmp_path: Path) -> None:
    there = tmp_path / "there.tar"
    there.write_text("mine")
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).value = str(there)
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in said(screen))
        assert there.read_text() == "mine"
        # A wrong path is mended, not typed anew.
        assert screen.query_one(Input).value == str(there)
        await pilot.press("x")
        await until(pilot, lambda: "is there already" not in said(screen))


async def test_a_changed_file_is_not_handed_out(home: Home, task: int, output: Path, tmp_path: Path) -> None:
    (output / "TABLE" / "stock.csv").write_bytes(CONTENT.replace(b"tea", b"ale"))
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).value = str(tmp_path / "copy")
        await pilot.press("enter")
        await until(pilot, lambda: "checksum differs" in said(screen))
        assert not (tmp_path / "copy").exists()


async def test_without_the_files_it_says_what_is_wrong(home: Home, task: int, output: Path) -> None:
    (output / "TABLE" / "stock.csv").unlink()
    async with running(application(home)) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: "is missing" in screen_text(pilot.app))  # type: ignore[arg-type]


async def test_escape_stops_a_copy(
    home: Home, task: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    real = Downloads.copy

    def slow(self: Downloads, number: int, to: Path, report: Report | None = None) -> Downloaded:
        def wait(done: int, total: int) -> None:
            assert report is not None
            report(done, total)
            asked.wait(10)
            report(done, total)

        return real(self, number, to, wait)

    monkeypatch.setattr(Downloads, "copy", slow)
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).value = str(tmp_path / "copy")
        await pilot.press("enter")
        await until(pilot, lambda: "100%" in said(screen) or "%" in said(screen))
        await pilot.press("escape")
        asked.set()
        await until(pilot, lambda: "was stopped" in said(screen))
        assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "out"]
        assert pilot.app.screen is screen


async def test_lines_are_sent_to_the_clipboard(
    home: Home, task: int, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(clipboard, "send", lambda app, text: sent.append(text))
    monkeypatch.delenv("OFFRAMP_HOME", raising=False)
    home.locations.preferences.write_text('ssh_host = "jump.example"\n')
    async with running(application(home)) as pilot:
        screen = await opened(pilot)
        assert "calls itself" not in screen_text(pilot.app)  # type: ignore[arg-type]
        await pilot.press("tab", "y")
        await until(pilot, lambda: "Sent to the clipboard" in said(screen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(sent) == 2)
        assert sent == [
            f"ssh jump.example offramp download {task} --to - | tar x",
            f"rsync -a -s --partial jump.example:{output} .",
        ]
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Download))


async def test_a_host_that_nobody_named_is_a_guess(
    home: Home, task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handout.socket, "gethostname", lambda: "db-jump-7")
    app = application(home)
    async with running(app) as pilot:
        screen = await opened(pilot)
        assert "db-jump-7" in text_of(screen.query_one("#ssh", CommandLine).lines[0])
        assert "calls itself db-jump-7" in screen_text(app)


def test_the_ssh_line_survives_both_shells() -> None:
    host = handout.Host("jump", True)
    line = handout.ssh_line(host, 7, {"OFFRAMP_HOME": "/srv/it's here"})
    there = shlex.split(line)[2]
    assert shlex.split(there) == ["OFFRAMP_HOME=/srv/it's here", "offramp", "download", "7", "--to", "-"]
    assert handout.ssh_line(host, 7, {}) == "ssh jump offramp download 7 --to - | tar x"


def test_a_program_that_no_plain_shell_finds_is_called_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    host = handout.Host("jump", True)
    monkeypatch.setattr(handout.sys, "argv", ["/home/ann/.local/bin/offramp"])
    assert "ssh jump /home/ann/.local/bin/offramp download 7" in handout.ssh_line(host, 7, {})
    monkeypatch.setattr(handout.sys, "argv", ["/usr/bin/offramp"])
    assert "ssh jump offramp download 7" in handout.ssh_line(host, 7, {})


def test_the_rsync_line_is_quoted() -> None:
    line = handout.rsync_line(handout.Host("jump", True), "/data/my exports/a")
    assert shlex.split(line) == ["rsync", "-a", "-s", "--partial", "jump:/data/my exports/a", "."]


def test_a_long_line_stays_one_for_the_shell() -> None:
    line = "ssh " + "long" * 8 + " offramp download 12 --to - | tar x"
    pieces = broken(line, 40)
    assert len(pieces) > 1
    assert all(len(piece) <= 46 for piece in pieces)
    assert "\n".join(pieces).replace(" \\\n", " ") == line
    assert broken("short", 40) == ["short"]


async def test_what_a_later_run_has_replaced_is_not_offered(home: Home) -> None:
    home.task("nightly", TaskStatus.COMPLETED, export="nightly", published=False)
    app = application(home)
    async with running(app) as pilot:
        page = app.page
        assert page is not None
        assert "task.download" not in {a.id for a in page.actions() if not page.refusal(a)}
        await pilot.press("d")
        await until(pilot, lambda: "a later run has replaced its files" in page.message)
        assert app.screen is page


def test_paths(home: Home, tmp_path: Path) -> None:
    task = home.store.tasks.get(home.task("a", TaskStatus.COMPLETED))
    assert download.suggested(task, Path("/home/ann")) == "/home/ann/a"
    assert download.suggested(task, Path("/data/out")) == "/data/out/a.tar.gz"
    assert download.absolute(" b/c ", Path("/x")) == Path("/x/b/c")
    assert download.absolute("~/c", Path("/x")) == Path.home() / "c"
    assert download.absolute("~no-such-user-here/c", Path("/x")) == Path("/x/~no-such-user-here/c")
