"""How much longer a task takes, in its details: whether the rows were counted is known on every tab."""

from __future__ import annotations

import pytest

from core.model.vocabulary import TaskStatus
from tests.tui.harness import MINUTE, NOW, Home, application, running, screen_text, until
from tui.screens.task import FEW, TaskScreen


@pytest.mark.parametrize(("exact", "words"), [(True, "(exact count)"), (False, "(estimate)")])
async def test_how_much_longer_names_its_source_however_many_objects(
    home: Home, exact: bool, words: str
) -> None:
    count = FEW + 100
    task = home.task(
        "many", TaskStatus.RUNNING, started=NOW - MINUTE, processed_rows=1000, total_rows=10_000, objects_total=count,
    )  # fmt: skip
    for number in range(count):
        last = number == count - 1
        home.object(task, number, f"t{number}", total_rows=9, total_exact=exact or not last)
    app = application(home)
    async with running(app) as pilot:
        await app.push_screen(TaskScreen(task))
        await until(pilot, lambda: words in screen_text(app))
