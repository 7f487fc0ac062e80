"""Targets that change under a task: removed, swapped for a link, closed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import Bench, bench
from tests.pipeline.scripted import table

__all__ = ["bench"]

Make = Callable[..., Bench]


def at(b: Bench, step: str, act: Callable[[], object]) -> None:
    """Do something once, when the database is asked for `step`."""
    done = False

    def hook(now: str, _subject: str) -> None:
        nonlocal done
        if now == step and not done:
            done = True
            act()

    b.database.hook = hook


@pytest.mark.parametrize("step", ["begin", "close"])
@pytest.mark.parametrize("what", ["what is built", "all around it"])
def test_a_directory_that_is_removed_meanwhile(bench: Make, step: str, what: str) -> None:
    b = bench(table("a"), table("b"))

    def remove() -> None:
        if what == "all around it":
            shutil.rmtree(b.output.parent)
        else:
            for name in b.beside:
                shutil.rmtree(b.output.parent / name)

    at(b, step, remove)
    error = b.run().error
    assert error is not None
    assert "gone" in error.message
    assert error.hint
    assert not b.output.exists()
    b.database.hook = lambda _step, _subject: None
    b.good()
    assert b.beside == []


@pytest.mark.parametrize("behind", ["nothing", "a directory", "a file"])
def test_a_link_that_comes_to_the_target_meanwhile(bench: Make, tmp_path: Path, behind: str) -> None:
    b = bench(table("a"))
    elsewhere = tmp_path / "elsewhere"
    if behind == "a directory":
        elsewhere.mkdir()
    elif behind == "a file":
        elsewhere.write_text("theirs")
    at(b, "close", lambda: b.output.symlink_to(elsewhere))
    assert b.failed() == "target-exists"
    assert b.output.is_symlink()
    if behind == "a directory":
        assert list(elsewhere.iterdir()) == []
    elif behind == "a file":
        assert elsewhere.read_text() == "theirs"
    b.output.unlink()
    b.database.hook = lambda _step, _subject: None
    b.good()


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A directory of root's, and rights that are no more than anybody's."""
    if os.geteuid() != 0:
        pytest.skip("only root can lay its rights down, and directories are closed by others' hands")
    directory = Path(tempfile.mkdtemp(prefix="offramp-", dir="/tmp"))
    directory.chmod(0o755)
    os.seteuid(65534)
    try:
        yield directory
    finally:
        os.seteuid(0)
        shutil.rmtree(directory)


def test_a_directory_without_the_right_to_write(bench: Make, nobody: Path) -> None:
    os.seteuid(0)
    b = bench(table("a"), output=nobody / "out")
    os.seteuid(65534)
    error = b.run().error
    assert error is not None
    assert error.code == "not-writable"
    assert str(nobody) in error.message
    assert "right" in error.hint
    assert not b.output.exists()
    os.seteuid(0)
    nobody.chmod(0o777)
    os.seteuid(65534)
    b.good()
    assert b.output.stat().st_uid == 65534
