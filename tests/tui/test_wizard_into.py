"""The form for rows that go into another database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from core.model.file_settings import FileSettings
from core.model.format_settings import Unfit
from core.model.into import Existing, Into
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Format, TaskStatus
from tests.pipeline.memory import make_task
from tui.action_conditions import download
from tui.screens.task_information import basic, exported
from tui.screens.wizard.draft import EXPORT, HAND, Draft
from tui.screens.wizard.fields import BY_ID
from tui.screens.wizard.filling import draft_of
from tui.screens.wizard.rules import Known, export_of, problems
from tui.screens.wizard.summary import facts
from tui.screens.wizard.work import command, toml

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
KNOWN = Known(now=NOW, opened=NOW, base="/data/out", connections=("shop", "target"))
FILES = Draft(
    connection="shop", patterns="orders", format=Format.JSONL, drop=True, keep=EXPORT, when=HAND, name="e"
)
INTO = replace(FILES, directory="connection:target/staging", tables=Existing.REPLACE, on_unfit=Unfit.NULL)


def test_what_is_typed_becomes_settings() -> None:
    """What only files have is left out, and comes back with them."""
    made = INTO.settings()
    assert made.into == Into(connection="target", database="staging", existing=Existing.REPLACE)
    assert made.files == FileSettings()
    assert not made.schema.drop
    assert made.on_unfit is Unfit.NULL
    assert replace(INTO, directory=None).settings().schema.drop
    assert problems(INTO, KNOWN) == {}
    export = export_of(INTO, KNOWN, made)
    assert export.directory == "connection:target/staging"


def test_settings_come_back_to_the_form() -> None:
    settings = ExportSettings(
        connection="shop", all_objects=True, content=Content.DATA,
        into=Into(connection="target", existing=Existing.APPEND),
    )  # fmt: skip
    draft = draft_of(settings, directory="connection:target")
    assert draft.settings() == settings


def test_fields_of_files_give_way() -> None:
    assert BY_ID["tables"].shown(INTO, KNOWN)
    assert not BY_ID["tables"].shown(FILES, KNOWN)
    for name in ("format", "drop", "encoding"):
        assert not BY_ID[name].shown(INTO, KNOWN), name
        assert BY_ID[name].shown(FILES, KNOWN), name
    assert BY_ID["on_unfit"].shown(INTO, KNOWN)


def test_connections_are_offered_as_a_place() -> None:
    field = BY_ID["to"]
    assert field.options is not None
    assert [option.value for option in field.options(FILES, KNOWN)] == ["", "connection:target"]
    chosen = field.put(FILES, "connection:target")
    assert field.get(chosen, KNOWN) == "connection:target"
    assert chosen.settings().into == Into(connection="target")


def test_only_rows_are_added() -> None:
    tables = BY_ID["tables"].options
    assert tables is not None
    assert [option.value for option in tables(INTO, KNOWN)] == ["create", "replace"]
    data = replace(INTO, content=Content.DATA)
    assert [option.value for option in tables(data, KNOWN)] == ["create", "append", "replace"]


@pytest.mark.parametrize(
    ("place", "words"),
    [("connection:nowhere", "no connection 'nowhere'"), ("connection:target/", "names no database")],
)
def test_a_place_that_is_none(place: str, words: str) -> None:
    assert words in problems(replace(INTO, directory=place), KNOWN)["directory"]


def test_as_a_command_and_a_definition() -> None:
    line = command(INTO, KNOWN)
    assert "--to connection:target/staging" in line
    assert "--tables replace" in line
    assert "[export.e.into]" in toml(INTO, KNOWN)
    said = dict(facts(INTO, KNOWN))
    assert said["To"] == "connection:target/staging, tables that are there give way"
    assert said["Content"] == "schema and data, NULL for what doesn't fit"


def test_there_is_nothing_to_download() -> None:
    task = make_task(Path("connection:target"), replace(INTO, keep="task").settings())
    done = msgspec.structs.replace(task, status=TaskStatus.COMPLETED, published=True)
    assert download(done) == "Task 7 makes no files: its rows go into connection:target."
    said = dict(basic(done, "host", NOW))
    assert said["into"] == "connection:target"
    assert said["download"] == ""
    assert dict(exported(done.settings))["into"].startswith("connection:target/staging")
