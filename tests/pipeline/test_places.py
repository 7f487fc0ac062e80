"""Fixed places: the next free name, an earlier run's output that gives way, the link to the latest run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.errors import BrokenObject, OutputError, TargetExists
from core.model.file_settings import Directories, Empty, FileSettings, IfExists
from core.model.format_settings import Compression
from core.model.vocabulary import Content, Format, OnError
from core.pipeline import manifest as manifests
from core.pipeline.disk import Disk
from core.pipeline.earlier import Run
from core.pipeline.place import discard_partial, inspect_target
from core.pipeline.verify import verify
from tests.pipeline.conftest import Bench, bench
from tests.pipeline.memory import CREATED, MemoryJournal
from tests.pipeline.scripted import table, view
from tests.pipeline.test_crash import Countdown, Died, Unsynced

__all__ = ["bench"]

Make = Callable[..., Bench]
REPLACE = FileSettings(if_exists=IfExists.REPLACE)
NEW = FileSettings(if_exists=IfExists.NEW)


class TwoSteps(Unsynced):
    """A file system on which two directories can't change their names in one step."""

    def exchange(self, first: str, second: str) -> bool:
        return False


def run(b: Bench, *, number: int, minutes: int = 0, **task: Any) -> Bench:
    """The same bench with another task, made so many minutes later."""
    created = CREATED + timedelta(minutes=minutes)
    made = replace(b.journal._task, id=number, created=created, **task)
    return Bench(b.database, Path(made.output), b.settings, MemoryJournal(made))


def two_runs(bench: Make, where: Path, **settings: Any) -> tuple[Bench, Bench, dict[str, bytes]]:
    """An earlier run that has published, and a later one to the same place, of other rows; what it is to
    give."""
    settings = {"files": REPLACE, **settings}
    first = bench(table("a", 3), table("gone", 2), output=where / "export", **settings)
    first.good(Unsynced)
    second = run(
        bench(table("a", 7), view("v", "a"), output=where / "export", **settings), number=8, minutes=1
    )
    alone = bench(table("a", 7), view("v", "a"), output=where / "alone" / "export", **settings)
    alone.good(Unsynced)
    return first, second, alone.files()


# Replace


@pytest.mark.parametrize("kind", [Disk, TwoSteps])
def test_an_earlier_run_gives_way(bench: Make, tmp_path: Path, kind: Callable[[Path], Disk]) -> None:
    _first, second, expected = two_runs(bench, tmp_path)
    manifest = second.good(kind)
    assert manifest.task == 8
    assert second.files() == expected
    assert second.beside == ["alone"]
    assert verify(second.output).ok


def test_the_directory_is_never_gone_where_the_file_system_can_exchange_names(
    bench: Make, tmp_path: Path
) -> None:
    first, second, _ = two_runs(bench, tmp_path)
    seen = []

    class Looking(Unsynced):
        def exchange(self, one: str, other: str) -> bool:
            seen.append(first.manifest().task)
            done = super().exchange(one, other)
            seen.append(first.manifest().task)
            return done

        def rename_directory(self, source: str, target: str) -> None:
            super().rename_directory(source, target)
            seen.append(first.manifest().task)

    second.good(Looking)
    assert seen == [7, 8, 8]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("base", [Unsynced, TwoSteps])
def test_death_at_every_effect_while_one_gives_way(
    bench: Make, tmp_path: Path, base: type[Unsynced], after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pipeline.test_crash.Unsynced", base)
    for calls in range(1, 300):
        where = tmp_path / str(calls)
        _first, second, expected = two_runs(bench, where)
        death = Countdown(calls, after=after)
        try:
            second.run(death.disk)
        except Died:
            assert second.journal.outcome is None
            whole = second.output.exists()
            assert whole or base is TwoSteps
            if whole:
                assert verify(second.output).ok, "what is there is one whole run"
            # If nobody comes to try again, what was there is there again, or the new run is.
            if calls % 2:
                discard_partial(second.journal._task)
                assert verify(second.output).ok
                assert second.beside == ["alone"]
            second.good(base)
        assert second.files() == expected
        assert second.beside == ["alone"]
        if not death.fired:
            assert calls > 10
            return
    pytest.fail("never came to its end")


def test_a_failed_run_leaves_the_earlier_one_where_it_was(bench: Make, tmp_path: Path) -> None:
    first, second, _ = two_runs(bench, tmp_path)
    before = first.files()

    class Full(TwoSteps):
        def rename_directory(self, source: str, target: str) -> None:
            if target == "export" and not source.endswith(".old"):
                raise OutputError("The disk fails.")
            super().rename_directory(source, target)

    journal = second.run(Full)
    assert journal.error is not None
    assert first.files() == before
    assert [name for name in second.beside if name.endswith(".old")] == []


def test_a_published_part_of_the_later_run_is_completed(bench: Make, tmp_path: Path) -> None:
    """Of the same sizes as the earlier run's: nothing of that is taken for the later one's."""
    settings: dict[str, Any] = {"files": REPLACE, "on_error": OnError.CONTINUE}
    first = bench(table("a", 3), table("b", 4), output=tmp_path / "export", **settings)
    first.good(Unsynced)
    second = run(
        bench(table("a", 3), table("b", 4), output=tmp_path / "export", **settings), number=8, minutes=1
    )
    for thing in second.database.things.values():
        thing.rows = [(key, (note or b"").upper()) for key, note in thing.rows]

    def hook(step: str, about: str) -> None:
        if step == "chunk" and about == "TABLE:b":
            second.database.hook = lambda _step, _about: None
            raise BrokenObject("It is broken.")

    second.database.hook = hook
    second.run(Unsynced)
    assert second.journal.outcome is not None
    assert second.manifest().complete is False
    assert second.manifest().task == 8
    second.good(Unsynced)
    assert verify(second.output).ok
    assert second.files()["TABLE/a.csv"] != first.files().get("TABLE/x")
    assert b"row" not in second.files()["TABLE/a.csv"].split(b"\n", 1)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda where: (where / "extra.txt").write_text("mine"), "extra.txt"),
        (lambda where: (where / "TABLE" / "a.csv").write_text("mine"), "TABLE/a.csv"),
        (lambda where: (where / "manifest.json").write_text("{}"), "no manifest"),
        (lambda where: (where / "manifest.json").unlink(), "no manifest"),
    ],
)
def test_what_is_foreign_stays(
    bench: Make, tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    first, second, _ = two_runs(bench, tmp_path)
    change(first.output)
    before = first.files()
    assert second.failed() == "target-exists"
    assert words in second.journal.error.message  # type: ignore[union-attr]
    assert first.files() == before


def test_what_was_taken_away_meanwhile_is_no_harm(bench: Make, tmp_path: Path) -> None:
    first, second, expected = two_runs(bench, tmp_path)
    (first.output / "TABLE" / "a.csv").unlink()
    second.good(Unsynced)
    assert second.files() == expected


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"export": "weekly"}, "dump 'nightly'"),
        ({"name": "other"}, "dump 'nightly'"),
    ],
)
def test_others_output_stays(bench: Make, tmp_path: Path, task: dict[str, str], words: str) -> None:
    first, second, _ = two_runs(bench, tmp_path)
    other = run(second, number=9, minutes=2, **task)
    assert other.failed() == "target-exists"
    assert words in other.journal.error.message  # type: ignore[union-attr]
    assert first.manifest().task == 7


def test_a_later_runs_output_isnt_replaced_by_an_earlier_one(bench: Make, tmp_path: Path) -> None:
    _first, second, _ = two_runs(bench, tmp_path)
    second.good(Unsynced)
    late = run(second, number=3, minutes=-5)
    assert late.failed() == "target-exists"
    assert "later run" in late.journal.error.message  # type: ignore[union-attr]
    assert second.manifest().task == 8


def test_where_a_directory_cant_be_renamed_nothing_is_replaced(
    bench: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _first, second, _ = two_runs(bench, tmp_path)
    monkeypatch.setattr("core.pipeline.place.builds_inside", lambda target: target.is_dir())
    with pytest.raises(TargetExists, match="one step"):
        inspect_target(second.output, IfExists.REPLACE, Run.of(second.journal._task))
    again = run(second, number=8, minutes=1)
    assert again.failed() == "target-exists"


def test_without_being_asked_nothing_gives_way(bench: Make, tmp_path: Path) -> None:
    two_runs(bench, tmp_path)
    careful = run(bench(table("a", 7), output=tmp_path / "export"), number=9, minutes=2)
    assert careful.failed() == "target-exists"


# The next free name


def test_the_next_free_name(bench: Make, tmp_path: Path) -> None:
    first = bench(table("a", 3), output=tmp_path / "export", files=NEW)
    first.good(Unsynced)
    assert first.journal._task.output == str(tmp_path / "export")
    second = run(first, number=8)
    second.run(Unsynced)
    assert second.journal.outcome == (None, True)
    assert second.journal._task.output == str(tmp_path / "export-2")
    third = run(first, number=9)
    third.journal.others = {str(tmp_path / "export-3")}  # where another task is at work
    third.run(Unsynced)
    assert third.journal._task.output == str(tmp_path / "export-4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "export-2", "export-4"]


def test_a_task_keeps_the_name_that_it_has(bench: Make, tmp_path: Path) -> None:
    first = bench(table("a", 3), output=tmp_path / "export", files=NEW)
    first.good(Unsynced)
    for calls in range(1, 200):
        b = run(first, number=8)
        death = Countdown(calls)
        try:
            b.run(death.disk)
        except Died:
            b.run(Unsynced)
        assert b.journal.outcome == (None, True)
        assert b.journal._task.output == str(tmp_path / "export-2")
        Disk(tmp_path).remove_tree("export-2")
        if not death.fired:
            return
    pytest.fail("never came to its end")


# The link


def stamped(b: Bench, stamp: str, number: int) -> Bench:
    return run(b, number=number, output=str(b.output.parent / f"{stamp}-{number}"), latest=True)


def test_the_link_leads_to_the_latest_whole_run(bench: Make, tmp_path: Path) -> None:
    b = bench(table("a", 3), output=tmp_path / "runs" / "x")
    link = tmp_path / "runs" / "latest"
    stamped(b, "20261122T040000Z", 9).good(Unsynced)
    assert str(link.readlink()) == "20261122T040000Z-9"
    stamped(b, "20261122T040000Z", 10).good(Unsynced)
    assert str(link.readlink()) == "20261122T040000Z-10"
    stamped(b, "20261121T040000Z", 11).good(Unsynced)
    assert str(link.readlink()) == "20261122T040000Z-10", "an older run doesn't take it back"
    assert verify(link).ok
    Disk(link.parent).remove_tree("20261122T040000Z-10")
    stamped(b, "20261121T050000Z", 12).good(Unsynced)
    assert str(link.readlink()) == "20261121T050000Z-12", "what it led to is gone"


def test_a_run_that_isnt_complete_isnt_the_latest(bench: Make, tmp_path: Path) -> None:
    b = bench(table("a", 3), table("b", 3), output=tmp_path / "runs" / "x", on_error=OnError.CONTINUE)

    def hook(step: str, about: str) -> None:
        if step == "chunk" and about == "TABLE:b":
            raise BrokenObject("It is broken.")

    b.database.hook = hook
    part = stamped(b, "20261122T040000Z", 9)
    part.run(Unsynced)
    assert not (tmp_path / "runs" / "latest").exists()
    b.database.hook = lambda _step, _about: None
    part.run(Unsynced)
    assert (tmp_path / "runs" / "latest").exists()


def test_what_is_no_link_stays(bench: Make, tmp_path: Path) -> None:
    b = stamped(bench(table("a", 3), output=tmp_path / "runs" / "x"), "20261122T040000Z", 9)
    (tmp_path / "runs" / "latest").mkdir()
    assert b.failed() == "target-exists"
    assert b.journal.outcome is not None
    assert b.journal.outcome[1], "its files are published"
    (tmp_path / "runs" / "latest").rmdir()
    b.good(Unsynced)
    assert (tmp_path / "runs" / "latest").is_symlink()


def test_death_at_every_effect_leaves_a_link_that_leads_somewhere(bench: Make, tmp_path: Path) -> None:
    for calls in range(1, 200):
        b = bench(table("a", 1), output=tmp_path / str(calls) / "x")
        stamped(b, "20261121T040000Z", 8).good(Unsynced)
        late = stamped(b, "20261122T040000Z", 9)
        link = b.output.parent / "latest"
        death = Countdown(calls)
        try:
            late.run(death.disk)
        except Died:
            assert verify(link).ok
            late.good(Unsynced)
        assert str(link.readlink()) == "20261122T040000Z-9"
        assert sorted(p.name for p in link.parent.iterdir() if p.name.startswith(".")) == []
        if not death.fired:
            return
    pytest.fail("never came to its end")


# What the files settings make of it


@pytest.mark.parametrize("directories", list(Directories))
def test_directories_are_published_whole(bench: Make, tmp_path: Path, directories: Directories) -> None:
    b = bench(table("a", 7), table("b", 0), files=FileSettings(directories=directories, prefix="x_"))
    b.good(Unsynced)
    where = {Directories.FLAT: "", Directories.TYPES: "TABLE/", Directories.OBJECTS: "TABLE/a/"}[directories]
    assert f"{where}x_a.csv" in b.files()
    assert f"{where}x_a-schema.sql" in b.files()
    assert verify(b.output).ok


def test_files_go_file_by_file_into_directories_of_any_depth(
    bench: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.place.builds_inside", lambda target: target.is_dir())
    b = bench(table("a", 7), table("b", 2), files=FileSettings(directories=Directories.OBJECTS))
    b.output.mkdir()
    b.good(Unsynced)
    assert {"TABLE/a/a.csv", "TABLE/b/b-schema.sql"} <= set(b.files())
    assert verify(b.output).ok


@pytest.mark.parametrize("form", [Format.CSV, Format.SQL, Format.PARQUET])
def test_a_table_without_rows_leaves_no_file_where_none_is_wanted(bench: Make, form: Format) -> None:
    b = bench(table("a", 2), table("b", 0), format=form, files=FileSettings(empty=Empty.NONE))
    manifest = b.good(Unsynced)
    assert f"TABLE/b.{form}" not in b.files()
    assert f"TABLE/a.{form}" in b.files()
    assert "TABLE/b-schema.sql" in b.files()
    (empty,) = [item for item in manifest.objects if item.name == "b"]
    assert empty.rows == 0
    assert verify(b.output).ok


def test_a_directory_without_a_file_isnt_left(bench: Make) -> None:
    files = FileSettings(empty=Empty.NONE, directories=Directories.OBJECTS)
    b = bench(table("a", 2), table("b", 0), content=Content.DATA, files=files)
    b.good(Unsynced)
    assert not (b.output / "TABLE" / "b").exists()


def test_the_load_script_says_how_files_are_decompressed_where_they_are(bench: Make) -> None:
    for directories, where in ((Directories.FLAT, "*.gz"), (Directories.OBJECTS, "*/*/*.gz")):
        b = bench(
            table("a", 2),
            format=Format.SQL,
            compression=Compression.GZIP,
            files=FileSettings(directories=directories),
        )
        b.good(Unsynced)
        script = (b.output / "load.sql").read_text()
        assert f"gunzip {where}\n" in script
        Disk(b.output.parent).remove_tree(b.output.name)


def test_manifests_tell_when_their_task_was_made(bench: Make) -> None:
    b = bench(table("a", 2))
    b.good(Unsynced)
    assert manifests.load(Disk(b.output), "").created == CREATED
