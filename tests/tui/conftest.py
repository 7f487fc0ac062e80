"""Fixtures for tests of the screens: Textual without animations, a home, a time zone."""

from __future__ import annotations

import os

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model.vocabulary import TaskStatus
from tests.tui.harness import Home, every_status, local_time


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty one. No test of the screens starts an engine in the background."""
    for name in ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "TMUX", "OFFRAMP_ASCII"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("core.service.context.Context.ensure_engine", lambda self: None)
    made = Home(tmp_path / "home")
    with local_time("UTC"):
        yield made
    made.close()


@pytest.fixture
def tasks(home: Home) -> dict[TaskStatus, int]:
    """The home with a task in every status."""
    return every_status(home)
