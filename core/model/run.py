"""What became of a time at which a saved export was to run by itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """STARTED: a task was queued for it. MISSED: nothing served then, and not soon enough after. SKIPPED: it
    couldn't be, or the run before it hadn't ended."""

    STARTED = "started"
    MISSED = "missed"
    SKIPPED = "skipped"


class PeriodicRun(msgspec.Struct, frozen=True, kw_only=True):
    """`due` is when it was to begin; `task` the number of the task that was made, None where none was or it
    is forgotten; `words` say why it was not started, or not at its time."""

    export: str
    due: datetime
    outcome: Outcome
    task: int | None = None
    words: str = ""
