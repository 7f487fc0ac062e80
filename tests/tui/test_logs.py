"""Logs: a long one opens at once, everything is done by keys, and nothing in it reaches the terminal."""

from __future__ import annotations

import random
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core import log_pages
from core.errors import InvalidValue, OfframpError
from core.log_pages import LogPages, alerts, everything
from core.model.vocabulary import TaskStatus
from tests.tui.harness import Home, application, running, screen_text, until
from tui import clipboard, pager
from tui.app import OfframpApp
from tui.log_rows import rows
from tui.moments import moment
from tui.runs import text_of
from tui.screens.logs import LogsScreen
from tui.screens.task import TaskScreen
from tui.widgets.ask import Ask
from tui.widgets.log_view import LogView

SIZES = [(80, 24), (120, 40)]
BEGIN = datetime(2026, 11, 22, 13, 0, 0, tzinfo=UTC)
Compare = Callable[..., bool]


def entry(seconds: float, level: str, text: str) -> str:
    when = BEGIN + timedelta(seconds=seconds)
    return f"{when.isoformat(timespec='milliseconds').replace('+00:00', 'Z')} {level:<5} {text}\n"


def write(home: Home, task: int, lines: list[str], part: int = 0) -> Path:
    path = home.locations.task_log(task)
    if part:
        path = path.with_name(f"{path.name}.{part:06}")
    path.write_text("".join(lines))
    return path


def some_lines() -> list[str]:
    made = [entry(n, "INFO", f"TABLE:orders: {n * 10_000:,} rows written") for n in range(60)]
    made[20] = entry(
        20, "WARN", "TABLE:orders: 3 characters were replaced, the first in row 812 of column note"
    )
    made[40] = entry(40, "ERROR", "TABLE:order_audit: no SELECT right for 'app_ro'; " + "and so on " * 12)
    made[50] = entry(50, "DEBUG", "asked again")
    return made


def view_of(app: OfframpApp) -> LogView:
    return app.screen.query_one(LogView)


async def opened(pilot: Pilot[Any], task: int, *, alert: bool = False) -> LogView:
    app = pilot.app
    assert isinstance(app, OfframpApp)
    await app.push_screen(LogsScreen(task, alert=alert))
    await until(pilot, lambda: isinstance(app.screen, LogsScreen) and app.screen.was_read)
    view = view_of(app)
    await until(pilot, lambda: view.settled)
    return view


async def press(pilot: Pilot[Any], view: LogView, *keys: str) -> None:
    await pilot.press(*keys)
    await until(pilot, lambda: view.settled)


def here(view: LogView) -> str:
    assert view.view.line is not None
    return view.view.line.message


# Pictures


@pytest.mark.parametrize("size", SIZES)
def test_content(home: Home, snap_compare: Compare, size: Any) -> None:
    task = home.task("orders-nightly", TaskStatus.FAILED)
    write(home, task, some_lines())

    async def before(pilot: Pilot[Any]) -> None:
        view = await opened(pilot, task)
        for _ in range(19):
            await press(pilot, view, "k")
        view.searched = "order"
        await press(pilot, view, "N")
        await until(pilot, lambda: not pilot.app.page.message)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_empty(home: Home, snap_compare: Compare, size: Any) -> None:
    task = home.task("orders-nightly", TaskStatus.QUEUED)

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, task)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


def test_narrow_alerts_of_a_cut_log_in_ascii(home: Home, snap_compare: Compare) -> None:
    task = home.task("orders-nightly", TaskStatus.RUNNING, slot=1)
    write(home, task, some_lines()[:30])
    write(home, task, some_lines()[30:], part=5)

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, task, alert=True)

    assert snap_compare(
        application(home, ascii=True, theme="terminal"), terminal_size=(50, 16), run_before=before
    )


@pytest.mark.parametrize("size", SIZES)
def test_error(home: Home, snap_compare: Compare, size: Any) -> None:
    task = home.task("orders-nightly", TaskStatus.RUNNING, slot=1)
    home.locations.task_log(task).mkdir()

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, task)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


# How much is read


async def test_a_million_lines_open_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    task = home.task("long", TaskStatus.COMPLETED)
    chunk = "".join(entry(n, "INFO", f"line {n}") for n in range(10_000)).encode()
    with home.locations.task_log(task).open("wb") as file:
        for _ in range(100):
            file.write(chunk)
    count = {"lines": 0}
    whole = LogPages.read

    def read(self: LogPages, number: int, offset: int, length: int) -> bytes:
        data = whole(self, number, offset, length)
        count["lines"] += data.count(b"\n")
        return data

    monkeypatch.setattr(LogPages, "read", read)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        assert here(view) == "line 9999"
        assert "line 9999" in screen_text(app)
        assert count["lines"] < 3_000
        # To the beginning, and from there anywhere, no more is read than is shown.
        count["lines"] = 0
        await press(pilot, view, "g")
        assert here(view) == "line 0"
        await press(pilot, view, *["pagedown"] * 5)
        await press(pilot, view, "G")
        assert here(view) == "line 9999"
        assert count["lines"] < 10_000


async def test_the_thread_reads_the_events_loop_does_not(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, some_lines())
    readers: set[threading.Thread] = set()
    whole = LogPages.read

    def read(self: LogPages, *place: int) -> bytes:
        readers.add(threading.current_thread())
        return whole(self, *place)

    monkeypatch.setattr(LogPages, "read", read)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        await press(pilot, view, "g", "j", "G")
        assert readers
        assert threading.main_thread() not in readers


async def test_a_log_that_stands_still_is_not_drawn_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = home.task("t", TaskStatus.RUNNING, slot=1)
    path = write(home, task, some_lines())
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        drawn: list[object] = []
        monkeypatch.setattr(view.lines, "refresh", lambda *regions, **more: drawn.extend(regions))
        for _ in range(3):
            view._look()
            await until(pilot, lambda: view.settled)
        assert drawn == []
        with path.open("a") as file:
            file.write(entry(99, "INFO", "one more"))
        view._look()
        await until(pilot, lambda: drawn)


# Moving


async def test_every_line_is_reached_by_keys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.log_window.CHUNK", 7)
    monkeypatch.setattr("tui.log_window.KEPT", 40)
    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, [entry(n, "INFO", str(n)) for n in range(90)])
    write(home, task, [entry(n, "INFO", str(n)) for n in range(90, 200)], part=1)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        assert here(view) == "199"
        for number in range(198, 100, -7):
            await press(pilot, view, *["k"] * (1 if number == 198 else 7))
            assert here(view) == str(number)
            assert f" {number}\n" in screen_text(app) + "\n"
        await press(pilot, view, "g")
        assert here(view) == "0"
        for number in (1, 2, 3):
            await press(pilot, view, "j")
            assert here(view) == str(number)
        await press(pilot, view, "j", "j", "j", "k")
        assert here(view) == "5"
        die, at = random.Random(4), 5
        for _ in range(60):
            step, key = die.choice(((1, "j"), (-1, "k"), (20, "pagedown"), (-20, "pageup")))
            page = view.lines.size.height - 1
            at = max(0, min(199, at + (step if abs(step) == 1 else page if step > 0 else -page)))
            await press(pilot, view, key)
            assert here(view) == str(at)
            assert len(view.view.lines) <= 61


async def test_follow_goes_with_the_log_and_ends_when_one_goes_up(home: Home) -> None:
    task = home.task("t", TaskStatus.RUNNING, slot=1)
    path = write(home, task, [entry(0, "INFO", "one")])
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        with path.open("a") as file:
            file.write("".join(entry(n, "INFO", f"more {n}") for n in range(500)))
            file.write("2026-11-22T13:00:00.000Z INFO  ha")
        await until(pilot, lambda: here(view) == "ha")
        with path.open("a") as file:
            file.write("lf\n" + entry(9, "INFO", "next"))
        await until(pilot, lambda: here(view) == "next")
        assert [p.message for p in view.view.lines][-2:] == ["half", "next"]
        assert "following" in screen_text(app)
        await press(pilot, view, "k")
        assert "following" not in screen_text(app)
        with path.open("a") as file:
            file.write(entry(10, "INFO", "unseen"))
        view._look()
        await until(pilot, lambda: view.settled)
        assert here(view) == "half"
        await press(pilot, view, "f")
        assert here(view) == "unseen"
        path.with_name(path.name + ".000001").write_text(entry(11, "WARN", "in the next segment"))
        await until(pilot, lambda: here(view) == "in the next segment")


async def test_a_log_that_begins_later_is_followed(home: Home) -> None:
    task = home.task("t", TaskStatus.QUEUED)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        assert "Nothing has been logged" in screen_text(app)
        write(home, task, [entry(0, "INFO", "begun")])
        await until(pilot, lambda: view.view.line is not None and "begun" in screen_text(app))


async def test_alerts_are_toggled_and_the_place_is_kept(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    write(home, task, some_lines())
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task, alert=True)
        assert [p.line.level for p in view.view.lines] == ["WARN", "ERROR"]
        assert "warnings and errors" in screen_text(app)
        await press(pilot, view, "k")
        await press(pilot, view, "exclamation_mark")
        assert "3 characters were replaced" in here(view)
        assert len(view.view.lines) == 60
        await press(pilot, view, "exclamation_mark")
        assert "3 characters were replaced" in here(view)
        write(home, task, [entry(1, "INFO", "fine")])
        again = await opened(pilot, task, alert=True)
        assert again.view.line is None
        assert "No warnings and no errors" in screen_text(app)


async def test_search_next_previous_and_round_the_end(home: Home) -> None:
    task = home.task("t", TaskStatus.COMPLETED)
    lines = [entry(n, "INFO", f"line {n}") for n in range(3000)]
    for n in (100, 1500, 2900):
        lines[n] = entry(n, "INFO", f"Needle in {n}")
    write(home, task, lines)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        page = app.page
        assert page is not None
        await press(pilot, view, "g", "slash")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await press(pilot, view, *"needle", "enter")
        await until(pilot, lambda: here(view) == "Needle in 100")
        await press(pilot, view, "n")
        assert here(view) == "Needle in 1500"
        await press(pilot, view, "n")
        assert here(view) == "Needle in 2900"
        await press(pilot, view, "n")
        assert here(view) == "Needle in 100"
        assert "beyond the end" in page.message
        await press(pilot, view, "N")
        assert here(view) == "Needle in 2900"
        assert "beyond the beginning" in page.message
        await press(pilot, view, "N")
        assert here(view) == "Needle in 1500"
        assert "Needle in 1500" in screen_text(app)
        view.searched = "nowhere at all"
        await press(pilot, view, "n")
        assert here(view) == "Needle in 1500"
        assert "nowhere in the log" in page.message


async def test_escape_stops_a_search(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(log_pages, "BLOCK", 64)
    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, [entry(n, "INFO", f"line {n}") for n in range(1000)])
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        page = app.page
        reading, go_on = threading.Event(), threading.Event()
        whole = LogPages.read

        def read(self: LogPages, *place: int) -> bytes:
            reading.set()
            go_on.wait(10)
            return whole(self, *place)

        monkeypatch.setattr(LogPages, "read", read)
        view.searched = "nothing like it"
        await pilot.press("N")
        await until(pilot, reading.is_set)
        await pilot.press("escape")
        go_on.set()
        await until(pilot, lambda: view.settled)
        assert app.screen is page
        assert page is not None
        assert "stopped" in page.message
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not page)


async def test_jump_to_a_time(home: Home) -> None:
    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, [entry(n * 10, "INFO", f"line {n}") for n in range(1000)])
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*["backspace"] * 8, *"13:01:35")
        await pilot.press("enter")
        await until(pilot, lambda: here(view) == "line 10")
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*["backspace"] * 8, *"noon")
        await pilot.press("enter")
        assert isinstance(app.screen, Ask)
        assert "Write 14:02" in screen_text(app)


def test_times_as_people_type_them() -> None:
    near = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
    for text, wanted in {
        "2026-11-22T13:00Z": datetime(2026, 11, 22, 13, 0, tzinfo=UTC),
        "2026-11-21 23:00:05+01:00": datetime(2026, 11, 21, 22, 0, 5, tzinfo=UTC),
        "-10m": near - timedelta(minutes=10),
        "-2 h": near - timedelta(hours=2),
    }.items():
        assert moment(text, near) == wanted
    local = near.astimezone().replace(hour=9, minute=30, second=0)
    assert moment("9:30", near) == local
    for text in ("", "25:00", "yesterday", "13:60", "-9999999999d"):
        with pytest.raises(InvalidValue, match="is no time"):
            moment(text, near)


# What a line looks like


async def test_control_characters_are_inert(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    write(home, task, [entry(0, "ERROR", "\x1b]0;title\x07 \x1b[2J [red]no markup[/] \u202e \x9b31m")])
    app = application(home)
    async with running(app, (120, 24)) as pilot:
        await opened(pilot, task)
        text = screen_text(app)
        assert "\\u001b]0;title\\u0007" in text
        assert "[red]no markup[/]" in text
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)


def test_rows_break_or_are_one(home: Home) -> None:
    path = home.locations.task_log(1)
    path.write_text(entry(0, "ERROR", "word " * 40) + "a line of another form\n")
    long, other = LogPages(path).after((0, 0), 2)
    broken = rows(long, 60, broken=True)
    assert len(broken) > 3
    assert all(len(text_of(row)) <= 60 for row in broken)
    assert text_of(broken[0]).startswith("13:00:00.000 ERROR word")
    assert text_of(broken[1]).startswith(" " * 19 + "word")
    assert ("ERROR ", "bad") in broken[0]
    assert len(rows(long, 60, broken=False)) == 1
    assert text_of(rows(long, 200, broken=False)[0]).startswith("2026-11-22 13:00:00.000 ERROR")
    assert [text_of(row) for row in rows(other, 60, broken=True)] == ["a line of another form"]
    marked = rows(long, 60, broken=False, found="ORD")[0]
    assert marked.count(("ord", "found")) == 40


def test_a_line_too_long_to_be_shown_says_what_is_missing(home: Home) -> None:
    path = home.locations.task_log(1)
    path.write_text(entry(0, "INFO", "x" * 40_000))
    placed = LogPages(path).after((0, 0), 1)[0]
    assert placed.missing == path.stat().st_size - log_pages.LONGEST_LINE
    for broken in (True, False):
        assert f"{placed.missing:,} more bytes" in text_of(rows(placed, 80, broken=broken)[-1])


async def test_wrap_is_remembered(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    write(home, task, some_lines()[40:41])
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        assert screen_text(app).count("and so on") == 12
        await press(pilot, view, "w")
        await until(pilot, lambda: 0 < screen_text(app).count("and so") < 3)
    again = application(home)
    async with running(again) as pilot:
        view = await opened(pilot, task)
        assert not view.lines.broken


async def test_a_line_higher_than_the_screen_is_gone_through(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    write(
        home,
        task,
        [
            entry(0, "INFO", "before"),
            entry(1, "INFO", " ".join(map(str, range(1000)))),
            entry(2, "INFO", "after"),
        ],
    )
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        await press(pilot, view, "g", "j")
        assert " 0 1 2 " in screen_text(app)
        for _ in range(400):
            if here(view) == "after":
                break
            await press(pilot, view, "j")
            if " 999" in screen_text(app):
                seen = True
        assert seen
        assert here(view) == "after"


# Copying, and the pager


async def test_copies_a_line_or_those_from_a_mark_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(clipboard, "send", lambda app, text: sent.append(text))
    task = home.task("t", TaskStatus.COMPLETED)
    lines = [entry(n, "INFO", f"line {n}") for n in range(30)]
    write(home, task, lines)
    app = application(home)
    async with running(app) as pilot:
        view = await opened(pilot, task)
        await press(pilot, view, "y")
        assert sent == [lines[29].rstrip("\n")]
        assert app.page is not None
        assert "1 line sent" in app.page.message
        await press(pilot, view, "space", "k", "k")
        assert screen_text(app).count("● ") == 2
        await press(pilot, view, "y")
        assert sent[-1] == "".join(lines[27:30]).rstrip("\n")
        assert "3 lines sent" in app.page.message
        assert "● " not in screen_text(app)
        await press(pilot, view, "space", "escape")
        assert isinstance(app.screen, LogsScreen)
        assert "marked" not in screen_text(app)


def test_the_pager_is_what_the_environment_names(tmp_path: Path) -> None:
    program = tmp_path / "my pager"
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = {"PATH": str(tmp_path)}
    assert pager.command({"PAGER": "'my pager' -R", **path}) == ["my pager", "-R"]
    for wanted in ("no-such-pager", "'open", ""):
        with pytest.raises(OfframpError, match="can't be found"):
            pager.command({"PAGER": wanted, **path})


async def test_a_pager_that_is_not_there_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "/no/such/pager")
    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, some_lines())
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, task)
        await pilot.press("o")
        await until(pilot, lambda: "can't be found" in screen_text(app))


@pytest.mark.parametrize("keep", [everything, alerts])
def test_the_pager_gets_all_that_is_shown(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Any
) -> None:
    task = home.task("t", TaskStatus.COMPLETED)
    write(home, task, some_lines()[:30])
    long = entry(70, "ERROR", "x" * 40_000)
    write(home, task, [*some_lines()[30:], long], part=1)
    program, taken = tmp_path / "pager", tmp_path / "taken"
    program.write_text(f'#!/bin/sh\nexec cat "$@" > {taken}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PAGER", str(program))
    from contextlib import nullcontext

    class App:
        def suspend(self) -> Any:
            return nullcontext()

    pages = LogPages(home.locations.task_log(task))
    pager.show(App(), pages, keep)  # type: ignore[arg-type]
    kept = [line for line in [*some_lines(), long] if keep(line.encode())]
    assert taken.read_text() == "".join(kept)
    # A pager that is left at once.
    program.write_text("#!/bin/sh\nexit 0\n")
    pager.show(App(), pages, keep)  # type: ignore[arg-type]
    # One file is the pager's to open.
    pages.parts()[1].unlink()
    program.write_text(f'#!/bin/sh\necho "$#" > {taken}\n')
    pager.show(App(), pages, everything)  # type: ignore[arg-type]
    assert taken.read_text() == "1\n"


# Where it is shown


async def test_l_opens_it_from_the_list_and_from_details(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    write(home, task, some_lines())
    app = application(home)
    async with running(app) as pilot:
        listed = app.page
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and app.screen.was_read)
        await until(pilot, lambda: "590,000 rows" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is listed)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and app.screen.was_read)
        details = app.screen
        assert isinstance(details, TaskScreen)
        await pilot.press("l")
        await until(pilot, lambda: "590,000 rows" in screen_text(app))
        # The log's own keys work there, and those of the task that it doesn't have.
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: view_of(app).settled and "590,000 rows" not in screen_text(app))
        offered = {a.id for a in details.actions() if not details.refusal(a)}
        assert {"log.search", "log.next", "task.delete", "task.retry"} <= offered
        assert not {"export.new", "object.filter", "task.yank"} & offered
        await pilot.press("tab")
        await until(pilot, lambda: "task.yank" in {a.id for a in details.actions()})


async def test_a_deleted_task_is_said(home: Home) -> None:
    task = home.task("t", TaskStatus.FAILED)
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, task)
        home.store.tasks.remove(task)
        await until(pilot, lambda: app.page is not None and "no task" in app.page.message)
