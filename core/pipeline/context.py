"""What every step of a task's run works with."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from connectors.base import Session
from core.model.settings import ExportSettings
from core.model.task import Snapshot, Task
from core.pipeline.cancel import Cancel
from core.pipeline.crews import Crew
from core.pipeline.disk import Disk, join
from core.pipeline.journal import Journal
from core.pipeline.layout import Layout
from core.pipeline.marks import Outlook
from core.pipeline.pace import Pace
from core.pipeline.place import Place


@dataclass(frozen=True, slots=True)
class Context:
    """One attempt of a task, with a session that is open. `database` is the true name of what is read,
    `snapshot` is the point in time that all objects share, where they do; `crew` reads parts of an object at
    once, where that is wanted and can be; `pace` is how fast what is read here may go; `outlook` says what is
    new, where only that is taken."""

    task: Task
    journal: Journal
    session: Session
    database: str
    disk: Disk
    place: Place
    layout: Layout
    log: logging.Logger
    cancel: Cancel
    pace: Pace
    snapshot: Snapshot | None = None
    crew: Crew | None = None
    outlook: Outlook | None = None

    @property
    def settings(self) -> ExportSettings:
        return self.task.settings

    @property
    def comment(self) -> str:
        """Who reads, for the server's administrator."""
        return f"offramp task {self.task.id} of {self.task.owner}".replace("*/", "* /")

    def built(self, path: str) -> str:
        """Where on the disk the file is built that the manifest calls `path`; for "" the whole directory."""
        return join(self.place.work, path) if path else self.place.work
