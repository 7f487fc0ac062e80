"""Saved exports: list, picture, one of them with its runs; everything in them by keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from textual.pilot import Pilot

from core.errors import ErrorInfo
from core.model.past_run import MarkMoved, PastRun
from core.model.settings import CsvSettings, Export, ExportSettings
from core.model.vocabulary import Content, TaskStatus
from core.store import tables
from core.store.rows import to_json
from tests.tui.harness import MINUTE, NOW, Home, application, running, screen_text, until
from tui.app import OfframpApp
from tui.screens.export import ExportScreen
from tui.screens.exports import ExportsScreen
from tui.screens.task import TaskScreen
from tui.widgets.dialog import Choose, Tell

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


@pytest.fixture
def saved(home: Home) -> dict[str, int]:
    """Four exports over two connections; the numbers of their newest runs."""
    for name in ("ob-prod", "mdb-shop", "unused"):
        home.connection(name)
    nightly = ExportSettings(
        connection="ob-prod", database="shop", objects=("TABLE:orders", "TABLE:order_items")
    )
    fresh = ExportSettings(connection="ob-prod", database="shop", objects=("orders",), content=Content.DATA)
    hr = ExportSettings(
        connection="ob-prod",
        database="hr",
        all_objects=True,
        csv=CsvSettings(header=False),
        exclude=("tmp*",),
    )
    stock = ExportSettings(connection="mdb-shop", objects=("stock", "VIEW:v_low"), content=Content.SCHEMA)
    for name, directory, settings in (
        ("orders-nightly", "/srv/lake/shop", nightly),
        ("orders-new", "/data/out", fresh),
        ("hr-archive", "/srv/vault/human-resources/archive", hr),
        ("stock", "/data/out", stock),
    ):
        home.store.exports.add(Export(name=name, directory=directory, settings=settings))
    made: dict[str, int] = {}
    for age in (38, 14):
        made["orders-nightly"] = home.task(
            "orders-nightly", TaskStatus.COMPLETED, settings=nightly, age=age * 60 * MINUTE, export="orders-nightly",
            started=NOW - age * 60 * MINUTE, ended=NOW - (age * 60 - 4) * MINUTE, processed_rows=41_207_331 + age,
            processed_bytes=6_100_000_000, objects_total=2, objects_done=2, published=True,
        )  # fmt: skip
    made["orders-new"] = home.task(
        "orders-new", TaskStatus.RUNNING, settings=fresh, age=MINUTE, export="orders-new", started=NOW - MINUTE,
        processed_rows=500_000, total_rows=1_000_000, processed_bytes=10**7, objects_total=1, slot=1,
        stage="reading TABLE:orders", stage_since=NOW,
    )  # fmt: skip
    made["hr-archive"] = home.task(
        "hr-archive", TaskStatus.FAILED, settings=hr, age=50 * 60 * MINUTE, export="hr-archive",
        started=NOW - 3000 * MINUTE, ended=NOW - 2990 * MINUTE, objects_total=3,
        error=ErrorInfo(
            code="snapshot-gone", message="TABLE:PAYROLL: its snapshot is no longer kept by the server.",
            hint="Raise undo_retention, or export fewer tables at once.",
        ),
    )  # fmt: skip
    return made


async def to_exports(pilot: Pilot[Any]) -> ExportsScreen:
    app = pilot.app
    assert isinstance(app, OfframpApp)
    await until(pilot, lambda: app.page is not None and app.page.was_read)
    await pilot.press("2")
    await until(pilot, lambda: isinstance(app.screen, ExportsScreen) and app.screen.was_read)
    assert isinstance(app.screen, ExportsScreen)
    return app.screen


async def open_export(pilot: Pilot[Any], name: str) -> ExportScreen:
    page = await to_exports(pilot)
    page.table.select(name)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen) and pilot.app.screen.was_read)
    assert isinstance(pilot.app.screen, ExportScreen)
    return pilot.app.screen


@pytest.mark.parametrize("size", SIZES)
def test_list(home: Home, saved: dict[str, int], snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await to_exports(pilot)
        await pilot.press("j")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_picture(home: Home, saved: dict[str, int], snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_exports(pilot)
        await pilot.press("v")
        await until(pilot, lambda: page.flow.lines)
        await pilot.press("j")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


def test_picture_narrow_and_in_ascii(home: Home, saved: dict[str, int], snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_exports(pilot)
        await pilot.press("v")
        await until(pilot, lambda: page.flow.lines)

    app = application(home, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(60, 20), run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_empty(home: Home, snap_compare: Compare, size: Any) -> None:
    assert snap_compare(application(home), terminal_size=size, run_before=to_exports)


@pytest.mark.parametrize("size", SIZES)
def test_one_with_an_error(home: Home, saved: dict[str, int], snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await open_export(pilot, "hr-archive")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_one_without_runs(home: Home, snap_compare: Compare, size: Any) -> None:
    home.connection("sample")
    settings = ExportSettings(connection="sample", all_objects=True)
    home.store.exports.add(Export(name="untried", directory="/srv/lake", settings=settings))

    async def before(pilot: Pilot[Any]) -> None:
        await open_export(pilot, "untried")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


def test_one_narrow(home: Home, saved: dict[str, int], snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await open_export(pilot, "orders-nightly")

    assert snap_compare(application(home), terminal_size=(60, 20), run_before=before)


async def test_run_queues_a_task_of_the_export(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("stock")
        await pilot.press("r")
        await until(pilot, lambda: "runs stock" in page.message)
        task = max(home.store.tasks.list(), key=lambda task: task.id)
        assert (task.export, task.status) == ("stock", TaskStatus.QUEUED)
        await until(pilot, lambda: "Queued" in screen_text(app))


async def test_delete_asks_with_the_safe_answer_first(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("stock")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is page)
        assert len(home.store.exports.list()) == 4
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: page.table.total == 3)
        assert "stock" not in {e.name for e in home.store.exports.list()}


async def test_deleting_an_opened_export_leads_back(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await open_export(pilot, "hr-archive")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, ExportsScreen))
        assert page not in app.screen_stack
        assert home.store.tasks.get(saved["hr-archive"]).status is TaskStatus.FAILED


async def test_the_picture_has_the_same_export_under_the_cursor(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("orders-new")
        await pilot.press("v")
        await until(pilot, lambda: page.flow.cursor == "orders-new")
        assert "shop.orders" in screen_text(app)
        assert "hr.*" in screen_text(app)
        await pilot.press("j")
        await until(
            pilot, lambda: page.subject() is not None and page.subject().export.name == "orders-nightly"
        )
        await pilot.press("r")
        await until(pilot, lambda: "runs orders-nightly" in page.message)
        await pilot.press("G")
        await until(pilot, lambda: page.flow.cursor == "orders-nightly")
        await pilot.press("g", "escape")
        await until(pilot, lambda: page.table.display and not page.flow.display)


async def test_history_shows_runs_and_opens_them(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await open_export(pilot, "orders-nightly")
        assert page.table.cursor_id == saved["orders-nightly"]
        assert page.table.total == 2
        assert "41,207,345" in screen_text(app)
        await pilot.press("j")
        await until(pilot, lambda: "41,207,369 rows" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        await pilot.press("l")
        await until(pilot, lambda: app.screen is not page)


async def test_an_error_is_there_in_full_with_what_to_do(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        await open_export(pilot, "hr-archive")
        text = " ".join(screen_text(app).split())
        assert "TABLE:PAYROLL: its snapshot is no longer kept by the server." in text
        assert "Raise undo_retention" in text


async def test_an_export_that_somebody_deletes_says_so(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await open_export(pilot, "stock")
        assert "never been run" in screen_text(app)
        home.store.exports.remove("stock")
        await until(pilot, lambda: "There is no export" in screen_text(app))
        await pilot.press("r")
        await until(pilot, lambda: "no saved export" in page.message)


async def test_edit_and_copy_open_the_wizard(
    home: Home, saved: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def noted(
        self: OfframpApp, settings: ExportSettings | None = None, *, name: str = "", edits: str | None = None
    ) -> None:
        assert settings is not None
        asked.append((name, edits))

    monkeypatch.setattr(OfframpApp, "new_export", noted)
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("stock")
        await pilot.press("e", "c")
        await until(pilot, lambda: len(asked) == 2)
    assert asked == [("stock", "stock"), ("stock", None)]


async def test_copies_the_path(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        page.table.select("stock")
        await pilot.press("y")
        await until(pilot, lambda: "/data/out/stock" in page.message)


async def test_read_only_changes_nothing(home: Home, saved: dict[str, int]) -> None:
    app = application(home, read_only=True)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        for key in "rxecnD":
            await pilot.press(key)
            await until(pilot, lambda: "read-only" in page.message)
            page.say("")
        assert app.screen is page


async def test_nothing_to_act_on_says_so(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        for key in ("r", "x", "e", "c", "enter", "y"):
            await pilot.press(key)
            await until(pilot, lambda: "no saved export" in page.message)
            page.say("")


async def test_the_sample_is_made_from_an_empty_store(home: Home) -> None:
    app = application(home)
    async with running(app) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.page)
        assert not home.store.connections.list()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: len(home.store.tasks.list()) == 3, seconds=60)
        assert not isinstance(app.screen, Tell)
        assert [c.name for c in home.store.connections.list()] == ["shop"]


# Filter and order


def names(page: ExportsScreen) -> list[object]:
    return [row.id for row in page.table.rows]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ord", {"orders-nightly", "orders-new"}),
        ("ORD lake", {"orders-nightly"}),
        ("conn:mdb", {"stock"}),
        ("status:failed,run", {"hr-archive", "orders-new"}),
        ("since:1d", {"orders-nightly", "orders-new"}),
    ],
)
async def test_filter_narrows_is_kept_and_is_cleared(
    home: Home, saved: dict[str, int], text: str, left: set[str]
) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        await pilot.press("slash", *text, "enter")
        await until(pilot, lambda: set(names(page)) == left)
        assert f"{len(left)} of 4 exports" in screen_text(app)
        await pilot.press("j", "v")
        await until(pilot, lambda: page.flow.has_focus and page.flow.lines)
        assert "unused" not in screen_text(app)
    again = application(home)
    async with running(again) as pilot:
        page = await to_exports(pilot)
        assert set(names(page)) == left
        await pilot.press("escape")
        await until(pilot, lambda: len(names(page)) == 4)


async def test_a_filter_that_leaves_nothing_says_so(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: "No export matches the filter." in screen_text(app))
        await pilot.press("r")
        await until(pilot, lambda: "no saved export here" in page.message)
        await pilot.press("slash", *(["backspace"] * 7), "escape")
        await until(pilot, lambda: len(names(page)) == 4 and page.table.has_focus)


async def test_sort_by_each_column_and_back(home: Home, saved: dict[str, int]) -> None:
    app = application(home)
    async with running(app) as pilot:
        page = await to_exports(pilot)
        assert names(page) == ["hr-archive", "orders-new", "orders-nightly", "stock"]
        for keys, order in (
            ("se", ["stock", "orders-nightly", "orders-new", "hr-archive"]),
            ("sc", ["stock", "hr-archive", "orders-new", "orders-nightly"]),
            ("st", ["orders-new", "orders-nightly", "hr-archive", "stock"]),
            ("ss", ["orders-new", "orders-nightly", "hr-archive", "stock"]),
            ("sr", ["orders-nightly", "orders-new", "hr-archive", "stock"]),
            ("sd", ["orders-new", "stock", "orders-nightly", "hr-archive"]),
            ("sd", ["hr-archive", "orders-nightly", "orders-new", "stock"]),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda order=order: app.screen is page and names(page) == order)
        for key in "fw":
            await pilot.press("s", key)
            await until(pilot, lambda: app.screen is page)
    again = application(home)
    async with running(again) as pilot:
        page = await to_exports(pilot)
        assert page.bar.view.order == "what"


@pytest.mark.parametrize("size", SIZES)
def test_filtered(home: Home, saved: dict[str, int], snap_compare: Compare, size: Any) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        page = await to_exports(pilot)
        await pilot.press("slash", *"conn:ob", "enter", "s", "t")
        await until(pilot, lambda: len(names(page)) == 3 and page.bar.view.order == "when")

    assert snap_compare(application(home), terminal_size=size, run_before=before)


async def test_runs_of_forgotten_tasks_stay_in_the_history(home: Home, saved: dict[str, int]) -> None:
    past = PastRun(
        task=9999, export="orders-nightly", status=TaskStatus.FAILED, output="/srv/lake/shop/old",
        created=NOW - 90 * 1440 * MINUTE, started=NOW - 90 * 1440 * MINUTE, ended=NOW - 90 * 1440 * MINUTE + MINUTE,
        rows=77, error=ErrorInfo(code="x", message="The disk was full."),
        marks=(MarkMoved(object="TABLE:orders", column="id", before="5", after="82"),),
    )  # fmt: skip
    values = {"task_id": 9999, "export": past.export, "ended": past.ended, "body": to_json(past)}
    with home.store.database.write() as db:
        db.execute(sa.insert(tables.history).values(**values))
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        await to_exports(pilot)
        await pilot.press(*"/nightly", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen) and app.screen.was_read)
        assert "3 runs" in screen_text(app)
        assert "its task is forgotten" in screen_text(app)
        await pilot.press("G")
        await until(pilot, lambda: "The disk was full." in screen_text(app))
        assert "orders.id from 5 to 82" in screen_text(app)
        # There is no task to open.
        await pilot.press("enter")
        assert isinstance(app.screen, ExportScreen)
