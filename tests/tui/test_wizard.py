"""A new export step by step, by key alone: from empty to started, every rule, editing, going back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.model.connection import Connection
from core.model.format_settings import Compression, ParquetCodec, ParquetSettings, SqlRows
from core.model.secret import FileSecret
from core.model.settings import CsvSettings, Export, ExportSettings, SchemaSettings, SysAccount
from core.model.vocabulary import Content, Encoding, Format, Lock, Mode, ObjectRef, ObjectType, TaskStatus
from tests.tui.harness import NOW, Clock, Home, application, running, screen_text, type_at_once, until
from tests.tui.shop import NAME, make_shop
from tui.app import OfframpApp
from tui.runs import run, text_of
from tui.screens.wizard import Wizard, hints
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Step
from tui.screens.wizard.fields import BY_ID, FIELDS
from tui.screens.wizard.filling import draft_of
from tui.screens.wizard.rules import Known, problems
from tui.widgets.dialog import Choose

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
ORDERS = ObjectRef(ObjectType.TABLE, "orders")


async def opened(pilot: Pilot[Any]) -> Wizard:
    await until(pilot, lambda: isinstance(pilot.app.screen, Wizard) and pilot.app.screen.is_ready)
    assert isinstance(pilot.app.screen, Wizard)
    return pilot.app.screen


async def new(pilot: Pilot[Any], settings: ExportSettings | None = None, **more: Any) -> Wizard:
    pilot.app.push_screen(Wizard(settings, **more))
    return await opened(pilot)


async def at(pilot: Pilot[Any], wizard: Wizard, step: Step) -> None:
    await until(pilot, lambda: wizard.step is step and pilot.app.screen is wizard)


async def typed(pilot: Pilot[Any], wizard: Wizard, field: str, text: str) -> None:
    """Put the cursor into a field of the current step, and type into it, from empty."""
    entry = wizard.query_one(f"#{field}", Input)
    entry.focus()
    await until(pilot, lambda: entry.has_focus)
    await pilot.press("home", "ctrl+k")
    await type_at_once(pilot, text)
    await until(pilot, lambda: entry.value == text)


async def test_from_empty_to_started_by_keys(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    target = tmp_path / "out"
    app = application(home)
    async with running(app) as pilot:
        await pilot.press("n")
        wizard = await opened(pilot)
        assert wizard.draft.connection == NAME
        await pilot.press("down", "right", "enter")
        await at(pilot, wizard, Step.DATABASE)
        assert wizard.draft.content is Content.DATA
        await pilot.press("enter")
        await at(pilot, wizard, Step.OBJECTS)
        assert "At least one object." in screen_text(app)
        await pilot.press("slash", *"orders", "enter", "space", "enter")
        await at(pilot, wizard, Step.DATA)
        assert wizard.draft.chosen == {ORDERS}
        await pilot.press("down", "down", "right", "enter")
        await at(pilot, wizard, Step.SCHEMA)
        await pilot.press("enter")
        await at(pilot, wizard, Step.FILES)
        await pilot.press("enter")
        await at(pilot, wizard, Step.DESTINATION)
        await typed(pilot, wizard, "name", "my orders")
        await typed(pilot, wizard, "directory", str(target))
        await pilot.press("enter")
        await at(pilot, wizard, Step.EXECUTION)
        await pilot.press("enter")
        await at(pilot, wizard, Step.SUMMARY)
        await until(pilot, lambda: wizard.is_checked)
        assert "1 object readable" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        (task,) = home.store.tasks.list()
        assert (task.name, task.output, task.status) == ("my orders", str(target), TaskStatus.QUEUED)
        assert task.settings.objects == ("TABLE:orders",)
        assert task.settings.content is Content.DATA
        await until(pilot, lambda: f"Task {task.id} is Queued" in screen_text(app))


async def test_timed_saved_export_runs_at_its_time(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    # The engine has its own clock: what is due by that one begins at once.
    now = datetime.now(UTC).replace(microsecond=0)
    app = application(home, clock=Clock(now))
    settings = ExportSettings(connection=NAME, all_objects=True)
    async with running(app) as pilot:
        wizard = await new(pilot, settings, step="keep")
        assert wizard.step is Step.DESTINATION
        await pilot.press("right")
        await typed(pilot, wizard, "name", "nightly")
        await typed(pilot, wizard, "directory", str(tmp_path / "runs"))
        await pilot.press("enter")
        await at(pilot, wizard, Step.EXECUTION)
        await pilot.press("left")
        await typed(pilot, wizard, "at", "+2h")
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        assert "offramp run --at" in " ".join(screen_text(app).split()) or wizard.draft.at == "+2h"
        await pilot.press("enter")
        await until(pilot, home.store.tasks.list)
        (task,) = home.store.tasks.list()
        assert task.status is TaskStatus.SCHEDULED
        assert task.not_before is not None
        assert (task.not_before - now).total_seconds() == 7200
        (export,) = home.store.exports.list()
        assert (export.name, export.directory) == ("nightly", str(tmp_path / "runs"))


async def test_edits_a_saved_export(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(
        connection=NAME, objects=("TABLE:orders", "cust*"), csv=CsvSettings(separator=";", null="NULL")
    )
    home.store.exports.add(Export(name="nightly", directory="/data/runs", settings=settings))
    app = application(home)
    async with running(app, (120, 40)) as pilot:
        wizard = await new(pilot, settings, name="nightly", edits="nightly", step="objects")
        assert wizard.draft.patterns == "'cust*'"
        assert wizard.draft.settings() == settings
        assert not wizard.wrong
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("4")
        await at(pilot, wizard, Step.DATA)
        await typed(pilot, wizard, "separator", "tab")
        await pilot.press("f5")
        await until(pilot, lambda: wizard.is_checked)
        assert "offramp export edit --to /data/runs --csv-separator tab nightly" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: home.store.exports.get("nightly").settings.csv.separator == "\t")
        assert home.store.exports.get("nightly").directory == "/data/runs"
        assert not home.store.tasks.list()
        await until(pilot, lambda: "Export nightly is changed" in screen_text(app))


async def test_back_loses_nothing(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot)
        await pilot.press("enter", "enter")
        await at(pilot, wizard, Step.OBJECTS)
        await pilot.press("asterisk", "enter")
        await at(pilot, wizard, Step.DATA)
        await typed(pilot, wizard, "separator", ";;")
        before = wizard.draft
        for _ in range(3):
            await pilot.press("escape")
        await at(pilot, wizard, Step.CONTENT)
        await pilot.press("down", "right")
        await until(pilot, lambda: wizard.draft.content is Content.DATA)
        assert {ref.type for ref in wizard.draft.selected} == {ObjectType.TABLE, ObjectType.VIEW}
        await pilot.press("left")
        await until(pilot, lambda: wizard.draft == before)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is wizard)
        await pilot.press("f5", "enter")
        await at(pilot, wizard, Step.DATA)
        assert wizard.form.current is not None
        assert wizard.form.current.id == "separator"
        assert "is not one character" in wizard.message
        assert not home.store.tasks.list()


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.SYS])
async def test_tab_stops_at_every_field_in_turn(home: Home, tmp_path: Path, step: Step) -> None:
    make_shop(home, tmp_path)
    first = next(field.id for field in FIELDS if field.step is step)
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, ExportSettings(connection=NAME, all_objects=True), step=first)
        shown = [row.field.id for row in wizard.form.rows if row.display]
        for name in shown:
            await until(pilot, lambda: wizard.form.current is not None and wizard.form.current.id == name)  # noqa: B023
            await pilot.press("tab")


async def test_counts_are_of_what_the_content_allows(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    chosen = ("TABLE:orders", "INDEX:orders_by_customer")
    async with running(app) as pilot:
        settings = ExportSettings(connection=NAME, objects=chosen)
        wizard = await new(pilot, settings, step="objects")
        await until(pilot, lambda: "2 of 5 objects" in screen_text(app))
        wizard._take(replace(wizard.draft, content=Content.DATA))
        await until(pilot, lambda: "1 of 4 objects" in screen_text(app))


@pytest.mark.parametrize(
    ("draft", "step", "words"),
    [
        (Draft(connection=NAME, content=Content.DATA), Step.SCHEMA, "Nothing to set here: data only"),
        (Draft(connection=NAME, directory="connection:x"), Step.FILES, "rows go into another database"),
    ],
)
async def test_a_step_without_fields_says_why(
    home: Home, tmp_path: Path, draft: Draft, step: Step, words: str
) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        await new(pilot, draft=draft, step=step.value)
        await until(pilot, lambda: words in screen_text(app))


def test_a_lock_is_offered_where_there_is_such_a_lock() -> None:
    shown = BY_ID["lock"].shown
    known = Known(now=NOW, opened=NOW)
    offered = {mode for mode in Mode if shown(Draft(), replace(known, mode=mode))}
    assert offered == {Mode.MYSQL, Mode.MARIADB}
    # One that was chosen elsewhere must be seen to be taken back.
    assert shown(Draft(lock=Lock.BRIEF), replace(known, mode=Mode.SQLITE))


def test_words_that_do_not_fit_the_line_at_the_bottom_say_so() -> None:
    made = hints.lines("word " * 60, "bad", 77)
    assert len(made) == 2
    assert text_of(made[1]).endswith("...")
    assert hints.lines("word", "bad", 77) == [run("word", "bad")]


async def test_unmarking_all_is_confirmed(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, step="objects")
        await pilot.press("f6", "3")
        await until(pilot, lambda: app.screen is wizard and wizard.subject() == "objects")
        await pilot.press("t", "asterisk")
        await until(pilot, lambda: len(wizard.draft.chosen) == 3)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is wizard)
        assert len(wizard.draft.chosen) == 3
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("y")
        await until(pilot, lambda: not wizard.draft.chosen)


async def test_settings_are_retained_for_the_next_export(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(
        connection=NAME, all_objects=True, encoding=Encoding.GBK, csv=CsvSettings(separator=";"),
        schema=SchemaSettings(drop=True),
    )  # fmt: skip
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot, settings, step="summary")
        await until(pilot, lambda: wizard.is_checked)
        await pilot.press("space", "enter")
        await until(pilot, home.store.tasks.list)
        await until(pilot, lambda: app.state.retained is not None)
    app = application(home)
    async with running(app) as pilot:
        wizard = await new(pilot)
        draft = wizard.draft
        assert (draft.encoding, draft.separator, draft.drop, draft.retain) == (Encoding.GBK, ";", True, True)
        assert not draft.chosen


async def test_a_copy_takes_no_kept_password_along(home: Home, tmp_path: Path) -> None:
    home.store.connections.add(
        Connection(name="ob", mode=Mode.OCEANBASE, host="127.0.0.1", port=1, user="u", connect_timeout=1)
    )
    settings = ExportSettings(
        connection="ob", all_objects=True, sys_account=SysAccount(account="root", secret=FileSecret(key="k"))
    )
    app = application(home)
    async with running(app) as pilot:
        app.push_screen(Wizard(settings, name="copied", step="sys"))
        await until(pilot, lambda: isinstance(app.screen, Wizard) and "Test connection" in screen_text(app))
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        assert wizard.draft.secret is None
        assert wizard.draft.name == "copied"
        await typed(pilot, wizard, "account", "root@sys")
        await until(pilot, lambda: "account" in wizard.wrong)
        await until(pilot, lambda: "bare account name" in screen_text(app))
        await typed(pilot, wizard, "account", "root")
        await typed(pilot, wizard, "password", "geheim")
        await pilot.press("tab", "space")
        await until(pilot, lambda: app.glyphs.bad in str(wizard.query_one("#sys-steps").lines))  # type: ignore[attr-defined]
        assert "geheim" not in screen_text(app)
        assert "geheim" not in repr(wizard.draft)


async def test_the_sys_account_is_oceanbases_only(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        await new(pilot)
        assert "sys account" not in screen_text(app)


async def test_the_form_for_postgresql_has_its_own_fields(home: Home) -> None:
    there = Connection(
        name="pg", mode=Mode.POSTGRESQL, host="127.0.0.1", port=1, user="u", database="d", connect_timeout=1
    )
    home.store.connections.add(there)
    settings = ExportSettings(connection="pg", all_objects=True, format=Format.SQL)
    app = application(home)
    async with running(app) as pilot:
        app.push_screen(Wizard(settings, step="sql_rows"))
        await until(pilot, lambda: isinstance(app.screen, Wizard) and "Rows as" in screen_text(app))
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        wizard.query_one("#sql_rows").focus()
        await pilot.press("right")
        await until(pilot, lambda: wizard.draft.sql_rows is SqlRows.COPY)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("5")
        await until(pilot, lambda: app.screen is wizard and "Privileges" in screen_text(app))
        wizard.query_one("#privileges").focus()
        await pilot.press("left")
        await until(pilot, lambda: wizard.draft.privileges)
        assert wizard.draft.settings().schema.privileges


async def test_a_server_that_is_away_is_said_and_names_can_be_typed(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path).unlink()
    app = application(home)
    async with running(app) as pilot:
        app.push_screen(Wizard())
        await until(pilot, lambda: "Connection 'shop'" in screen_text(app))
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, Wizard))
        wizard = app.screen
        assert isinstance(wizard, Wizard)
        await typed(pilot, wizard, "patterns", "orders")
        await until(pilot, lambda: not wizard.wrong)


KNOWN = Known(
    now=NOW, opened=NOW, base="/data/out", connections=(NAME,), databases=("main", "other"), database="main",
    taken=frozenset({"taken"}), refused={"/used": "Directory '/used' is not empty."}, oceanbase=True,
    mode=Mode.OCEANBASE,
)  # fmt: skip
GOOD = Draft(connection=NAME, chosen=frozenset({ORDERS}))
RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"connection": ""}, "connection", "needed"),
    ({"connection": "gone"}, "connection", "no connection 'gone'"),
    ({"database": "none"}, "database", "no database 'none'"),
    ({"chosen": frozenset()}, "objects", "At least one object."),
    (
        {"chosen": frozenset({ObjectRef(ObjectType.TRIGGER, "t")}), "content": Content.DATA},
        "objects",
        "At least one",
    ),
    ({"patterns": "'open"}, "patterns", "quote"),
    ({"patterns": "TABLE:"}, "patterns", "names no object"),
    ({"exclude": "TABLE:"}, "exclude", "names no object"),
    ({"separator": ";;"}, "separator", "not one character"),
    ({"separator": '"'}, "separator", "read as something else"),
    ({"separator": ""}, "separator", "not one character"),
    ({"null": "a,b"}, "null", "separator"),
    ({"format": Format.SQL, "batch": True, "batch_rows": "0"}, "batch_rows", "1 or more"),
    ({"format": Format.SQL, "batch": True, "batch_rows": "x"}, "batch_rows", "no number"),
    ({"compression": Compression.GZIP, "compression_level": "4"}, "compression_level", "Use 0 to 3."),
    ({"compression": Compression.ZSTD, "compression_level": "x"}, "compression_level", "no number"),
    ({"format": Format.PARQUET, "parquet_level": "23"}, "parquet_level", "Use 1 to 22."),
    ({"format": Format.PARQUET, "row_group_rows": "0"}, "row_group_rows", "Use 1 to 10000000 rows."),
    ({"format": Format.PARQUET, "row_group_rows": ""}, "row_group_rows", "needed"),
    ({"format": Format.SQL, "sql_rows": SqlRows.COPY}, "sql_rows", "Only PostgreSQL's client"),
    ({"privileges": True}, "privileges", "Only PostgreSQL's and Oracle's privileges"),
    ({"retry_limit": "-1"}, "retry_limit", "no number"),
    ({"retry_limit": ""}, "retry_limit", "needed"),
    ({"sys": True, "account": ""}, "account", "bare account name"),
    ({"sys": True, "account": "root@sys"}, "account", "bare account name"),
    ({"name": " "}, "name", "needed"),
    ({"directory": " "}, "directory", "needed"),
    ({"directory": "/used"}, "directory", "not empty"),
    ({"when": "at", "at": ""}, "at", "no time"),
    ({"when": "at", "at": "2020-01-01T00:00"}, "at", "in the past"),
    ({"keep": "export", "name": "a/b"}, "name", "can't name an export"),
    ({"keep": "export", "name": "taken"}, "name", "already"),
]


@pytest.mark.parametrize(("changes", "field", "words"), RULES)
def test_each_rule_is_said_at_its_field(changes: dict[str, Any], field: str, words: str) -> None:
    assert problems(GOOD, KNOWN) == {}
    found = problems(dataclasses.replace(GOOD, **changes), KNOWN)
    assert list(found) == [field]
    assert words in found[field]


def test_what_does_not_apply_is_kept_and_left_out() -> None:
    draft = dataclasses.replace(
        GOOD, merge=True, batch=True, batch_rows="x", separator=";;", format=Format.SQL
    )
    assert "separator" not in problems(draft, KNOWN)
    schema_only = dataclasses.replace(draft, content=Content.SCHEMA)
    assert problems(schema_only, KNOWN) == {}
    assert schema_only.settings().schema.merge
    data = dataclasses.replace(GOOD, merge=True, drop=True, content=Content.DATA)
    assert data.settings().schema == SchemaSettings()


def test_what_postgresql_alone_has_is_offered_there() -> None:
    there = dataclasses.replace(KNOWN, mode=Mode.POSTGRESQL)
    draft = dataclasses.replace(GOOD, format=Format.SQL)
    own = ("sql_rows", "privileges")
    assert [BY_ID[name].shown(draft, there) for name in own] == [True, True]
    assert [BY_ID[name].shown(draft, KNOWN) for name in own] == [False, False]
    for name, value in zip(own, ("copy", "yes"), strict=True):
        draft = BY_ID[name].put(draft, value)
    assert problems(draft, there) == {}
    # Chosen elsewhere, they stay to be seen, and taken back.
    assert [BY_ID[name].shown(draft, KNOWN) for name in own] == [True, True]
    settings = draft.settings()
    assert (settings.sql.rows, settings.schema.privileges) == (SqlRows.COPY, True)
    assert [BY_ID[name].get(draft_of(settings), there) for name in own] == ["copy", "yes"]
    data = dataclasses.replace(draft, content=Content.DATA)
    assert not BY_ID["privileges"].shown(data, there)
    assert not data.settings().schema.privileges


def test_a_wrong_level_is_not_said_where_it_does_not_apply() -> None:
    wrong = {"compression": Compression.GZIP, "compression_level": "77", "parquet_level": "99"}
    for more in (
        {"compression": Compression.NONE},
        {"format": Format.PARQUET, "parquet_codec": ParquetCodec.SNAPPY},
        {"format": Format.ARROW},
        {"content": Content.SCHEMA},
    ):
        draft = dataclasses.replace(GOOD, **(wrong | more))
        assert problems(draft, KNOWN) == {}
        assert draft.settings().compression_level is None


def test_every_value_of_the_form_comes_back_from_settings() -> None:
    for field in FIELDS:
        assert field.hint.endswith(".") or field.hint.endswith('".'), field.id
        if field.options is not None and field.id not in ("connection", "database", "preset", "when"):
            for option in field.options(GOOD, KNOWN):
                made = field.put(GOOD, option.value)
                assert field.get(made, KNOWN) == option.value, field.id


@pytest.mark.parametrize("step", ["content", "objects", "destination", "summary"])
def test_steps_narrow_in_ascii(
    home: Home, tmp_path: Path, snap_compare: Compare, monkeypatch: Any, step: str
) -> None:
    make_shop(home, tmp_path)
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")
    monkeypatch.setattr("core.pipeline.room.free_bytes", lambda path: 212_000_000_000)

    async def before(pilot: Pilot[Any]) -> None:
        settings = ExportSettings(connection=NAME, objects=("TABLE:orders", "VIEW:turnover"))
        wizard = await new(pilot, settings, name="orders", step=step)
        if step == "summary":
            await until(pilot, lambda: wizard.is_checked)

    app = application(home, ascii=True, theme="terminal")
    assert snap_compare(app, terminal_size=(60, 20), run_before=before)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", ["content", "objects", "data", "destination", "execution", "summary"])
def test_steps_as_seen(
    home: Home, tmp_path: Path, snap_compare: Compare, monkeypatch: Any, size: Any, step: str
) -> None:
    make_shop(home, tmp_path)
    monkeypatch.setattr("core.service.exports.Exports.directory", lambda self: "/data/out")
    monkeypatch.setattr("core.pipeline.room.free_bytes", lambda path: 212_000_000_000)

    async def before(pilot: Pilot[Any]) -> None:
        settings = ExportSettings(connection=NAME, objects=("TABLE:orders", "VIEW:turnover"))
        wizard = await new(pilot, settings, name="orders", step=step)
        if step == "summary":
            await until(pilot, lambda: wizard.is_checked)

    assert snap_compare(application(home), terminal_size=size, run_before=before)


@pytest.mark.parametrize("form", [Format.JSONL, Format.PARQUET])
def test_the_settings_of_a_format_as_seen(
    home: Home, tmp_path: Path, snap_compare: Compare, form: Format
) -> None:
    make_shop(home, tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        compression = Compression.GZIP if form is Format.JSONL else Compression.NONE
        settings = ExportSettings(connection=NAME, all_objects=True, format=form, compression=compression)
        await new(pilot, settings, step="data")

    assert snap_compare(application(home), terminal_size=(80, 24), run_before=before)


async def test_a_format_with_its_settings_by_keys(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    app = application(home)
    async with running(app) as pilot:
        settings = ExportSettings(connection=NAME, objects=("TABLE:orders",), content=Content.DATA)
        wizard = await new(pilot, settings, step="data")
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: wizard.draft.format is Format.PARQUET)
        await typed(pilot, wizard, "parquet_level", "40")
        await until(pilot, lambda: "Use 1 to 22." in screen_text(app))
        await typed(pilot, wizard, "row_group_rows", "5000")
        assert "Use 1 to 10000000 rows." not in screen_text(app)
        # Elsewhere and back: what was typed is still there, wrong as it is.
        wizard.query_one("#format").focus()
        await pilot.press("left")
        await until(pilot, lambda: wizard.draft.format is Format.JSONL)
        assert not wizard.wrong
        assert "Big numbers as" in screen_text(app)
        await pilot.press("right")
        await until(pilot, lambda: "parquet_level" in wizard.wrong)
        await typed(pilot, wizard, "parquet_level", "9")
        assert "Encoding" not in screen_text(app), "Parquet has none"
        wizard._go(Step.DESTINATION)
        await typed(pilot, wizard, "directory", str(tmp_path / "out"))
        wizard._go(Step.SUMMARY)
        await until(pilot, lambda: wizard.is_checked)
        shown = screen_text(app)
        assert "data only, Parquet zstd:9, row" in shown
        spelled = wizard._checker.result.spelled
        assert spelled is not None
        assert "--format parquet --parquet-codec zstd:9 --parquet-row-group-rows 5000" in spelled.command
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not wizard)
    (task,) = home.store.tasks.list()
    assert task.settings.format is Format.PARQUET
    assert task.settings.parquet == ParquetSettings(level=9, row_group_rows=5000)


def test_something_wrong_as_seen(home: Home, tmp_path: Path, snap_compare: Compare) -> None:
    make_shop(home, tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        wizard = await new(pilot, ExportSettings(connection=NAME, all_objects=True), step="separator")
        await typed(pilot, wizard, "separator", ";;")

    assert snap_compare(
        application(home, ascii=True, theme="terminal"), terminal_size=(80, 24), run_before=before
    )


async def test_the_application_copies_a_task_as_new(home: Home, tmp_path: Path) -> None:
    make_shop(home, tmp_path)
    settings = ExportSettings(connection=NAME, objects=("TABLE:orders",), database="main")
    number = home.task("orders", TaskStatus.COMPLETED, connection=NAME, settings=settings)
    app = application(home)
    assert isinstance(app, OfframpApp)
    async with running(app) as pilot:
        await pilot.press("c")
        wizard = await opened(pilot)
        assert wizard.draft.settings() == settings
        assert wizard.draft.title() == "orders"
        await pilot.press("f5", "enter")
        await until(pilot, lambda: len(home.store.tasks.list()) == 2)
        (copied,) = (task for task in home.store.tasks.list() if task.id != number)
        assert copied.settings == settings
        assert copied.output != "/data/out/orders"


def test_another_connection_is_not_shown_the_password_of_the_first() -> None:
    draft = dataclasses.replace(GOOD, sys=True, account="root", password="geheim", secret=FileSecret(key="k"))
    moved = next(field for field in FIELDS if field.id == "connection").put(draft, "other")
    assert (moved.sys, moved.password, moved.secret) == (False, "", None)
