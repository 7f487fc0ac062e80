"""The store's tables, as SQLAlchemy Core sees them: nothing here maps objects, and nothing imports the ORM.

Instants are stored as whole microseconds since 1970-01-01 UTC, so that they sort and compare as numbers;
frozen settings and other nested values as JSON text. A change here needs a migration of its own in
`core/store/migrations/versions` and a new `REVISION`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from core.model.run import Outcome
from core.model.vocabulary import TaskStatus

REVISION = "0003"
"""The newest schema. Revisions are numbers with leading zeros, so that older and newer can be told apart."""

APPLICATION_ID = 0x4F46524D
"""SQLite's application_id of a store: the bytes OFRM."""

SLOTS = 3
"""How many tasks may run at once. The `slot` column's CHECK and its uniqueness hold it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """An aware instant as stored."""
    return (instant - EPOCH) // MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 UTC."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


def _one_of(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

connection = sa.Table(
    "connection",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("test", sa.Text),
)

destination = sa.Table(
    "destination",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("test", sa.Text),
)

export = sa.Table(
    "export",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)

schedule = sa.Table(
    "schedule",
    metadata,
    # What it says stands in the export's body.
    sa.Column("export", sa.ForeignKey("export.name", ondelete="CASCADE"), primary_key=True),
    # When it is due next, None where it is paused or at its end.
    sa.Column("due", Instant, index=True),
    # How many of its runs were started since it was last changed.
    sa.Column("started", sa.Integer, nullable=False),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("export", sa.ForeignKey("export.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("due", Instant, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("task_id", sa.ForeignKey("task.id", ondelete="SET NULL"), index=True),
    # The task's number that this one's waits for.
    sa.Column("behind", sa.Integer),
    sa.Column("words", sa.Text, nullable=False),
    sa.CheckConstraint(_one_of("outcome", [str(outcome) for outcome in Outcome]), name="outcome"),
    sa.Index("ix_run_due", "due"),
)

mark = sa.Table(
    "mark",
    metadata,
    # How far an export has read an object, whose name is as in task_mark.
    sa.Column("export", sa.ForeignKey("export.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    # Digests of the rows behind the floor that were exported, 16 bytes each, sorted.
    sa.Column("seen", sa.LargeBinary, nullable=False),
)

mark_move = sa.Table(
    "mark_move",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("export", sa.ForeignKey("export.name", ondelete="CASCADE"), nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("task", sa.Integer),
    # The move, and the mark as it was before it, for going back; None where there was none.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("old", sa.Text),
    sa.Index("ix_mark_move_export_at", "export", "at"),
)

watch = sa.Table(
    "watch",
    metadata,
    # What it says stands in the export's body.
    sa.Column("export", sa.ForeignKey("export.name", ondelete="CASCADE"), primary_key=True),
    # When the source is to be asked next, None where it is paused.
    sa.Column("due", Instant, index=True),
    # When a run may begin for what was found, None where nothing new is known.
    sa.Column("ready", Instant, index=True),
    # Of the probe that is at work.
    sa.Column("token", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
)

task = sa.Table(
    "task",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("export", sa.Text),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("output", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("created", Instant, nullable=False),
    sa.Column("not_before", Instant),
    sa.Column("queued", Instant),
    sa.Column("started", Instant),
    sa.Column("ended", Instant),
    # The place in the queue: grows with every entry, kept by a claim that comes back.
    sa.Column("queue_number", sa.Integer),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retries", sa.Integer, nullable=False, default=0),
    # Who runs it: the slot until death is confirmed, the token while the attempt owns the task.
    sa.Column("slot", sa.Integer),
    sa.Column("token", sa.Text),
    sa.Column("worker_pid", sa.Integer),
    sa.Column("worker_group", sa.Integer),
    sa.Column("worker_started", Instant),
    sa.Column("abort_requested", Instant),
    sa.Column("abort_force", sa.Boolean, nullable=False, default=False),
    sa.Column("stage", sa.Text, nullable=False, default=""),
    sa.Column("stage_since", Instant),
    sa.Column("snapshot", sa.Text),
    sa.Column("total_rows", sa.Integer),
    sa.Column("processed_rows", sa.Integer, nullable=False, default=0),
    sa.Column("processed_bytes", sa.Integer, nullable=False, default=0),
    sa.Column("objects_total", sa.Integer, nullable=False, default=0),
    sa.Column("objects_done", sa.Integer, nullable=False, default=0),
    sa.Column("objects_failed", sa.Integer, nullable=False, default=0),
    sa.Column("published", sa.Boolean, nullable=False, default=False),
    # Whether the link to the export's newest run is moved once this one is published.
    sa.Column("latest", sa.Boolean, nullable=False, server_default=sa.text("0")),
    # How fast it may read, as it is now.
    sa.Column("rate", sa.Text),
    sa.Column("error", sa.Text),
    sa.CheckConstraint(f"slot BETWEEN 1 AND {SLOTS}", name="slot"),
    sa.CheckConstraint(_one_of("status", [str(status) for status in TaskStatus]), name="status"),
    sa.UniqueConstraint("slot"),
    sa.Index("ix_task_created", "created"),
    sa.Index("ix_task_status_queue_number", "status", "queue_number"),
    sa.Index("ix_task_connection_created", "connection", "created"),
    sa.Index("ix_task_queue_number", "queue_number"),
    sa.Index("ix_task_ended", "ended"),
    # What a search for text reads instead of the rows with their settings.
    sa.Index("ix_task_words", "name", "export", "connection"),
    sqlite_autoincrement=True,
)

task_object = sa.Table(
    "task_object",
    metadata,
    sa.Column("task_id", sa.ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("schema_status", sa.Text),
    sa.Column("data_status", sa.Text),
    sa.Column("total_rows", sa.Integer),
    sa.Column("total_exact", sa.Boolean, nullable=False),
    sa.Column("processed_rows", sa.Integer, nullable=False),
    sa.Column("processed_bytes", sa.Integer, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Column("checkpoint", sa.Text),
    sa.Column("snapshot", sa.Text),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("warnings", sa.Text, nullable=False),
    sa.Column("started", Instant),
    sa.Column("ended", Instant),
    sa.Column("error", sa.Text),
    # What was new of it: a range of marks, where that is all that is taken.
    sa.Column("mark", sa.Text),
)

task_mark = sa.Table(
    "task_mark",
    metadata,
    # Digests of rows that the next run will meet again, until the task's end moves the mark.
    sa.Column("task_id", sa.ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("seen", sa.LargeBinary, nullable=False),
)

task_file = sa.Table(
    "task_file",
    metadata,
    sa.Column("task_id", sa.ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    # The object's number, None for a file that belongs to no single object.
    sa.Column("number", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object", sa.Text),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    # Which of its object's data files it is, None where there is one only.
    sa.Column("part", sa.Integer),
)

history = sa.Table(
    "history",
    metadata,
    # Runs of saved exports that have ended, kept when their tasks are forgotten.
    sa.Column("task_id", sa.Integer, primary_key=True),
    sa.Column("export", sa.Text, nullable=False),
    sa.Column("ended", Instant, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_history_export_ended", "export", "ended"),
)

notification = sa.Table(
    "notification",
    metadata,
    # Not tied to the task: who is to be told is told, though it has been forgotten meanwhile.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("task_id", sa.Integer, nullable=False, index=True),
    sa.Column("place", sa.Text, nullable=False),
    # What is told.
    sa.Column("body", sa.Text, nullable=False),
    # The same in each attempt, and nobody else's.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("made", Instant, nullable=False, index=True),
    # When it is tried next, None once it was delivered or given up.
    sa.Column("due", Instant, index=True),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("delivered", Instant),
    # What came of the last attempt.
    sa.Column("words", sa.Text, nullable=False, default=""),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("counter", sa.Integer, nullable=False),
    # Words about who serves, None once an engine has stepped down.
    sa.Column("holder", sa.Text),
    sa.Column("renewed", Instant),
    sa.CheckConstraint("id = 1", name="single"),
)
