"""Only new rows, and running on new data, on the screens: the form's fields, the list, an export's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from core.model.mark import MarkSettings, NullMarks, Window
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import TaskStatus
from core.model.watch import Watch
from core.service.context import Context
from tests.tui.harness import Home, application, running, screen_text, until
from tests.tui.shop import NAME, make_shop
from tests.tui.test_exports_screen import open_export, to_exports
from tests.tui.test_wizard import at, new, typed
from tui.screens.wizard.field import Step
from tui.screens.wizard.screen import Wizard


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Engines that were asked for; none is started."""
    calls: list[str] = []
    monkeypatch.setattr(Context, "ensure_engine", lambda self: calls.append("engine"))
    return calls


async def described(pilot: Pilot[object], tmp_path: Path) -> Wizard:
    """The form at its step of execution, of a saved export that runs on new data."""
    settings = ExportSettings(connection=NAME, objects=("orders",))
    wizard = await new(pilot, settings, step="keep")
    await pilot.press("right")
    await typed(pilot, wizard, "name", "nightly")
    await typed(pilot, wizard, "directory", str(tmp_path / "runs"))
    await pilot.press("enter")
    await at(pilot, wizard, Step.EXECUTION)
    await pilot.press("right", "right", "right")
    await until(pilot, lambda: wizard.draft.watched)
    return wizard


async def test_it_is_checked_as_typed_and_saved(home: Home, tmp_path: Path, served: list[str]) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        wizard = await described(pilot, tmp_path)
        wizard.query_one("#window").focus()
        await pilot.press("right")
        await until(pilot, lambda: wizard.draft.only_new)
        for field, wrong, words in (
            ("settle", "soon", "no span"),
            ("probe_every", "0s", "can't be"),
            ("overlap_by", "long", "no overlap"),
            ("mark", "'id", "isn't closed"),
        ):
            before = wizard.draft
            await typed(pilot, wizard, field, wrong)
            await until(pilot, lambda field=field, words=words: words in wizard.wrong.get(field, ""))
            wizard._draft = before
            wizard._apply()
            assert wizard.wrong == {}
        await typed(pilot, wizard, "mark", "id orders=id kinds=")
        await typed(pilot, wizard, "overlap_by", "10m,500")
        await typed(pilot, wizard, "settle", "5s")
        wizard.query_one("#null_marks").focus()
        await pilot.press("right")
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        spelled = wizard._checker.result.spelled
        assert (
            "--window new --mark id --mark orders=id --mark=kinds= --overlap 10m,500"
            in spelled.command.replace("--mark kinds=", "--mark=kinds=")
        )
        assert "--on-new-data --settle 5s" in spelled.command
        text = screen_text(app)
        assert "on new data, asked for every" in text
        assert "only new ones, by id, orders by id, all of kinds" in " ".join(text.split())
        await pilot.press("enter")
        await until(pilot, home.store.exports.list)
        (export,) = home.store.exports.list()
        assert export.watch == Watch(settle=5)
        assert export.settings.window is Window.NEW
        assert export.settings.mark == MarkSettings(
            column="id", columns={"orders": "id", "kinds": ""}, overlap="10m,500", nulls=NullMarks.SKIP
        )
        await until(pilot, lambda: served == ["engine"])


async def test_what_is_known_is_shown_and_can_be_paused(home: Home, served: list[str]) -> None:
    home.connection("ob-prod")
    settings = ExportSettings(connection="ob-prod", objects=("orders",), window=Window.NEW)
    home.store.exports.add(Export(name="fresh", directory="/srv/lake", settings=settings, watch=Watch()))
    home.store.marks.set("fresh", "TABLE:orders", "4711", "id")
    app = application(home)
    async with running(app) as pilot:
        await to_exports(pilot)
        await until(pilot, lambda: "on new data" in screen_text(app))
        assert "watching" in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "paused" in screen_text(app))
        paused = home.store.exports.get("fresh").watch
        assert paused is not None
        assert paused.paused
        await pilot.press("escape")
        await open_export(pilot, "fresh")
        text = " ".join(screen_text(app).split())
        assert "orders id 4711" in text
        assert "while it is paused" in text


async def test_editing_keeps_it(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    mark = MarkSettings(columns={"orders": "id"}, overlap="1h")
    settings = ExportSettings(connection=NAME, all_objects=True, window=Window.NEW, mark=mark)
    watch = Watch(probe_every=90, paused=True)
    export = Export(name="fresh", directory=str(tmp_path / "runs"), settings=settings, watch=watch)
    home.store.exports.add(export)
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        await pilot.press("e")
        await until(pilot, lambda: app.screen is not page and getattr(app.screen, "is_ready", False))
        wizard = app.screen
        await typed(pilot, wizard, "retry_limit", "9")  # type: ignore[arg-type]
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: home.store.exports.get("fresh").settings.retry_limit == 9)
        after = home.store.exports.get("fresh")
        assert (after.watch, after.settings.window, after.settings.mark) == (watch, Window.NEW, mark)


async def test_what_is_new_and_reading_it_again(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(connection=NAME, objects=("orders",), window=Window.NEW)
    home.store.exports.add(Export(name="fresh", directory="/srv/lake", settings=settings))
    home.store.exports.add(
        Export(name="whole", directory="/srv/lake", settings=replace(settings, window=Window.ALL))
    )
    home.store.marks.set("fresh", "TABLE:orders", "1", "id")
    number = home.task("fresh", TaskStatus.COMPLETED, export="fresh")
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("whole")
        await pilot.press("w")
        await until(pilot, lambda: "takes all rows every time" in screen_text(app))
        await open_export(pilot, "fresh")
        await pilot.press("w")
        await until(pilot, lambda: "2 new rows by id, 2 to 3" in screen_text(app))
        await pilot.press("escape")
        await pilot.press("b")
        await until(pilot, lambda: f"Read again what task {number} has read?" in screen_text(app))
        await pilot.press("y")
        # It has moved no mark: that is said.
        await until(pilot, lambda: "has moved no mark" in " ".join(screen_text(app).split()))
