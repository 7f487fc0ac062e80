"""Runs of saved exports that have ended, as they are remembered when their tasks are forgotten."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.errors import ErrorInfo
from core.model.vocabulary import Engine, TaskStatus


class MarkMoved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an object had been read before a run and after it, as its source writes the mark; None where
    nothing had been."""

    object: str
    column: str
    before: str | None = None
    after: str | None = None


class PastRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a run: `task` is its number, `rows` and `bytes` what was written, `marks` what it moved
    where it took only what is new; `engine` who read the parts of its objects."""

    task: int
    export: str
    status: TaskStatus
    output: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    rows: int = 0
    bytes: int = 0
    attempts: int = 0
    engine: Engine = Engine.LOCAL
    error: ErrorInfo | None = None
    marks: tuple[MarkMoved, ...] = ()
