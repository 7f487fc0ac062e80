"""What is checked before anything is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import (
    BrokenObject,
    ConnectionLost,
    NoPrivilege,
    NoSpace,
    OfframpError,
    PreflightFailed,
    SnapshotUnavailable,
    TargetExists,
)
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, Content, OnError
from core.pipeline import place
from core.pipeline.preflight import Preflight, preflight
from tests.pipeline.scripted import Database, ScriptedSession, table, view


def look(database: Database, output: Path, **settings: object) -> tuple[Preflight, ExportSettings]:
    chosen = ExportSettings(connection="shop", all_objects=True, **settings)  # type: ignore[arg-type]
    return preflight(ScriptedSession(database), chosen, output), chosen


def test_a_look_reads_nothing_and_writes_nothing(tmp_path: Path) -> None:
    database = Database(table("a", estimate=1000), table("b"), view("v", "a"))
    found, settings = look(database, tmp_path / "new" / "out")
    found.raise_for_problems(settings)
    assert [str(item.ref) for item in found.objects] == ["TABLE:a", "TABLE:b", "VIEW:v"]
    assert found.total_rows == 1000
    assert found.needed_bytes > 100_000
    assert found.free_bytes
    assert list(tmp_path.iterdir()) == []
    assert not database.asked("read")
    assert not database.asked("begin")


def fail(database: Database, step: str, subject: str, error: OfframpError) -> None:
    def hook(asked: str, about: str) -> None:
        if asked == step and about.startswith(subject):
            raise error

    database.hook = hook


@pytest.mark.parametrize("step", ["describe", "check_readable", "ddl"])
def test_problems_stand_at_their_objects(tmp_path: Path, step: str) -> None:
    database = Database(table("a"), table("b"))
    fail(database, step, "TABLE:b", NoPrivilege("No SELECT on TABLE:b.", "Grant it."))
    found, settings = look(database, tmp_path / "out")
    assert [item.problem is not None for item in found.objects] == [False, True]
    with pytest.raises(PreflightFailed, match=r"1 of 2 objects.*TABLE:b") as raised:
        found.raise_for_problems(settings)
    assert "Grant it." in raised.value.hint
    found, settings = look(database, tmp_path / "out", on_error=OnError.CONTINUE)
    found.raise_for_problems(settings)


def test_nothing_left_to_read_fails_even_when_others_may_go_on(tmp_path: Path) -> None:
    database = Database(table("a"))
    fail(database, "check_readable", "", NoPrivilege("No."))
    found, settings = look(database, tmp_path / "out", on_error=OnError.CONTINUE)
    with pytest.raises(PreflightFailed):
        found.raise_for_problems(settings)


def test_a_broken_view_still_has_a_schema(tmp_path: Path) -> None:
    database = Database(view("v"))
    fail(database, "describe", "VIEW:v", BrokenObject("Its table is gone."))
    found, settings = look(database, tmp_path / "out", content=Content.SCHEMA)
    found.raise_for_problems(settings)
    assert look(database, tmp_path / "out")[0].failing


def test_a_lost_connection_is_no_finding(tmp_path: Path) -> None:
    for step in ("describe", "check_readable", "ddl", "check_consistency"):
        database = Database(table("a"))
        fail(database, step, "", ConnectionLost("Cut."))
        with pytest.raises(ConnectionLost):
            look(database, tmp_path / "out")


def test_consistency_that_cant_be_had(tmp_path: Path) -> None:
    database = Database(table("a"))
    fail(database, "check_consistency", "", SnapshotUnavailable("No.", "Use object."))
    found, settings = look(database, tmp_path / "out")
    with pytest.raises(SnapshotUnavailable):
        found.raise_for_problems(settings)


def test_a_target_that_is_taken_is_found_with_everything_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    database = Database(table("a"))
    found, settings = look(database, tmp_path)
    with pytest.raises(TargetExists):
        found.raise_for_problems(settings)
    fail(database, "check_consistency", "", SnapshotUnavailable("Can't be had."))
    found, settings = look(database, tmp_path)
    with pytest.raises(PreflightFailed, match=r"Can't be had.*isn't empty"):
        found.raise_for_problems(settings)


@pytest.mark.parametrize(
    ("free", "kind"), [(10_000_000, "hazard"), (3_000_000, "problem"), (100_000_000, "none")]
)
def test_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: str) -> None:
    usage = type(shutil.disk_usage("/"))(100_000_000, 0, free)
    monkeypatch.setattr(place.shutil, "disk_usage", lambda _path: usage)
    found, settings = look(Database(table("a", estimate=100_000)), tmp_path / "out")
    assert bool(found.hazards) == (kind == "hazard")
    if kind == "problem":
        with pytest.raises(NoSpace):
            found.raise_for_problems(settings)
    else:
        found.raise_for_problems(settings)


def test_a_snapshot_that_may_not_live_long_enough_is_said(tmp_path: Path) -> None:
    database = Database(table("a", estimate=100_000_000), table("b", estimate=100_000_000))
    database.life = 1800
    assert "30 min" in look(database, tmp_path / "o", consistency=Consistency.TASK)[0].hazards[0]
    assert look(database, tmp_path / "o")[0].hazards == ()
    database.life = 900
    assert "TABLE:a" in look(database, tmp_path / "o")[0].hazards[0]
    assert look(database, tmp_path / "o", consistency=Consistency.PART)[0].hazards == ()


def test_rows_that_no_server_tells_are_no_zero(tmp_path: Path) -> None:
    assert not look(Database(table("a"), view("v", "a")), tmp_path / "out")[0].rows_known
    assert look(Database(table("a", estimate=0), table("b")), tmp_path / "out")[0].rows_known
