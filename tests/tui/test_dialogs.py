"""How what lies over a screen looks: menu, help, commands, questions, errors, with the screen still to be seen
below; in each theme, without colours' blocks, and where there is little room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from core.errors import Conflict
from core.model.vocabulary import TaskStatus
from tests.tui.harness import Home, application, running, screen_text, type_at_once, until
from tests.tui.test_task_screen import opened
from tui.app import OfframpApp
from tui.runs import text_of
from tui.widgets.ask import Ask
from tui.widgets.lines import Lines

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
MENU, HELP, COMMANDS, ABORT, NAME = "full_stop", "question_mark", "colon", "a", "e"


def over_details(task: int, *keys: str, then: str) -> Any:
    """Press keys in a task's details, until a text is to be seen."""

    async def before(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, OfframpApp)
        await opened(pilot, task)
        await pilot.press(*keys)
        await until(pilot, lambda: then in screen_text(app))

    return before


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("key", "then"),
    [
        (MENU, "Abort"), (HELP, "In [keys]"), (COMMANDS, "Save as export"), (ABORT, "Nothing is published"),
        (NAME, "Save as export"),
    ],
    ids=["menu", "help", "commands", "question", "name"],
)  # fmt: skip
def test_over_a_screen(
    home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, size: Any, key: str, then: str
) -> None:
    before = over_details(tasks[TaskStatus.RUNNING], key, then=then)
    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", ["light", "terminal"])
def test_in_other_themes(home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, theme: str) -> None:
    before = over_details(tasks[TaskStatus.RUNNING], "tab", ABORT, then="Nothing is published")
    assert snap_compare(application(home, theme=theme), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("key", [MENU, HELP, ABORT], ids=["menu", "help", "question"])
def test_narrow_in_ascii(home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare, key: str) -> None:
    app = application(home, ascii=True, theme="terminal")
    before = over_details(tasks[TaskStatus.RUNNING], key, then="In [keys]" if key == HELP else "Abort")
    assert snap_compare(app, terminal_size=(50, 18), run_before=before)


def test_an_error(home: Home, tasks: dict[TaskStatus, int], snap_compare: Compare) -> None:
    app = application(home)

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, tasks[TaskStatus.RUNNING])
        app.fail(
            Conflict("Task 5 runs already; " + "so it can't be queued. " * 9, "Wait for it, or abort it.")
        )
        await until(pilot, lambda: "Enter closes" in screen_text(app))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


async def test_help_tells_all_of_the_key_under_the_cursor(home: Home, tasks: dict[TaskStatus, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await opened(pilot, tasks[TaskStatus.COMPLETED])
        await pilot.press(HELP, *"jj")
        await until(pilot, lambda: "task.retry" in screen_text(app))
        below = " ".join(text_of(line) for line in app.screen.query_one("#in-full", Lines).lines)
        # What is cut in the list, and why it isn't to be had now.
        assert "A failed task reads only what is missing; an aborted one starts again." in below
        assert "only what failed or was aborted can be retried; c copies it." in below


@pytest.mark.parametrize("size", [*SIZES, (60, 20)])
async def test_what_is_to_be_typed_is_said_whole_and_done(
    home: Home, tasks: dict[TaskStatus, int], size: tuple[int, int]
) -> None:
    app = application(home)
    task = tasks[TaskStatus.RUNNING]
    async with running(app, size) as pilot:
        await opened(pilot, task)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        said = " ".join(text_of(line) for line in app.screen.query_one("#wanted", Lines).lines)
        assert "Bytes a second (500k, 10m) or rows (20000 rows); empty: no limit" in said
        await until(pilot, lambda: {"empty:", "limit"} <= set(screen_text(app).split()))
        await type_at_once(pilot, "30 rowz")
        await until(pilot, lambda: "'30 rowz' is no rate." in screen_text(app))
        await pilot.press("enter", "backspace", "s", "enter")
        await until(pilot, lambda: str(home.store.tasks.get(task).rate) == "30 rows")
