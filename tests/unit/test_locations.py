import os
import stat

import pytest

from core.errors import NotWritable
from core.locations import Locations


def test_everything_lies_under_the_home_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_HOME", str(tmp_path / "h"))
    found = Locations.default()
    for path in (
        found.store, found.preferences, found.secrets, found.secrets_lock, found.logs, found.locks,
        found.task_log(7), found.worker_output(7), found.task_lock(7),
    ):  # fmt: skip
        assert path.is_relative_to(tmp_path / "h")
    assert found.task_log(7) != found.task_log(8)


def test_a_relative_home_counts_from_where_the_program_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFRAMP_HOME", "here")
    assert Locations.default().home == tmp_path / "here"


def test_an_empty_variable_is_as_none(tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Locations.default().home.is_relative_to(tmp_path)


def test_directories_are_for_their_owner_whatever_the_umask(tmp_path):
    locations = Locations(tmp_path / "a" / "home")
    before = os.umask(0)
    try:
        locations.ensure()
        locations.ensure()
    finally:
        os.umask(before)
    for path in (locations.home, locations.logs, locations.locks):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_is_refused_with_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match="can't be made") as caught:
        Locations(tmp_path / "file" / "home").ensure()
    assert "OFFRAMP_HOME" in caught.value.hint
