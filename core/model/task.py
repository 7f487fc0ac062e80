"""A task: one run of a frozen copy of settings. What the store keeps, the manifest lists and faces show."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.errors import ErrorInfo
from core.model.load import Rate
from core.model.mark import MarkRange
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectStatus, TaskStatus


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A column as the manifest lists it: its name and the type as the source names it."""

    name: str
    type: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A point in time of a source.

    `id` is the source's own name for it (an SCN, a binlog or GTID position, a data version) or None where
    it has none; `taken_at` when it was fixed (UTC, this machine's clock); `reopens` whether another
    session can read as of it later; `joins` whether another session can begin at it while the one that fixed
    it holds it open (an exported snapshot), and `exported` the name by which the server knows it then.
    """

    id: str | None
    taken_at: datetime
    reopens: bool
    joins: bool = False
    exported: str | None = None


class PartPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of an object that is read in one go.

    `number` counts from 0; `condition` is a predicate in the source's dialect, made by the source, None for
    the whole object; `label` says it to people; `rows` is an estimate until it is read. `files` is how many
    files it has become, None as long as it isn't finished or where it has none of its own; `counts` what
    policies did in them (`Encoder.carry`).
    """

    number: int
    condition: str | None = None
    label: str = "all rows"
    rows: int | None = None
    where: str | None = None
    remember: bool = False
    files: int | None = None
    counts: dict[str, int] = {}


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is durable after a part: `parts` finished parts, `rows` of the object so far, `offset` the length
    in bytes of the file that goes on, `path` that file as the manifest will call it ("" of an older Offramp:
    not to be gone on with), `encoder` the encoder's own state (COMMIT counter).

    Where limits cut an object's rows into several files: `pieces` files were finished before, with `before`
    bytes, and `content` is how many bytes the file that goes on has before compression.
    """

    parts: int
    rows: int
    offset: int
    encoder: dict[str, int] = {}
    path: str = ""
    pieces: int = 0
    before: int = 0
    content: int = 0


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finished file. `path` is relative to the task's directory, with `/`; `kind` is data,
    schema, foreign-keys (what is added after the rows, where that stands apart) or load (the script that
    loads the others in order); `object` as `TYPE:NAME`, None where it holds several. `part` counts an
    object's data files from 1, where it may have several; limits may make several files of one part, which
    then differ in their path's last number."""

    path: str
    kind: str
    object: str | None
    rows: int
    bytes: int
    sha256: str
    part: int | None = None

    @property
    def place(self) -> tuple[int, int, str]:
        """Sorts the data files of one object by the order of their rows."""
        return (self.part or 0, len(self.path), self.path)


class TaskObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object of a task with its progress.

    `schema_status` and `data_status` are None where the content has no such half. `total_rows` is what is
    expected, `total_exact` whether that was counted; `processed_rows` and `processed_bytes` what has been
    written. `snapshot` is the object's own, None where the task's holds. `mark` is what was new of it, where
    that is all that is taken.
    """

    number: int
    ref: ObjectRef
    schema_status: ObjectStatus | None = None
    data_status: ObjectStatus | None = None
    total_rows: int | None = None
    total_exact: bool = False
    processed_rows: int = 0
    processed_bytes: int = 0
    columns: tuple[Column, ...] = ()
    parts: tuple[PartPlan, ...] = ()
    checkpoint: Checkpoint | None = None
    snapshot: Snapshot | None = None
    fingerprint: str = ""
    mark: MarkRange | None = None
    warnings: tuple[str, ...] = ()
    started: datetime | None = None
    ended: datetime | None = None
    error: ErrorInfo | None = None

    @property
    def begun(self) -> bool:
        """Whether another attempt may go on with its rows: after a checkpoint, or with the parts that aren't
        finished."""
        return self.checkpoint is not None or any(part.files is not None for part in self.parts)

    @property
    def done(self) -> bool:
        """Whether everything that was asked of it is finished."""
        return all(s in (None, ObjectStatus.SUCCESS) for s in (self.schema_status, self.data_status))


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a frozen copy of settings.

    `output` is the absolute path of the task's final directory; `export` the saved export that it came
    from. `not_before` is a timed start or the end of a pause before a retry; `reason` says in words why it
    waits. `attempts` counts starts of workers that took hold, `retries` the automatic ones among them since
    the task was last (re)queued by hand. `position` is its place in the queue, from 1, None unless Queued.
    `limited` is its connection's limit of tasks at once, where it waits for that.
    `stage` says what the worker is doing now, `stage_since` since when. `latest`: once it is published whole,
    the link `latest` beside its directory leads there. `rate` is how fast it may read, as it is now.
    """

    id: int
    name: str
    status: TaskStatus
    settings: ExportSettings
    output: str
    created: datetime
    owner: str
    mode: str
    export: str | None = None
    reason: str = ""
    not_before: datetime | None = None
    queued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    retries: int = 0
    position: int | None = None
    limited: int | None = None
    stage: str = ""
    stage_since: datetime | None = None
    snapshot: Snapshot | None = None
    total_rows: int | None = None
    processed_rows: int = 0
    processed_bytes: int = 0
    objects_total: int = 0
    objects_done: int = 0
    objects_failed: int = 0
    published: bool = False
    latest: bool = False
    rate: Rate | None = None
    error: ErrorInfo | None = None
