"""Getting to the final place: nothing foreign is touched, and every place that can be had is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import BrokenObject, NotWritable, TargetExists
from core.model.vocabulary import Format, OnError
from core.pipeline import place as places
from core.pipeline.disk import Disk
from core.pipeline.place import discard_partial, inspect_target
from tests.pipeline.conftest import Bench, tree
from tests.pipeline.scripted import table
from tests.pipeline.test_crash import Countdown, Died

Make = Callable[..., Bench]


@pytest.fixture
def as_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every existing target were a mount point: nothing can be renamed to it."""
    monkeypatch.setattr(places, "builds_inside", lambda target: target.is_dir())


def test_an_empty_directory_is_a_fine_target(bench: Make) -> None:
    b = bench(table("a"))
    b.output.mkdir()
    b.good()


def test_directories_above_the_target_are_made(bench: Make, tmp_path: Path) -> None:
    b = bench(table("a"))
    b.output.parent.rmdir()
    b.good()


def test_a_foreign_file_at_the_target_stays_and_nothing_is_read(bench: Make) -> None:
    b = bench(table("a"))
    b.output.mkdir()
    (b.output / "theirs").write_text("theirs")
    assert b.failed() == "target-exists"
    assert not b.database.calls
    assert tree(b.output) == {"theirs": b"theirs"}
    assert b.beside == []
    (b.output / "theirs").unlink()
    b.good()


def test_the_output_of_another_task_is_foreign(bench: Make) -> None:
    first = bench(table("a"))
    first.good()
    before = tree(first.output)
    second = bench(table("a"))
    from msgspec.structs import replace

    second.journal._task = replace(second.journal._task, id=8)
    assert second.failed() == "target-exists"
    assert tree(first.output) == before


@pytest.mark.parametrize("what", ["file", "link to a directory", "loose link"])
def test_a_file_or_link_at_the_target_is_not_followed(bench: Make, tmp_path: Path, what: str) -> None:
    b = bench(table("a"))
    behind = tmp_path / "behind"
    if what == "file":
        b.output.write_text("theirs")
    else:
        if what == "link to a directory":
            behind.mkdir()
        b.output.symlink_to(behind)
    assert b.failed() == "target-exists"
    assert b.output.is_symlink() or b.output.read_text() == "theirs"
    assert not behind.exists() or not list(behind.iterdir())
    with pytest.raises(TargetExists):
        inspect_target(b.output)


def test_what_comes_to_the_target_while_reading_is_not_overwritten(bench: Make) -> None:
    b = bench(table("a"))

    def intrude(step: str, _subject: str) -> None:
        if step == "close":
            b.output.mkdir()
            (b.output / "theirs").write_text("theirs")

    b.database.hook = intrude
    assert b.failed() == "target-exists"
    assert tree(b.output) == {"theirs": b"theirs"}
    b.database.hook = lambda _step, _subject: None
    (b.output / "theirs").unlink()
    b.output.rmdir()
    b.database.calls.clear()
    b.good()
    assert not b.database.calls, "what was read needn't be read again"


def test_a_link_planted_in_the_work_directory_is_not_followed(bench: Make, tmp_path: Path) -> None:
    b = bench(table("a"))
    outside = tmp_path / "outside"
    outside.mkdir()

    def plant(step: str, _subject: str) -> None:
        if step == "begin":
            (work,) = b.beside
            (b.output.parent / work / "TABLE" / "a.csv").symlink_to(outside / "stolen")

    b.database.hook = plant
    assert b.failed() == "target-exists"
    assert list(outside.iterdir()) == []


@pytest.mark.usefixtures("as_mount")
def test_a_mount_point_is_filled_from_within_the_manifest_last(bench: Make) -> None:
    b = bench(table("a"), table("b"), format=Format.SQL)
    b.output.mkdir()
    (b.output / "lost+found").mkdir()
    names: list[str] = []

    class Watch(Disk):
        def link(self, source: str, target: str) -> None:
            super().link(source, target)
            names.append(target)

    b.good(Watch)
    assert names[-1] == "manifest.json"
    assert sorted(b.files()) == [
        "TABLE/a-schema.sql", "TABLE/a.sql", "TABLE/b-schema.sql", "TABLE/b.sql", "load.sql",
    ]  # fmt: skip
    assert sorted(p.name for p in b.output.iterdir()) == ["TABLE", "load.sql", "lost+found", "manifest.json"]


@pytest.mark.usefixtures("as_mount")
@pytest.mark.parametrize("after", [False, True])
def test_death_while_a_mount_point_is_filled(bench: Make, tmp_path: Path, after: bool) -> None:
    for calls in range(1, 300):
        b = bench(table("a"), table("b"), format=Format.SQL, output=tmp_path / str(calls) / "export")
        b.output.mkdir()
        death = Countdown(calls, after=after)
        try:
            b.run(death.disk)
        except Died:
            b.good()
        manifest = b.manifest()
        assert {e.path for e in manifest.files} == set(b.files())
        if not death.fired:
            return
    pytest.fail("never came to its end")


@pytest.mark.usefixtures("as_mount")
def test_a_foreign_file_that_comes_to_a_mount_point_stays(bench: Make) -> None:
    b = bench(table("a"))
    b.output.mkdir()

    def intrude(step: str, _subject: str) -> None:
        if step == "close":
            (b.output / "TABLE").mkdir()
            (b.output / "TABLE" / "a.csv").write_text("theirs")

    b.database.hook = intrude
    assert b.failed() == "target-exists"
    assert (b.output / "TABLE" / "a.csv").read_text() == "theirs"
    assert not (b.output / "manifest.json").exists()


def test_a_retry_doesnt_overwrite_what_came_to_the_published_directory(bench: Make) -> None:
    b = bench(table("a"), table("b"), on_error=OnError.CONTINUE)

    def broken(step: str, subject: str) -> None:
        if step == "read" and subject.startswith("TABLE:b"):
            raise BrokenObject("Broken.")

    b.database.hook = broken
    b.run()
    (b.output / "TABLE" / "b.csv").write_text("theirs")
    b.database.hook = lambda _step, _subject: None
    assert b.failed() == "target-exists"
    assert (b.output / "TABLE" / "b.csv").read_text() == "theirs"
    assert not b.manifest().complete
    (b.output / "TABLE" / "b.csv").unlink()
    b.good()


def test_a_read_only_directory_says_so(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    b = bench(table("a"))

    class ReadOnly(Disk):
        def make_directory(self, path: str) -> None:
            raise NotWritable(f"{path} can't be written.", "Give the right.")

    b.run(ReadOnly)
    assert b.journal.error is not None
    assert b.journal.error.code == "not-writable"
    assert not b.database.calls
    monkeypatch.setattr(places.os, "access", lambda *_: False)
    with pytest.raises(NotWritable):
        inspect_target(b.output)
    b.output.mkdir()
    assert places.builds_inside.__name__ == "builds_inside"


def test_a_parent_that_may_not_be_written_is_left_alone(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    b = bench(table("a"))
    b.output.mkdir()
    real = os.access
    monkeypatch.setattr(places.os, "access", lambda path, mode: path != b.output.parent and real(path, mode))
    roots: list[Path] = []

    def disk(root: Path) -> Disk:
        roots.append(root)
        return Disk(root)

    b.good(disk)
    assert roots == [b.output]
    assert b.beside == []


def test_leftovers_of_a_failed_task_can_be_discarded(bench: Make) -> None:
    b = bench(table("a"), table("b"))

    def broken(step: str, subject: str) -> None:
        if step == "read" and subject.startswith("TABLE:b"):
            raise BrokenObject("Broken.")

    b.database.hook = broken
    b.run()
    assert len(b.beside) == 1
    (b.output.parent / ".partial-8-000000000000").mkdir()
    discard_partial(b.journal.task())
    assert b.beside == [".partial-8-000000000000"]
    discard_partial(b.journal.task())
