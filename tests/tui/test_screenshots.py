"""The pictures of the screens: the same code gives the same pictures, wherever it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui import screenshots


def test_two_runs_give_identical_files_without_paths_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "one", tmp_path / "another, elsewhere"
    for run in runs:
        run.mkdir()
        monkeypatch.chdir(run)
        monkeypatch.setenv("TMPDIR", str(run.parent))
        monkeypatch.setattr("tempfile.tempdir", None)
        assert screenshots.make(run, ("quick",), ((80, 24),)) == 0
    assert screenshots.differing(*runs) == []
    assert [path.name for path in sorted(runs[0].iterdir())] == ["quick-80x24.svg"]
    for path in runs[0].iterdir():
        text = path.read_text()
        assert str(tmp_path.parent) not in text
        assert "/srv/offramp" in text
