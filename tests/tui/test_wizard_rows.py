"""Columns, rows and queries in the form, by keys; and who is told of the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from core.model.choice import Choice
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectType
from tests.tui.harness import Home, application, running, screen_text, until
from tests.tui.shop import NAME, make_shop
from tests.tui.test_wizard import at, new
from tui.screens.wizard.field import Step
from tui.widgets.ask_several import AskSeveral
from tui.widgets.dialog import Choose

ORDERS = ObjectRef(ObjectType.TABLE, "orders")


async def fill(pilot: Pilot[Any], *texts: str) -> None:
    """Type into the lines of the dialog, from the first; Enter after each."""
    await until(pilot, lambda: isinstance(pilot.app.screen, AskSeveral))
    dialog = pilot.app.screen
    for text, entry in zip(texts, list(dialog.query(Input)), strict=True):
        await until(pilot, lambda entry=entry: entry.has_focus)  # type: ignore[misc]
        entry.value = text
        await pilot.press("enter")


async def test_columns_rows_and_a_query_by_keys(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        wizard = await new(pilot, ExportSettings(connection=NAME, objects=("TABLE:orders",)))
        wizard._go(Step.OBJECTS)
        await pilot.press("slash", *"orders", "enter", "z")
        await fill(pilot, "id, note", "", "id > 5")
        await until(pilot, lambda: pilot.app.screen is wizard)
        chosen = Choice(columns=("id", "note"), where="id > 5")
        assert wizard.draft.settings().choices == {"TABLE:orders": chosen}
        await until(pilot, lambda: "only id, note wh" in screen_text(app))
        # A query, from the list of all that is chosen.
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        assert "TABLE:orders" in screen_text(app)
        await pilot.press("q")
        await fill(pilot, "per day", "SELECT 1 AS one")
        await until(pilot, lambda: pilot.app.screen is wizard)
        assert wizard.draft.settings().queries == {"per day": "SELECT 1 AS one"}
        # What is no choice isn't taken.
        await pilot.press("z")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskSeveral))
        dialog = pilot.app.screen
        dialog.query_one("#exclude", Input).value = "note"
        await until(pilot, lambda: "chosen and left out at once" in screen_text(app))
        dialog.query_one("#where", Input).focus()
        await pilot.press("enter")
        assert pilot.app.screen is dialog
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is wizard)
        # Emptied, it is all of it again.
        await pilot.press("z")
        await fill(pilot, "", "", "")
        await until(pilot, lambda: pilot.app.screen is wizard)
        assert wizard.draft.settings().choices == {}
        wizard._go(Step.SUMMARY)
        await at(pilot, wizard, Step.SUMMARY)
        await until(pilot, lambda: wizard.is_checked)
        assert "per day: SELECT 1 AS one" in screen_text(app)


async def test_a_query_of_several_lines_keeps_them(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    query = "SELECT 1 AS one -- the first\n, 2 AS two"
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, ExportSettings(connection=NAME, queries={"q": query}))
        await pilot.press("f4", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskSeveral))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.query_one("#query", Input).has_focus)
        await pilot.press("end", *"+1", "enter")
        await until(pilot, lambda: pilot.app.screen is wizard)
        assert wizard.draft.settings().queries == {"q": f"{query}+1"}


async def test_who_is_told_is_a_field_like_others(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    got = tmp_path / "got"
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, ExportSettings(connection=NAME, objects=("TABLE:orders",)))
        wizard._go(Step.EXECUTION)
        entry = wizard.query_one("#notify", Input)
        entry.value = "pigeon"
        await until(pilot, lambda: "notify" in wizard.wrong)
        entry.value = f"'completed=command:touch {got}'"
        await until(pilot, lambda: "notify" not in wizard.wrong)
        assert wizard.draft.settings().notify == (f"completed=command:touch {got}",)
        wizard._go(Step.SUMMARY)
        await until(pilot, lambda: wizard.is_checked)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not wizard)
        assert app.service.tasks.list()[0].settings.notify == (f"completed=command:touch {got}",)
