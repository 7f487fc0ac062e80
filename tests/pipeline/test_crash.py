"""The worker dies at every single effect on a file and at every word to the store; another attempt goes on.

Dying is a BaseException that nothing may catch to carry on with: what is on the disk and in the journal at
that moment is what the next attempt finds. It comes before the effect, or the word: what is there after one is
what is there before the next, of either kind, and after the last one the task has ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.errors import NoSpace
from core.model.file_settings import Directories, Empty, FileSettings
from core.model.format_settings import Compression
from core.model.settings import SchemaSettings
from core.model.vocabulary import Consistency, Content, Format, ObjectRef, ObjectType, OnError
from core.pipeline.disk import Disk, OpenFile
from core.pipeline.journal import Journal
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import table, view

EFFECTS = (
    "make_root", "make_directory", "sync_directory", "remove_tree", "remove_directory", "open", "truncate",
    "write", "sync", "close", "remove", "replace", "rename_directory", "link", "exchange", "symlink",
)  # fmt: skip


class Died(BaseException):
    pass


class Unsynced(Disk):
    """Death of a process loses nothing that was written: thousands of runs needn't wait for the disk.
    `opened` are the descriptors that are open: of the dead, nobody else closes them."""

    opened: ClassVar[set[int]] = set()

    def open(self, path: str) -> OpenFile:
        file = super().open(path)
        self.opened.add(file.descriptor)
        return file

    def close(self, file: OpenFile) -> None:
        self.opened.discard(file.descriptor)
        super().close(file)

    def sync(self, file: OpenFile) -> None:
        pass

    def sync_directory(self, path: str) -> None:
        if path and not self.is_directory(path):
            raise AssertionError(f"{path} is to be made durable and isn't there")


@pytest.fixture(autouse=True)
def _descriptors_of_the_dead() -> Iterator[None]:
    yield
    while Unsynced.opened:
        os.close(Unsynced.opened.pop())


class Countdown:
    """Dies (or fails) when it has been called so often. `after`: the effect itself still happens."""

    def __init__(self, calls: int, error: BaseException | None = None, *, after: bool = False) -> None:
        self.left = calls
        self.error = error or Died()
        self.after = after
        self.fired = False

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            if self.fired and isinstance(self.error, Died):
                raise self.error  # the dead do nothing more
            self.left -= 1
            if self.left == 0:
                self.fired = True
                if self.after:
                    effect(*args, **more)
                raise self.error
            return effect(*args, **more)

        return wrapped

    def disk(self, root: Path) -> Disk:
        disk = Unsynced(root)
        for name in EFFECTS:
            setattr(disk, name, self.around(getattr(disk, name)))
        return disk


CASES: dict[str, dict[str, Any]] = {
    "object": {"format": Format.SQL},
    "object, reopens": {"reopens": True},
    "part": {"consistency": Consistency.PART, "format": Format.SQL},
    "task": {"consistency": Consistency.TASK},
    "task, reopens": {"consistency": Consistency.TASK, "reopens": True, "format": Format.SQL},
    "gzip, reopens": {"reopens": True, "compression": Compression.GZIP},
    "zstd, part": {"consistency": Consistency.PART, "compression": Compression.ZSTD, "format": Format.JSONL},
    "parquet, reopens": {"reopens": True, "format": Format.PARQUET},
    "limit, reopens": {"reopens": True, "files": FileSettings(max_records=2), "format": Format.SQL},
    "many, part": {"consistency": Consistency.PART, "files": FileSettings(single=False)},
    "many, limit, reopens": {"reopens": True, "files": FileSettings(single=False, max_size=20)},
    "continue": {"on_error": OnError.CONTINUE},
    # A name that isn't known before a session is open, directories in directories, and none left empty.
    "named, reopens": {
        "reopens": True,
        "content": Content.DATA,
        "files": FileSettings(name="{database}-{object}", directories=Directories.OBJECTS, empty=Empty.NONE),
    },
    "merged": {"content": Content.SCHEMA, "schema": SchemaSettings(merge=True)},
}


def make(bench: Callable[..., Bench], where: Path, **case: Any) -> Bench:
    return bench(table("a", 7), table("b", 0), view("v", "a"), output=where / "export", **case)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 3)
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 3)


def check(b: Bench, expected: dict[str, bytes]) -> None:
    manifest = b.manifest()
    assert b.files() == expected
    assert manifest.complete
    assert {entry.path for entry in manifest.files} == set(expected)
    assert b.beside == [], "leftovers are swept"
    assert not [name for name in b.files() if name.startswith(".partial")]


@pytest.mark.parametrize("case", CASES)
def test_death_at_every_effect_on_a_file(bench: Callable[..., Bench], tmp_path: Path, case: str) -> None:
    undisturbed = make(bench, tmp_path / "undisturbed", **CASES[case])
    undisturbed.good(Unsynced)
    expected = undisturbed.files()
    for calls in range(1, 500):
        b = make(bench, tmp_path / str(calls), **CASES[case])
        death = Countdown(calls)
        try:
            b.run(death.disk)
        except Died:
            assert b.journal.outcome is None
            assert not b.output.exists() or (b.output / "manifest.json").exists()
            b.good(Unsynced)
        else:
            assert b.journal.outcome == (None, True)
        check(b, expected)
        if not death.fired:
            assert calls > 10
            return
    pytest.fail("never came to its end")


@pytest.mark.parametrize("case", CASES)
def test_death_at_every_word_to_the_store(bench: Callable[..., Bench], tmp_path: Path, case: str) -> None:
    undisturbed = make(bench, tmp_path / "undisturbed", **CASES[case])
    undisturbed.good(Unsynced)
    for calls in range(1, 500):
        b = make(bench, tmp_path / str(calls), **CASES[case])
        death = Countdown(calls)
        for name in Journal.__abstractmethods__:
            setattr(b.journal, name, death.around(getattr(b.journal, name)))
        died = False
        try:
            b.run(Unsynced)
        except Died:
            died = True
        death.left, death.error = -1, ValueError()  # the journal lives on
        if died:
            b.good(Unsynced)
        check(b, undisturbed.files())
        if not death.fired:
            assert calls > 10
            return
    pytest.fail("never came to its end")


@pytest.mark.parametrize("case", CASES)
def test_a_full_disk_at_every_effect_fails_visibly_and_retry_works(
    bench: Callable[..., Bench], tmp_path: Path, case: str
) -> None:
    undisturbed = make(bench, tmp_path / "undisturbed", **CASES[case])
    undisturbed.good(Unsynced)
    for calls in range(1, 500):
        b = make(bench, tmp_path / str(calls), **CASES[case])
        full = Countdown(calls, NoSpace("No room for it.", "Make room."))
        b.run(full.disk)
        if full.fired and b.journal.error is not None:
            assert b.journal.error.code == "no-space"
            assert not b.journal.outcome[1] or (b.output / "manifest.json").exists()
            b.good(Unsynced)
        check(b, undisturbed.files())
        if not full.fired:
            return
    pytest.fail("never came to its end")


def test_death_while_a_retry_completes_a_published_part(bench: Callable[..., Bench], tmp_path: Path) -> None:
    for calls in range(1, 500):
        b = make(bench, tmp_path / str(calls), on_error=OnError.CONTINUE)
        broken = ObjectRef(ObjectType.VIEW, "v")
        kept = b.database.things.pop(broken)
        b.database.add(kept)
        b.database.hook = _breaks("VIEW:v")
        assert b.failed() == "incomplete"
        b.database.hook = lambda _step, _subject: None
        death = Countdown(calls)
        try:
            b.run(death.disk)
        except Died:
            assert (b.output / "manifest.json").exists()
            b.good(Unsynced)
        undisturbed = make(bench, tmp_path / f"undisturbed{calls}")
        undisturbed.good(Unsynced)
        check(b, undisturbed.files())
        if not death.fired:
            return
    pytest.fail("never came to its end")


def _breaks(subject: str) -> Callable[[str, str], None]:
    from core.errors import BrokenObject

    def hook(step: str, about: str) -> None:
        if step == "read" and about.startswith(subject):
            raise BrokenObject("It is broken.")

    return hook
