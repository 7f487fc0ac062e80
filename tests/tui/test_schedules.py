"""Exports that run by themselves, on the screens: list, history, pause, and the fields of the wizard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.engine.numbers import Numbers
from core.engine.scheduling import start_due
from core.model.schedule import Overlap, Schedule, Unit
from core.model.settings import Export, ExportSettings
from core.service.context import Context
from tests.tui.harness import NOW, Home, application, running, screen_text, until
from tests.tui.shop import NAME, make_shop
from tests.tui.test_exports_screen import open_export, to_exports
from tests.tui.test_wizard import at, new, typed
from tui.screens.wizard.field import Step

SIZES = [(80, 24), (120, 40)]
HOUR = timedelta(hours=1)
Compare = Callable[..., bool]
SIX_HOURS = Schedule(every=6, unit=Unit.HOURS, start=datetime(2026, 1, 1), zone="UTC")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Engines that were asked for; none is started."""
    calls: list[str] = []
    monkeypatch.setattr(Context, "ensure_engine", lambda self: calls.append("engine"))
    return calls


@pytest.fixture
def saved(home: Home) -> None:
    """Three exports: one that has missed and skipped times, one that is paused, one that is run by hand."""
    home.connection("ob-prod")
    settings = ExportSettings(connection="ob-prod", database="shop", objects=("orders",))
    for name, schedule in (
        ("six-hourly", SIX_HOURS),
        ("weekdays", Schedule(cron="0 4 * * 1-5", zone="Europe/Berlin", paused=True, runs=7)),
        ("by-hand", None),
    ):
        export = Export(name=name, directory="/srv/lake", settings=settings, schedule=schedule)
        home.store.exports.add(export, NOW - 30 * HOUR)
    epoch = home.store.lease.acquire(home.store.lease.state(), "a test")
    assert epoch is not None
    start_due(home.store, epoch, Numbers(), NOW - 13 * HOUR)
    start_due(home.store, epoch, Numbers(), NOW)
    home.store.lease.release(epoch)


@pytest.mark.parametrize("size", SIZES)
def test_list(home: Home, saved: None, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_exports(pilot)
        page.table.select("six-hourly")
        await pilot.pause()

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_history(home: Home, saved: None, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await open_export(pilot, "six-hourly")
        await pilot.press("j")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


async def test_what_was_missed_and_skipped_stands_among_the_runs(home: Home, saved: None) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await open_export(pilot, "six-hourly")
        text = screen_text(app)
        assert "Missed" in text
        assert "Skipped" in text
        assert "every 6 hours, from 2026-01-01T00:00, UTC, 1 " not in text
        gone = next(iter(page._not_run))
        page.table.select(gone)
        await until(pilot, lambda: "No task was made" in screen_text(app))
        await pilot.press("l")
        await until(pilot, lambda: "There is no run here" in page.message)


async def test_pause_and_resume(home: Home, saved: None, served: list[str]) -> None:
    app = application(home)

    def schedule() -> Schedule | None:
        return home.store.exports.get("six-hourly").schedule

    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("six-hourly")
        await pilot.press("p")
        await until(pilot, lambda: "is paused" in page.message)
        assert schedule() is not None
        assert schedule().paused  # type: ignore[union-attr]
        assert home.store.schedules.planned()["six-hourly"].due is None
        assert served == []
        await until(pilot, lambda: page.export.schedule == schedule())
        await pilot.press("p")
        await until(pilot, lambda: "from now on" in page.message)
        assert schedule() == SIX_HOURS
        assert home.store.schedules.planned()["six-hourly"].due is not None
        assert served == ["engine"]
        page.table.select("by-hand")
        await pilot.press("p")
        await until(pilot, lambda: "doesn't run by itself" in page.message)


async def test_a_title_tells_that_exports_run_by_themselves(home: Home, saved: None) -> None:
    app = application(home)
    async with running(app, size=(120, 40)) as pilot:
        await until(pilot, lambda: "1 periodic" in screen_text(app))


async def test_sorting_by_the_next_run(home: Home, saved: None) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        await pilot.press("s", "n")
        await until(pilot, lambda: app.screen is page and page.bar.view.order == "next")
        assert page.table.rows[0].id == "six-hourly"


async def described(pilot: Pilot[Any], tmp_path: Path) -> Any:
    settings = ExportSettings(connection=NAME, all_objects=True)
    wizard = await new(pilot, settings, step="keep")
    await pilot.press("right")
    await typed(pilot, wizard, "name", "nightly")
    await typed(pilot, wizard, "directory", str(tmp_path / "runs"))
    await pilot.press("enter")
    await at(pilot, wizard, Step.EXECUTION)
    await pilot.press("right", "right")
    await until(pilot, lambda: wizard.draft.periodic)
    return wizard


@pytest.mark.parametrize("size", SIZES)
def test_fields(home: Home, tmp_path: Path, snap_compare: Compare, size: Any) -> None:
    make_shop(home, tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        wizard = await described(pilot, tmp_path)
        await typed(pilot, wizard, "zone", "Europe/Berlin")
        await typed(pilot, wizard, "begin", "2026-11-30T04:00")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


async def test_each_field_is_checked_as_typed_and_it_is_saved(
    home: Home, tmp_path: Path, served: list[str]
) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        wizard = await described(pilot, tmp_path)
        for field, wrong, words in (
            ("every", "x", "no number"),
            ("every", "0", "can't be"),
            ("zone", "Europe/Berln", "no time zone"),
            ("begin", "soon", "no time"),
            ("until", "2020-01-01", "before start"),
            ("runs", "0", "can't be"),
        ):
            before = wizard.draft
            await typed(pilot, wizard, field, wrong)
            await until(pilot, lambda field=field, words=words: words in wizard.wrong.get(field, ""))
            assert set(wizard.wrong) == {field}
            wizard._draft = before
            wizard._apply()
            assert wizard.wrong == {}
        await typed(pilot, wizard, "every", "2")
        await typed(pilot, wizard, "zone", "Europe/Berlin")
        await typed(pilot, wizard, "begin", "2099-03-27T02:30")
        await until(pilot, lambda: "Next runs" in screen_text(app))
        # The clocks skip 02:30 on 29 March 2099.
        assert "Sun 2099-03-29 03:00 CEST = 2099-03-29T01:00Z" in screen_text(app)
        await typed(pilot, wizard, "runs", "9")
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        assert "every 2 days, from 2099-03-27T02:30" in screen_text(app)
        spelled = wizard._checker.result.spelled
        assert "--every 2d --zone Europe/Berlin --start 2099-03-27T02:30 --runs 9" in spelled.command
        assert "[export.nightly.schedule]" in spelled.definition
        await pilot.press("enter")
        await until(pilot, home.store.exports.list)
        (export,) = home.store.exports.list()
        assert export.schedule == Schedule(
            every=2, unit=Unit.DAYS, zone="Europe/Berlin", start=datetime(2099, 3, 27, 2, 30), runs=9
        )
        await until(pilot, lambda: served == ["engine"])
        assert home.store.tasks.list() == []


async def test_a_cron_expression_is_checked_as_typed(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        wizard = await described(pilot, tmp_path)
        await pilot.press("down", "right")
        await typed(pilot, wizard, "cron", "61 * * * *")
        await until(pilot, lambda: "no cron expression" in wizard.wrong.get("cron", ""))
        assert set(wizard.wrong) == {"cron"}
        await typed(pilot, wizard, "cron", "30 4 * * 1-5")
        assert wizard.wrong == {}


@pytest.mark.parametrize("paused", [False, True])
async def test_editing_keeps_the_schedule(
    home: Home, tmp_path: Path, served: list[str], paused: bool
) -> None:
    make_shop(home, tmp_path)
    schedule = Schedule(
        cron="0 4 * * 1-5", zone="Asia/Tokyo", until=datetime(2099, 1, 1), runs=7, overlap=Overlap.QUEUE,
        paused=paused,
    )  # fmt: skip
    settings = ExportSettings(connection=NAME, all_objects=True)
    export = Export(name="nightly", directory=str(tmp_path / "runs"), settings=settings, schedule=schedule)
    home.store.exports.add(export)
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        await pilot.press("e")
        await until(pilot, lambda: app.screen is not page and getattr(app.screen, "is_ready", False))
        wizard = app.screen
        assert wizard.draft.periodic  # type: ignore[attr-defined]
        await typed(pilot, wizard, "retry_limit", "9")  # type: ignore[arg-type]
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)  # type: ignore[attr-defined]
        assert "--cron" not in screen_text(app).split("As a definition")[0]
        await pilot.press("enter")
        await until(pilot, lambda: home.store.exports.get("nightly").settings.retry_limit == 9)
        assert home.store.exports.get("nightly").schedule == schedule
