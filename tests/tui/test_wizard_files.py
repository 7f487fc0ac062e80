"""The form's step about files, with the names that come of it, and the place of a saved export's runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.model.file_settings import Directories, Empty, FileSettings, IfExists
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Content, Format
from tests.tui.harness import NOW, Home, application, running, screen_text, until
from tests.tui.shop import NAME, make_shop
from tests.tui.test_wizard import SIZES, Compare, at, new, typed
from tui.screens.wizard.draft import EXPORT, TASK, Draft
from tui.screens.wizard.field import Step
from tui.screens.wizard.filed import LATEST, Filed
from tui.screens.wizard.filling import draft_of
from tui.screens.wizard.rules import Known, problems

ALL = FileSettings(
    single=False, parts=3, max_records=1000, max_size=2 << 20, prefix="x_", name="{object}-{part:03}",
    directories=Directories.OBJECTS, empty=Empty.NONE, if_exists=IfExists.NEW,
)  # fmt: skip


@pytest.mark.parametrize("files", [FileSettings(), ALL, FileSettings(max_size=1001, prefix="p")])
def test_the_form_stands_for_the_settings_that_it_was_filled_with(files: FileSettings) -> None:
    settings = ExportSettings(connection="c", objects=("t",), files=files)
    assert draft_of(settings).settings() == settings
    assert Filed.of(files).settings(FileSettings(), data=True, used=True) == files


def test_what_doesnt_apply_is_left_out_and_kept() -> None:
    draft = draft_of(ExportSettings(connection="c", objects=("t",), content=Content.SCHEMA), keep=EXPORT)
    wrong = Filed(many=True, parts="many", max_size="x", name="", prefix="p_", if_exists=IfExists.NEW)
    made = Draft(**{n: getattr(draft, n) for n in ("connection", "content", "patterns", "keep")}, filed=wrong)
    assert made.settings().files == FileSettings(prefix="p_")


def test_elsewhere_there_is_no_link_and_nothing_is_replaced() -> None:
    known = Known(now=NOW, opened=NOW, base="/out")
    draft = Draft(connection="c", patterns="t", directory="s3://bucket/x")
    assert problems(draft, known) == {}
    for keep, filed in ((TASK, {"if_exists": IfExists.NEW}), (EXPORT, {"place": LATEST})):
        wrong = problems(replace(draft, keep=keep, filed=Filed(**filed)), known)
        assert "local file system" in wrong["directory"]
    assert problems(replace(draft, keep=EXPORT, filed=Filed(if_exists=IfExists.NEW)), known) == {}


async def test_names_follow_what_is_typed(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    settings = ExportSettings(connection=NAME, objects=("TABLE:orders", "VIEW:turnover"))
    async with running(app, (120, 40)) as pilot:
        wizard = await new(pilot, settings, name="orders", step="many")
        assert wizard.step is Step.FILES
        await until(pilot, lambda: "TABLE/orders.csv" in screen_text(app))
        await pilot.press("right")
        await until(pilot, lambda: "TABLE/orders-00001.csv ..." in screen_text(app))
        await typed(pilot, wizard, "prefix", "ob_")
        await until(pilot, lambda: "TABLE/ob_orders-schema.sql" in screen_text(app))
        await typed(pilot, wizard, "file_name", "{objekt}")
        await until(pilot, lambda: "{objekt} is no field" in " ".join(screen_text(app).split()))
        assert "Files will be called" not in screen_text(app)
        await typed(pilot, wizard, "file_name", "{object}.{part:02}")
        await until(pilot, lambda: "TABLE/ob_orders.01.csv ..." in screen_text(app))
        await typed(pilot, wizard, "max_size", "half")
        await until(pilot, lambda: "max_size" in wizard.wrong)
        await typed(pilot, wizard, "max_size", "500m")
        await typed(pilot, wizard, "parts", "2")
        await until(pilot, lambda: not wizard.wrong)
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        shown = " ".join(screen_text(app).split())
        assert "--many-files --parts 2 --max-size 500m --prefix=ob_" in shown
        assert "many, 2 at once, up to 500m, called ob_{object}.{part:02}" in shown
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        (task,) = home.store.tasks.list()
        assert task.settings.files == FileSettings(
            single=False, parts=2, max_size=500 << 20, prefix="ob_", name="{object}.{part:02}"
        )


async def test_the_place_of_a_saved_exports_runs(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(connection=NAME, objects=("TABLE:orders",))
    home.store.exports.add(Export(name="nightly", directory=str(tmp_path), settings=settings, latest=True))
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        wizard = await new(pilot, settings, name="nightly", edits="nightly", step="place")
        await until(pilot, lambda: wizard.draft.filed.latest)
        assert not wizard.query_one("#row-if_exists").display
        await pilot.press("right")
        await until(pilot, lambda: wizard.draft.filed.fixed and wizard.query_one("#row-if_exists").display)
        await pilot.press("down", "left")
        await until(pilot, lambda: wizard.draft.filed.if_exists is IfExists.REPLACE)
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        shown = " ".join(screen_text(app).split())
        assert "where each replaces the one before" in shown
        assert "--if-exists=replace --no-latest --fixed nightly" in shown
        await pilot.press("enter")
        await until(pilot, lambda: home.store.exports.get("nightly").fixed)
        kept = home.store.exports.get("nightly")
        assert (kept.latest, kept.settings.files.if_exists) == (False, IfExists.REPLACE)


async def test_a_used_directory_is_refused_unless_another_name_will_do(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").touch()
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        wizard = await new(pilot, ExportSettings(connection=NAME, all_objects=True), step="directory")
        await typed(pilot, wizard, "directory", str(tmp_path / "used"))
        await until(pilot, lambda: "directory" in wizard.wrong)
        await pilot.press("down", "right")
        await until(pilot, lambda: wizard.draft.filed.if_exists is IfExists.NEW)
        await until(pilot, lambda: not wizard.wrong)
        await pilot.press("right", "f5")
        await until(pilot, lambda: wizard.is_checked)
        assert "has no manifest" in " ".join(screen_text(app).split())


async def test_files_are_retained(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(
        connection=NAME, all_objects=True, format=Format.JSONL, files=FileSettings(prefix="p_")
    )
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, settings, step="summary")
        await until(pilot, lambda: wizard.is_checked)
        await pilot.press("space", "enter")
        await until(pilot, lambda: app.state.retained is not None)
        assert app.state.retained is not None
        assert app.state.retained.files == FileSettings(prefix="p_")
    again = application(home)
    async with running(again) as pilot:
        wizard = await new(pilot)
        assert wizard.draft.filed.prefix == "p_"


@pytest.mark.parametrize("size", SIZES)
def test_as_seen(home: Home, tmp_path: Path, snap_compare: Compare, size: Any) -> None:
    make_shop(home, tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        settings = ExportSettings(
            connection=NAME, objects=("TABLE:orders", "VIEW:turnover"), files=FileSettings(single=False)
        )
        wizard = await new(pilot, settings, name="orders", step="many")
        await at(pilot, wizard, Step.FILES)
        await until(pilot, lambda: "TABLE/orders-00001.csv" in screen_text(pilot.app))

    assert snap_compare(application(home), terminal_size=size, run_before=before)
