"""Connections and directories: what they show, and everything in them by keys alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from connectors.base import TestStep as Step
from core.errors import Unreachable
from core.model.connection import Connection
from core.model.oracle import OracleSettings
from core.model.secret import EnvironmentSecret, FileSecret
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Mode, TaskStatus
from core.service.connections import Connections
from core.service.saved import Room
from tests.tui.harness import Home, application, running, screen_text, until
from tui.app import OfframpApp
from tui.screens.connection_form import ConnectionForm
from tui.screens.connection_trial import Trial
from tui.screens.connections import ConnectionsScreen
from tui.screens.export import ExportScreen
from tui.widgets.dialog import Choose, Tell
from tui.widgets.form import MORE, Pick

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]

FINE = {
    "when": "2026-11-22T12:00:00Z",
    "ok": True,
    "steps": [
        {"name": "connect", "ok": True, "detail": "db.example:2883"},
        {"name": "log in", "ok": True, "detail": "as app"},
        {"name": "version", "ok": True, "detail": "OceanBase 4.3.5.1"},
        {"name": "rights", "ok": True, "detail": "sees 4 databases"},
        {"name": "snapshot", "ok": True, "detail": "Points in time can be had."},
    ],
}
REFUSED = {
    "when": "2026-11-22T13:57:00Z",
    "ok": False,
    "steps": [
        {"name": "connect", "ok": True, "detail": "shop.example:3306"},
        {
            "name": "log in",
            "ok": False,
            "detail": "The server refused user 'reader'. Give the password again, and look whether this host may log in.",
        },
    ],
}


@pytest.fixture
def saved(home: Home) -> Home:
    """Three connections: one fine and in use, one that fails, one never tested."""
    add = home.store.connections.add
    add(
        Connection(
            name="ob-prod", mode=Mode.OCEANBASE, host="db.example", port=2883, user="app@shop#main", database="shop",
            secret=EnvironmentSecret(variable="OB_PASSWORD"),
        )
    )  # fmt: skip
    add(Connection(name="mdb-shop", mode=Mode.MARIADB, host="shop.example", port=3306, user="reader"))
    add(Connection(name="sample", mode=Mode.SQLITE, path="/data/some/where/sample.sqlite3"))
    home.store.connections.record_test("ob-prod", FINE)
    home.store.connections.record_test("mdb-shop", REFUSED)
    settings = ExportSettings(connection="ob-prod", all_objects=True)
    for name in ("orders-nightly", "hr-archive"):
        home.store.exports.add(Export(name=name, directory="/srv/lake", settings=settings))
    home.task("orders-nightly", TaskStatus.QUEUED, connection="ob-prod")
    return home


async def to_connections(pilot: Pilot[Any]) -> ConnectionsScreen:
    app = pilot.app
    assert isinstance(app, OfframpApp)
    await until(pilot, lambda: app.page is not None and app.page.was_read)
    await pilot.press("3")
    await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen) and app.screen.was_read)
    assert isinstance(app.screen, ConnectionsScreen)
    return app.screen


async def form_of(pilot: Pilot[Any]) -> ConnectionForm:
    """The form, once keys go to its first field."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, ConnectionForm) and app.screen.focused is not None)
    assert isinstance(app.screen, ConnectionForm)
    return app.screen


@pytest.mark.parametrize("size", SIZES)
def test_list(saved: Home, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        page.table.select("ob-prod")

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_one_that_fails(saved: Home, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        page.table.select("mdb-shop")

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_empty(home: Home, snap_compare: Compare, size: Any) -> None:
    assert snap_compare(application(home), terminal_size=size, run_before=to_connections)


@pytest.mark.parametrize("size", SIZES)
def test_directories(saved: Home, snap_compare: Compare, size: Any, monkeypatch: Any) -> None:
    rooms = {"/data/out": Room(9_000_000_000, 90_000_000_000, exists=True)}
    gone = Room(0, 0, exists=False, problem="not a directory")
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")
    monkeypatch.setattr("core.service.saved.room_of", lambda path: rooms.get(str(path), gone))

    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: "/srv/lake" in names(page))
        page.table.select("/srv/lake")
        await until(pilot, lambda: "9.0 GB" in screen_text(page.offramp))

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_wrong_filter(saved: Home, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        await pilot.press("slash", *"status:failed")
        await until(pilot, lambda: "can't be filtered by status" in page.message)

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


def test_narrow_and_in_ascii(saved: Home, snap_compare: Compare) -> None:
    app = application(saved, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(60, 20), run_before=to_connections)


@pytest.mark.parametrize("size", SIZES)
def test_form_with_an_error(saved: Home, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        page.table.select("ob-prod")
        await pilot.press("e")
        form = await form_of(pilot)
        await pilot.press("tab", "tab", "tab", *"99")
        await until(pilot, lambda: "65535" in form.said)

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step | Exception | threading.Event]:
    """What a test of a connection yields, raises or waits for, instead of contacting anybody."""
    wanted: list[Step | Exception | threading.Event] = []

    def test(self: Connections, name: str) -> Iterator[Step]:
        for item in wanted:
            if isinstance(item, threading.Event):
                item.wait(30)
            elif isinstance(item, Exception):
                raise item
            else:
                yield item

    monkeypatch.setattr(Connections, "test", test)
    return wanted


@pytest.mark.parametrize("size", SIZES)
def test_trial_that_fails(saved: Home, steps: list[Any], snap_compare: Compare, size: Any) -> None:
    steps += [Step(s["name"], ok=s["ok"], detail=s["detail"]) for s in REFUSED["steps"]]  # type: ignore[attr-defined]

    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        page.table.select("mdb-shop")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, Trial) and pilot.app.screen.over)

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


async def test_a_trial_speaks_as_it_goes_and_can_be_left(saved: Home, steps: list[Any]) -> None:
    go_on = threading.Event()
    steps += [
        Step("connect", ok=True, detail="db.example:2883"),
        go_on,
        Step("log in", ok=True, detail="as app"),
    ]
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "db.example:2883" in screen_text(app) and "Trying" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        go_on.set()
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Trial) and app.screen.over)
        assert "log in" in screen_text(app)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Trial) and app.screen.over)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page)


async def test_a_trial_that_cannot_begin_says_why(saved: Home, steps: list[Any]) -> None:
    steps.append(Unreachable("Host 'db.example' is unknown.", "Look at its name."))
    app = application(saved)
    async with running(app) as pilot:
        await to_connections(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Look at its name." in screen_text(app))


async def test_a_real_trial_is_remembered(home: Home, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute("CREATE TABLE t (x)")
    home.store.connections.add(Connection(name="file", mode=Mode.SQLITE, path=str(tmp_path / "a.db")))
    app = application(home)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Trial) and app.screen.over, seconds=30)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page and "fine" in screen_text(app))
        assert "SQLite 3" in screen_text(app)


async def test_add_by_keys_alone(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("plus")
        form = await form_of(pilot)
        await pilot.press(*"my", "tab", "right", "tab", "tab", *"db.example", "down", *"3307", "down", *"app")
        await pilot.press("enter")  # the password is missing yet: that is said, and nothing saved
        await until(pilot, lambda: "password is needed" in form.said)
        assert not home.store.connections.list()
        await pilot.press(*"s3cret", "enter")
        await until(pilot, lambda: app.screen is page and page.table.total == 1)
        (made,) = home.store.connections.list()
        assert (made.name, made.mode, made.place, made.user) == ("my", Mode.MARIADB, "db.example:3307", "app")
        assert isinstance(made.secret, FileSecret)
        assert "s3cret" in home.locations.secrets.read_text()
        assert "s3cret" not in screen_text(app)


async def test_add_an_oracle_database_by_its_alias(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("plus")
        form = await form_of(pilot)
        await pilot.press(*"ora", "tab", "o", "o")
        # Where there is no room for all kinds, the chosen one is there.
        await until(pilot, lambda: ">Oracle" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "service's name is needed" in form.said or "host is needed" in form.said)
        await pilot.press(
            "shift+tab", "t", "tab", *"prod", "tab", *"/etc/tns", "tab", *"app", "tab", "n", "enter"
        )
        await until(pilot, lambda: app.screen is page and page.table.total == 1)
        (made,) = home.store.connections.list()
        assert (made.mode, made.place, made.user) == (Mode.ORACLE, "prod", "app")
        assert made.oracle == OracleSettings(tns="prod", config_dir="/etc/tns")
        await until(pilot, lambda: "Oracle" in screen_text(app) and "prod" in screen_text(app))


async def test_a_click_chooses_what_is_shown(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        await to_connections(pilot)
        await pilot.press("plus")
        await form_of(pilot)
        await pilot.press("tab", "o", "o")
        await until(pilot, lambda: ">Oracle" in screen_text(app))
        pick = app.screen.query_one("#field-mode", Pick)
        # The first of those that are shown, which isn't the first of all.
        shown = next(v for v, label in pick.choices if label in pick.render_line(0).text.split()[1])
        assert shown != pick.choices[0][0]
        await pilot.click(pick, offset=(len(MORE) + 1, 0))
        await until(pilot, lambda: pick.value == shown)
        # What stands for those that aren't shown leads to the nearest of them.
        values = [value for value, _ in pick.choices]
        before = values[pick._window.start - 1] if pick._window.start else values[pick._window.stop]
        end = len(pick.render_line(0).text.rstrip())
        await pilot.click(pick, offset=(1 if pick._window.start else end - 1, 0))
        await until(pilot, lambda: pick.value == before)


async def test_the_password_is_never_shown(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        await to_connections(pilot)
        await pilot.press("plus")
        await form_of(pilot)
        app.screen.query_one("#field-typed").focus()
        await pilot.press(*"s3cret")
        await until(pilot, lambda: "••••••" in screen_text(app) or "******" in screen_text(app))
        assert "s3cret" not in screen_text(app)


async def test_rules_are_told_as_one_types(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        await to_connections(pilot)
        await pilot.press("plus")
        form = await form_of(pilot)
        await pilot.press(*"sample")
        await until(pilot, lambda: "sample already" in form.said)
        await pilot.press("2")
        await until(pilot, lambda: "already" not in form.said)


async def test_a_file_that_is_not_there_is_refused_in_the_form(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        await to_connections(pilot)
        await pilot.press("plus")
        form = await form_of(pilot)
        await pilot.press("f", "tab", "s", "tab", *"/no/such.db", "enter")
        await until(pilot, lambda: "There is no file" in form.said)
        assert app.screen is form


async def test_edit_keeps_the_password_and_leaving_asks(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        page.table.select("ob-prod")
        await pilot.press("e")
        form = await form_of(pilot)
        await pilot.press("tab", "tab", "end", *"2", "escape")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is form)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page)
        made = saved.store.connections.get("ob-prod")
        assert made.host == "db.example2"
        assert made.secret == EnvironmentSecret(variable="OB_PASSWORD")
        await until(pilot, lambda: "never tested" in screen_text(app))
        await pilot.press("e")
        await form_of(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)


async def test_copy_wants_another_name(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        page.table.select("ob-prod")
        await pilot.press("c")
        await form_of(pilot)
        await pilot.press(*"ob-test", "enter")
        await until(pilot, lambda: page.table.total == 4)
        made = saved.store.connections.get("ob-test")
        await until(pilot, lambda: page.table.cursor_id == "ob-test")
        assert (made.host, made.secret) == ("db.example", EnvironmentSecret(variable="OB_PASSWORD"))


async def test_delete_says_what_depends_on_it(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        page.table.select("ob-prod")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Tell))
        text = " ".join(screen_text(app).split())
        assert "export hr-archive" in text
        assert "task 1" in text
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page)
        page.table.select("sample")
        for keys, left in ((("x", "enter"), 3), (("x", "y"), 2)):
            await pilot.press(keys[0])
            await until(pilot, lambda: isinstance(app.screen, Choose))
            await pilot.press(keys[1])
            await until(pilot, lambda left=left: app.screen is page and page.table.total == left)  # type: ignore[misc]


async def test_open_browses_its_objects(home: Home, tmp_path: Path) -> None:
    import sqlite3

    from tui.screens.objects import ObjectsScreen

    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute("CREATE TABLE parcels (x)")
    home.store.connections.add(Connection(name="file", mode=Mode.SQLITE, path=str(tmp_path / "a.db")))
    app = application(home)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectsScreen) and "parcels" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)


async def test_directories_with_their_exports(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: page.table.select("/srv/lake") and "free of" in screen_text(app))
        for key in "tex":
            await pilot.press(key)
            await until(pilot, lambda: "destinations with a name" in page.message)
            page.say("")
        await pilot.press("y")
        await until(pilot, lambda: "/srv/lake" in page.message)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        await pilot.press("tab")
        await until(pilot, lambda: "ob-prod" in screen_text(app))


async def test_read_only_changes_nothing(saved: Home) -> None:
    app = application(saved, read_only=True)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        for key in ("plus", "e", "x", "c", "t", "n", "D"):
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in page.message)
            page.say("")
        assert app.screen is page


# Filter and order


def names(page: ConnectionsScreen) -> list[object]:
    return [row.id for row in page.table.rows]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("shop", {"mdb-shop", "ob-prod"}),
        ("shop oceanbase", {"ob-prod"}),
        ("conn:shop", {"mdb-shop"}),
        ("nightly", {"ob-prod"}),
        ("sqlite3", {"sample"}),
    ],
)
async def test_filter_narrows_is_kept_and_is_cleared(saved: Home, text: str, left: set[str]) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("slash", *text, "enter")
        await until(pilot, lambda: set(names(page)) == left)
        assert f"Connections {len(left)} of 3" in screen_text(app)
        await pilot.press("tab")
        await until(pilot, lambda: "/srv/lake" in names(page))
    again = application(saved)
    async with running(again) as pilot:
        page = await to_connections(pilot)
        assert set(names(page)) == left
        await pilot.press("escape")
        await until(pilot, lambda: len(names(page)) == 3)


async def test_what_a_list_does_not_know_is_said(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        await pilot.press("slash", *"status:failed")
        await until(pilot, lambda: "can't be filtered by status" in page.message)


async def test_sort_and_filter_of_both_lists(saved: Home) -> None:
    app = application(saved)
    async with running(app) as pilot:
        page = await to_connections(pilot)
        for keys, order in (
            ("sc", ["sample", "ob-prod", "mdb-shop"]),
            ("st", ["mdb-shop", "ob-prod", "sample"]),
            ("su", ["ob-prod", "mdb-shop", "sample"]),
            ("sm", ["mdb-shop", "ob-prod", "sample"]),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda order=order: app.screen is page and names(page) == order)
        for key in "pvo":
            await pilot.press("s", key)
            await until(pilot, lambda: app.screen is page)
        await pilot.press("tab")
        usual = str(saved.locations.home / "exports")
        await until(pilot, lambda: names(page) == sorted([usual, "/srv/lake"]))
        await pilot.press("s", "d")
        await until(pilot, lambda: names(page) == sorted([usual, "/srv/lake"], reverse=True))
        await pilot.press("slash", *"nightly", "enter")
        await until(pilot, lambda: names(page) == ["/srv/lake"])
        await pilot.press("s", "e", "s", "f")
        await until(pilot, lambda: app.screen is page and page.bar.view.order == "free")
        await pilot.press("escape", "tab")
        await until(pilot, lambda: len(names(page)) == 3)


@pytest.mark.parametrize("size", SIZES)
def test_filtered(saved: Home, snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_connections(pilot)
        await pilot.press("slash", *"shop", "enter", "s", "u")
        await until(pilot, lambda: names(page) == ["ob-prod", "mdb-shop"])

    assert snap_compare(application(saved), terminal_size=size, run_before=before)


async def test_choices_are_never_cut_in_the_middle(home: Home) -> None:
    app = application(home)
    async with running(app, (80, 24)) as pilot:
        await to_connections(pilot)
        await pilot.press("plus")
        await form_of(pilot)
        pick = app.screen.query_one("#field-mode", Pick)
        seen = set()
        for _ in pick.choices:
            words = pick.render_line(0).text.replace(">", "").split()
            labels = [word for word in words if word != MORE.strip()]
            assert set(labels) <= {label for _, label in pick.choices}
            assert dict(pick.choices)[pick.value] in labels
            assert (MORE.strip() in words) == (len(labels) < len(pick.choices))
            seen |= set(labels)
            pick.action_turn(1)
        assert seen == {label for _, label in pick.choices}
