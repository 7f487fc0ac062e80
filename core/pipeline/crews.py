"""Who reads parts of an object at once, as the pipeline sees it: processes of this machine (`crew`), or the
workers of a cluster (`core.cluster`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.base import Session, Source
from core.model.load import Rate
from core.model.settings import ExportSettings
from core.model.task import Snapshot
from core.pipeline.disk import Disk
from core.pipeline.parts import PartJob, PartResult
from core.pipeline.place import Place


class Crew(Protocol):
    """Several that read parts of one object after the other, each in a session of its own."""

    def begin(self, session: Session, reopen: Snapshot | None = None) -> Snapshot:
        """Fix a point in time for the session and, at the latest when they read, for all of them. Raises
        what `Session.begin` raises."""

    @property
    def shares(self) -> bool:
        """Whether they read as of the point in time of the session, once it has one."""

    def end(self) -> None:
        """Have all of them let go of the point in time."""

    def run(
        self,
        jobs: Sequence[PartJob],
        done: Callable[[PartJob, PartResult], None],
        moved: Callable[[int, int], None],
    ) -> None:
        """Carry out jobs of one object, in no order. `done` is told each result, whose files are in their
        places then; `moved` how many rows and bytes the jobs that are under way have by now. Raises what
        `run_part` raises, and ConnectionLost where too many of them are lost."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a crew is for: a task's objects, read from `source`, built at `place` on `disk`. `session` is the
    attempt's own; `check` may raise where the end was asked for; `rate` says how fast all of them together
    may read."""

    source: Source
    session: Session
    settings: ExportSettings
    disk: Disk
    place: Place
    log: logging.Logger
    check: Callable[[], None]
    rate: Callable[[], Rate | None]


Crews = Callable[[Work], AbstractContextManager[Crew | None]]
"""Makes the crew of an attempt: None where one session reads everything. At the end of the context all of
them are gone."""

Beyond = Callable[[Session, Path], Iterable[str]]
"""Looks, before anything is read, at the machines that parts are read on beside this one: whether they see
the local directory in which a task builds, and whatever else they need. Gives notes, raises what is wrong."""
