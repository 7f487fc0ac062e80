"""Leaving and coming back: what is asked, who serves afterwards, and what a lost terminal does."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.engine import lease
from core.engine.lease import is_served
from core.engine.numbers import Numbers
from core.errors import Conflict, OfframpError, StoreError
from core.model.vocabulary import TaskStatus
from core.service import Service
from core.service.context import Context
from core.service.overview import EngineState, Overview
from core.service.tasks import Tasks
from tests.tui.harness import Home, application, running, screen_text, until
from tests.tui.pseudoterminal import PseudoTerminal
from tui.departure import Aborted, Departure, question
from tui.hosting import HostedEngine
from tui.widgets.dialog import Choose, Tell

PROJECT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-P", "-m", "tui.cli.main")
LATER = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Engines that would have been started in the background."""
    calls: list[str] = []
    monkeypatch.setattr(Context, "ensure_engine", lambda self: calls.append("engine"))
    return calls


def scheduled(home: Home) -> int:
    return home.task("later", TaskStatus.SCHEDULED, not_before=LATER)


def served(home: Home) -> bool:
    return is_served(home.store, Numbers())


# What is asked


@pytest.mark.parametrize(
    ("state", "text", "abort"),
    [
        ((2, 3, 0), "2 running, 3 queued.", "Abort what runs and waits, and leave"),
        ((0, 0, 1), "1 scheduled.", "Abort what runs, waits and is scheduled, and leave"),
    ],
)
def test_the_question_says_what_would_be_aborted(state: tuple[int, int, int], text: str, abort: str) -> None:
    asked = question(EngineState(True, *state))
    assert asked._text == text
    assert [choice.id for choice in asked._choices] == ["leave", "abort", "stay"]
    assert asked._default == "leave"
    assert asked._choices[1].label == abort


async def test_staying_changes_nothing(home: Home, started: list[str]) -> None:
    task = scheduled(home)
    app = application(home, host=True)
    async with running(app) as pilot:
        await until(pilot, lambda: app.engine is not None and app.engine.here)
        for answer in ("s", "escape"):
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, Choose))
            assert "1 scheduled" in screen_text(app)
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is app.page)
        assert app.hosted.running
        assert started == []
        app.hosted.stop()
    assert home.store.tasks.get(task).status is TaskStatus.SCHEDULED


async def test_leaving_hands_over_to_the_background(home: Home, started: list[str]) -> None:
    task = scheduled(home)
    app = application(home, host=True)
    async with running(app) as pilot:
        await until(pilot, lambda: app.engine is not None and app.engine.here)
        await pilot.press("q", "enter")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == "Tasks go on in the background: offramp ls"
    assert started == ["engine"]
    assert not app.hosted.running
    assert not served(home)
    assert home.store.tasks.get(task).status is TaskStatus.SCHEDULED


async def test_leaving_by_abort_ends_what_is_scheduled_too(home: Home, started: list[str]) -> None:
    tasks = [scheduled(home), scheduled(home)]
    app = application(home, host=True)
    async with running(app) as pilot:
        await until(pilot, lambda: app.engine is not None and app.engine.here)
        await pilot.press("q", "a")
        await until(pilot, lambda: not app.is_running)
    assert app.return_value == "2 tasks aborted."
    assert {home.store.tasks.get(task).status for task in tasks} == {TaskStatus.ABORTED}
    # Nothing is left to be served.
    assert started == []


async def test_where_no_engine_can_be_started_one_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Context) -> None:
        raise OfframpError("No engine could be started in the background: no memory.", "Stay.")

    monkeypatch.setattr(Context, "ensure_engine", refuse)
    scheduled(home)
    app = application(home, host=True)
    async with running(app) as pilot:
        await until(pilot, lambda: app.engine is not None and app.engine.here)
        await pilot.press("q", "b")
        await until(pilot, lambda: isinstance(app.screen, Tell))
        assert "No engine could be started" in screen_text(app)
        # It serves again from here.
        await until(pilot, lambda: app.hosted.running and served(home))
        app.hosted.stop()


class Hosted:
    """Stands for an engine that runs here."""

    def __init__(self) -> None:
        self.running = True

    def start(self) -> None:
        self.running = True

    def stop(self) -> bool:
        self.running = False
        return True


def test_abort_takes_what_it_may_and_leaves_what_is_about_to_finish(
    home: Home, tasks: dict[TaskStatus, int], started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_meanwhile = home.task("quick", TaskStatus.QUEUED)
    whole = Tasks.abort

    def abort(self: Tasks, number: int, *, force: bool = False) -> object:
        if number == ended_meanwhile:
            raise Conflict("It has ended already.")
        return whole(self, number, force=force)

    monkeypatch.setattr(Tasks, "abort", abort)
    hosted = Hosted()
    with Service(home.locations) as service:
        done = Departure(service, hosted).abort_all()  # type: ignore[arg-type]
    # The one that runs, two in the queue, the scheduled one.
    assert done == Aborted(ended=4, finishing=1)
    assert done.words() == "4 tasks aborted. 1 task about to finish in the background: offramp ls"
    status = {name: home.store.tasks.get(task).status for name, task in tasks.items()}
    assert status[TaskStatus.RUNNING] is TaskStatus.ABORTING
    assert status[TaskStatus.QUEUED] is TaskStatus.ABORTED
    assert status[TaskStatus.SCHEDULED] is TaskStatus.ABORTED
    assert status[TaskStatus.PUBLISHING] is TaskStatus.PUBLISHING
    # Somebody must see the ends of these.
    assert not hosted.running
    assert "engine" in started
    assert Aborted(0, 0).words() == "No task was left to abort."


# Who serves


async def test_the_engine_runs_in_a_thread_of_its_own(home: Home, started: list[str]) -> None:
    app = application(home, host=True)
    async with running(app) as pilot:
        await until(pilot, lambda: served(home))
        assert app.hosted._thread is not None
        assert app.hosted._thread.name == "engine"
        # A blocked event loop doesn't stop it.
        before = home.store.lease.state().counter
        time.sleep(0.1)
        await until(pilot, lambda: app.engine is not None and app.engine.here)
        assert home.store.lease.state().counter >= before
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    app.hosted.stop()
    assert not served(home)


async def test_a_viewer_leaves_without_a_question_and_the_other_engine_stays(
    home: Home, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled(home)
    other = HostedEngine(home.locations)
    other.start()
    # As if it ran in another process.
    monkeypatch.setattr(lease, "holder_name", lambda: "process 1 on elsewhere")
    try:
        deadline = time.monotonic() + 10
        while not served(home) and time.monotonic() < deadline:
            time.sleep(0.05)
        monkeypatch.setattr(lease, "holder_name", lambda: "process 2 here")
        app = application(home, host=True)
        async with running(app) as pilot:
            await until(pilot, lambda: app.engine is not None and app.engine.served and app.hosted.running)
            assert app.engine is not None
            assert not app.engine.here
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running)
        assert not app.hosted.running
        assert other.running
        assert served(home)
    finally:
        other.stop()


async def test_read_only_serves_nothing(home: Home) -> None:
    app = application(home, host=True, read_only=True)
    async with running(app):
        assert not app.hosted.running


# When the store can't be read


async def test_a_store_that_cannot_be_read_is_said_until_it_can(
    home: Home, tasks: dict[TaskStatus, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        whole = Overview.changes

        def broken(self: Overview) -> int:
            raise StoreError("The store can't be read: disk I/O error.")

        monkeypatch.setattr(Overview, "changes", broken)
        app.reader.poke()
        await until(pilot, lambda: "disk I/O error" in screen_text(app))
        assert app.is_running
        assert "orders-nightly" in screen_text(app)
        monkeypatch.setattr(Overview, "changes", whole)
        await until(pilot, lambda: "disk I/O error" not in screen_text(app))
        assert "running" in screen_text(app)


# On a real terminal


@pytest.fixture
def terminal(home: Home, tmp_path: Path) -> Iterator[Callable[..., PseudoTerminal]]:
    """Starts programs on terminals; ends them, and whoever serves the home afterwards."""
    opened: list[PseudoTerminal] = []
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {
        "OFFRAMP_HOME": str(home.locations.home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "PYTHONPATH": str(PROJECT),
    }  # fmt: skip

    def start(*command: str, **more: str) -> PseudoTerminal:
        made = PseudoTerminal(command or COMMAND, environment=environment | more, directory=tmp_path)
        opened.append(made)
        return made

    yield start
    for made in opened:
        made.kill()
    holder = engine_of(home)
    if holder is not None:
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while engine_of(home) is not None and time.monotonic() < deadline:
            time.sleep(0.05)


def engine_of(home: Home) -> int | None:
    """The process that serves."""
    holder = home.store.lease.state().holder
    found = re.match(r"process (\d+) on", holder or "")
    return int(found[1]) if found is not None and served(home) else None


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.05)


def in_the_background(home: Home, was: int) -> bool:
    return engine_of(home) not in (None, was)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_leaves_the_work_in_the_background(
    home: Home, terminal: Callable[..., PseudoTerminal], number: signal.Signals
) -> None:
    task = scheduled(home)
    screen = terminal()
    screen.until("1 scheduled")
    wait_for(lambda: engine_of(home) == screen.pid)
    os.kill(screen.pid, number)
    assert screen.wait() == 128 + number
    assert in_the_background(home, screen.pid)
    assert home.store.tasks.get(task).status is TaskStatus.SCHEDULED
    # The terminal is a shell's again: no mouse reports, the main screen, the cursor.
    tail = bytes(screen.output[-200:])
    assert b"\x1b[?1049l" in tail
    assert b"\x1b[?1003l" in tail
    assert b"\x1b[?25h" in tail


def test_a_signal_with_nothing_to_do_starts_nobody(
    home: Home, terminal: Callable[..., PseudoTerminal]
) -> None:
    screen = terminal()
    screen.until("nothing to do")
    wait_for(lambda: engine_of(home) == screen.pid)
    os.kill(screen.pid, signal.SIGTERM)
    assert screen.wait() == 128 + signal.SIGTERM
    assert not served(home)


def test_a_closed_terminal_leaves_the_work_in_the_background(
    home: Home, terminal: Callable[..., PseudoTerminal]
) -> None:
    scheduled(home)
    screen = terminal()
    screen.until("1 scheduled")
    wait_for(lambda: engine_of(home) == screen.pid)
    os.close(screen._descriptor)
    wait_for(lambda: os.waitpid(screen.pid, os.WNOHANG)[0])
    wait_for(lambda: in_the_background(home, screen.pid))


def test_a_terminal_that_takes_nothing_any_more_does_not_hold_it_up(
    home: Home, terminal: Callable[..., PseudoTerminal]
) -> None:
    scheduled(home)
    screen = terminal()
    screen.until("1 scheduled")
    wait_for(lambda: engine_of(home) == screen.pid)
    # Nobody reads: the terminal's buffer fills up, and the event loop blocks in a write.
    for _ in range(60):
        screen.send("T")
        time.sleep(0.05)
    os.kill(screen.pid, signal.SIGTERM)
    wait_for(lambda: os.waitpid(screen.pid, os.WNOHANG)[0])
    assert in_the_background(home, screen.pid)


def test_ctrl_z_hands_over_and_fg_comes_back(home: Home, terminal: Callable[..., PseudoTerminal]) -> None:
    scheduled(home)
    shell = terminal("bash", "--norc", "--noprofile", "-i", PS1="shell> ")
    shell.until("shell>")
    shell.send(" ".join(COMMAND) + "\n")
    shell.until("1 scheduled")
    wait_for(lambda: engine_of(home) is not None)
    screen = engine_of(home)
    assert screen is not None
    since = len(shell.output)
    shell.send("\x1a")
    shell.until("Stopped", since=since)
    assert in_the_background(home, screen)
    background = engine_of(home)
    since = len(shell.output)
    shell.send("fg\n")
    shell.until("1 scheduled", since=since)
    # All of it is drawn again, what hasn't changed too.
    shell.until("filter", since=since)
    shell.until("Progress", since=since)
    # The background engine goes on; the screens look on, and may leave without a question.
    assert engine_of(home) == background
    since = len(shell.output)
    shell.send("q")
    shell.until("shell>", since=since)
    assert engine_of(home) == background
    shell.send("exit\n")
    shell.wait()


def test_the_pager_has_the_terminal_until_it_ends(
    home: Home, tmp_path: Path, terminal: Callable[..., PseudoTerminal]
) -> None:
    task = home.task("orders", TaskStatus.COMPLETED, created=datetime.now(UTC))
    home.locations.task_log(task).write_text("2026-11-22T13:00:00.000Z INFO  the log itself\n")
    pager = tmp_path / "pager"
    pager.write_text('#!/bin/sh\ncat "$1"\necho now in the pager\nread line\necho left $line\n')
    pager.chmod(0o700)
    screen = terminal(PAGER=str(pager))
    screen.until("orders")
    screen.send("l")
    screen.until("the log itself")
    since = len(screen.output)
    screen.send("o")
    screen.until("now in the pager", since=since)
    since = len(screen.output)
    screen.send("word\n")
    screen.until("left word", since=since)
    screen.until("Search", since=since)
    # Ctrl-C ends the pager, not what opened it.
    since = len(screen.output)
    screen.send("o")
    screen.until("now in the pager", since=since)
    since = len(screen.output)
    screen.send("\x03")
    screen.until("Search", since=since)
    screen.send("q")
    assert screen.wait() == 0
