"""The sample shop, made from within: a database with three exports to try things on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.task import Task
from core.service import words
from tui.widgets.dialog import Choice, Choose

if TYPE_CHECKING:
    from tui.app import OfframpApp

DIRECTORY = "demo"


def offer(app: OfframpApp) -> None:
    """Ask, then make the sample in the home of this store and run its exports."""
    directory = app.service.locations.home / DIRECTORY

    def make() -> list[Task]:
        sample = app.service.demo.prepare(directory)
        tasks = [app.service.exports.run(export.name) for export in sample.exports]
        app.service.tasks.serve()
        return tasks

    def made(tasks: list[Task]) -> None:
        app.page_say(f"{words.count(len(tasks), 'export')} of the sample shop run: 1 shows them.")

    def answered(answer: str | None) -> None:
        if answer == "make":
            app.call(make, made, doing="Making the sample shop: about 200,000 rows ...")

    app.push_screen(
        Choose(
            "Make the sample shop?",
            [Choice("make", "Make it and run its exports", "y"), Choice("no", "Cancel", "n")],
            text=f"A small database of a shop (SQLite, 20 MB) in {directory}, with a connection, three "
            "saved exports, and what they export.",
        ),
        answered,
    )
