"""Destinations on the screens: kept, tried, changed and forgotten by keys alone, and offered to exports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.model.connection import Connection
from core.model.destination import Destination
from core.model.secret import EnvironmentSecret, FileSecret
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Mode
from core.service import Service
from core.service.saved import Room
from tests.tui.harness import Home, application, running, screen_text, until
from tests.tui.test_connections_screen import Compare, to_connections
from tui.screens.connection_trial import Trial
from tui.screens.destination_form import DestinationForm
from tui.screens.wizard import choices, rules, work
from tui.screens.wizard.draft import EXPORT, FULL, TASK, Draft
from tui.screens.wizard.rules import Known, problems
from tui.widgets.dialog import Tell

SIZES = [(80, 24), (120, 40)]
TESTED = {
    "when": "2026-11-22T13:57:00Z",
    "ok": False,
    "steps": [
        {"name": "connect", "ok": True, "detail": "s3://lake/raw"},
        {"name": "list", "ok": True, "detail": "3 files and directories"},
        {"name": "write", "ok": False, "detail": "The server refuses s3://lake/raw/x: Access Denied."},
    ],
}


@pytest.fixture
def kept(home: Home, tmp_path: Path) -> Home:
    """Three destinations: one that failed its test and is in use, one over SFTP, a directory."""
    home.store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
    options = {"endpoint": "https://minio.example:9000", "key": "AKIA"}
    secret = EnvironmentSecret(variable="LAKE_SECRET")
    home.store.destinations.add(Destination(name="lake", url="s3://lake/raw", options=options, secret=secret))
    home.store.destinations.record_test("lake", TESTED)
    home.store.destinations.add(Destination(name="vault", url="sftp://feed@vault.example/in"))
    home.store.destinations.add(Destination(name="disk", url=str(tmp_path / "disk")))
    settings = ExportSettings(connection="shop", all_objects=True)
    home.store.exports.add(Export(name="nightly", directory="lake:shop", settings=settings))
    return home


async def to_destinations(pilot: Pilot[Any]) -> Any:
    page = await to_connections(pilot)
    await pilot.press("tab")
    await until(pilot, lambda: "Destinations" in screen_text(page.offramp) and page._second)
    return page


@pytest.mark.parametrize("size", SIZES)
def test_list(kept: Home, snap_compare: Compare, size: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")
    room = Room(9_000_000_000, 90_000_000_000, exists=True)
    monkeypatch.setattr("core.service.saved.room_of", lambda path: room)

    async def before(pilot: Pilot[Any]) -> None:
        page = await to_destinations(pilot)
        kept.store.destinations.replace(Destination(name="disk", url="/srv/disk"))
        await until(pilot, lambda: "/srv/disk" in screen_text(page.offramp))
        await until(pilot, lambda: page.table.select("lake:") and "Access" in screen_text(page.offramp))

    assert snap_compare(application(kept), terminal_size=size, run_before=before)


async def form_of(pilot: Pilot[Any]) -> DestinationForm:
    await until(pilot, lambda: isinstance(pilot.app.screen, DestinationForm))
    form = pilot.app.screen
    assert isinstance(form, DestinationForm)
    return form


async def test_add_by_keys_alone(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_destinations(pilot)
        await pilot.press("plus")
        form = await form_of(pilot)
        await pilot.press(*"lake", "tab", *"s3:/")
        await until(pilot, lambda: "Access key" not in screen_text(app))
        await pilot.press(*"/bucket/in", "tab")
        await until(pilot, lambda: "Access key" in screen_text(app) and "Identity" not in screen_text(app))
        await pilot.press("right", "tab")  # typed
        await pilot.press("enter")
        await until(pilot, lambda: "password is needed" in form.said)
        await pilot.press(*"geheim", "tab", *"AKIA", "tab", *"localhost:9000", "enter")
        await until(pilot, lambda: "is no server" in form.said)
        assert home.store.destinations.list() == []
        await pilot.press("home", *"http://", "enter")
        await until(pilot, lambda: app.screen is page and "lake" in screen_text(app))
        (made,) = home.store.destinations.list()
        assert (made.name, made.url) == ("lake", "s3://bucket/in")
        assert made.options == {"key": "AKIA", "endpoint": "http://localhost:9000"}
        assert isinstance(made.secret, FileSecret)
        assert "geheim" not in screen_text(app)


async def test_edit_keeps_the_password_and_copy_doesnt(kept: Home) -> None:
    app = application(kept)
    async with running(app) as pilot:
        page = await to_destinations(pilot)
        await until(pilot, lambda: page.table.select("lake:"))
        await pilot.press("e")
        await form_of(pilot)
        await pilot.press("end", *"/new", "enter")
        await until(pilot, lambda: app.screen is page)
        before = kept.store.destinations.get("lake")
        assert before.url == "s3://lake/raw/new"
        assert before.secret == EnvironmentSecret(variable="LAKE_SECRET")
        assert before.options["key"] == "AKIA"
        await until(pilot, lambda: page.table.select("lake:"))
        await pilot.press("c")
        await form_of(pilot)
        await pilot.press(*"copy", "enter")
        await until(pilot, lambda: app.screen is page)
        copied = kept.store.destinations.get("copy")
        assert (copied.url, copied.options, copied.secret) == (before.url, before.options, None)


async def test_try_one(kept: Home) -> None:
    app = application(kept)
    async with running(app) as pilot:
        page = await to_destinations(pilot)
        await until(pilot, lambda: page.table.select("disk:"))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Trial) and app.screen.over)
        assert "Test of destination disk" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page and "fine" in screen_text(app))
        assert kept.store.destinations.tests()["disk"]["ok"]


async def test_delete_one_that_is_in_use_and_one_that_isnt(kept: Home) -> None:
    app = application(kept)
    async with running(app) as pilot:
        page = await to_destinations(pilot)
        await until(pilot, lambda: page.table.select("lake:"))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Tell) and "export nightly" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page and page.table.select("vault:"))
        await pilot.press("x")
        await until(pilot, lambda: "Delete destination vault?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "vault is forgotten" in page.message)
        assert [found.name for found in kept.store.destinations.list()] == ["disk", "lake"]


def test_a_new_export_and_a_task_may_go_there(kept: Home) -> None:
    """What the form's choice of a destination makes of a draft, saved and queued in a real store."""
    now = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
    known = Known(
        now=now, opened=now, base="/data/out", connections=("shop",), destinations=("disk", "lake", "vault")
    )
    draft = choices.put_place(Draft(connection="shop", range=FULL, keep=TASK, name="all"), "lake")
    assert draft.target(known.base, now) == "lake:all-20261122T140200Z"
    assert choices.get_place(draft, known) == "lake"
    assert "directory" not in problems(draft, known)
    assert "--to lake:all-20261122T140200Z" in work.command(draft, known)
    saved = choices.put_keep(draft, EXPORT)
    assert saved.target(known.base, now) == "lake:"
    assert work.toml(saved, known).count('directory = "lake:"') == 1
    typed = replace(draft, directory="lake:")
    assert "needs a directory below" in problems(typed, known)["directory"]
    typed = replace(draft, directory="lak:x")
    assert "no destination 'lak'" in problems(typed, known)["directory"]
    typed = replace(draft, directory="ftp://me:pw@host/x")
    assert "password" in problems(typed, known)["directory"]
    with Service(kept.locations) as service:
        service.exports.create(rules.export_of(saved, known, saved.settings()))
        assert service.exports.get("all").directory == "lake:"
        task = service.tasks.dump(draft.settings(), draft.target(known.base, now), name="all")
        assert task.output == "lake:all-20261122T140200Z"
        run = service.exports.run("all")
        assert run.output.startswith("lake:all/")
