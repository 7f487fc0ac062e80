"""What goes to a worker of a cluster and what comes back: plain JSON, without a secret in it.

A worker is handed an `Errand`, which names the part to read and where to get the secrets for it, and gives an
`Outcome`. What it says meanwhile (`Said`) are events of the scheduler's topic `TOPIC`.
"""

from __future__ import annotations

import msgspec

from core.model.connection import Connection
from core.model.destination import Destination
from core.model.load import Rate
from core.model.task import Snapshot
from core.pipeline.part_process import Broken, Failed
from core.pipeline.parts import PartJob, PartResult

TOPIC = "offramp"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """The reading of one part: run `number` of those that the attempt `program` has sent out. What is
    executed twice (a worker that was lost, or only thought so) is the same run.

    `connection` and `destination` have references to their secrets, which are resolved where this is carried
    out. `snapshot` is the point in time to read as of, None where the part has its own. The files go to
    `directory`: below the root of the job on a disk that all see, or at the destination; where `apart`, each
    execution has a directory of its own in that. `rate` is how fast it may go, and every `seconds` it says
    how far it is.
    """

    program: str
    number: int
    connection: Connection
    job: PartJob
    directory: str
    apart: bool
    snapshot: Snapshot | None = None
    destination: Destination | None = None
    rate: Rate | None = None
    seconds: float = 1.0

    def program_of(self, execution: str) -> str:
        """Who an execution says it is, to the server too: no other says the same."""
        return f"{parts_of(self.program)} {self.number}.{execution}"


def parts_of(program: str) -> str:
    """What the names of all executions for an attempt begin with, a space behind it."""
    return f"{program} part"


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The part has been read, and its files are in `directory`, by the last steps of their names."""

    result: PartResult
    directory: str


Outcome = Finished | Failed | Broken


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """An execution of a run of the attempt `program` says something."""

    program: str
    number: int
    execution: str


class Began(Said, frozen=True, kw_only=True, tag="began"):
    """It is under way on this worker."""

    worker: str


class Moved(Said, frozen=True, kw_only=True, tag="moved"):
    """Rows and bytes of the part so far."""

    rows: int
    size: int


class Logged(Said, frozen=True, kw_only=True, tag="logged"):
    """A line for the task's log, with the level of Python's logging."""

    level: int
    text: str


class Ended(Said, frozen=True, kw_only=True, tag="ended"):
    """It is over, and has nothing left on the server."""


Saying = Began | Moved | Logged | Ended


class Slower(msgspec.Struct, frozen=True, kw_only=True):
    """How fast each execution for an attempt may go from now on."""

    program: str
    rate: Rate | None
