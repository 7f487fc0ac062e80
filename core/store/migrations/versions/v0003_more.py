"""Destinations, marks and what else came with exports that repeat.

Written out, as the first tables are.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: tuple[str, ...] = (
    """
ALTER TABLE task ADD COLUMN latest BOOLEAN DEFAULT 0 NOT NULL
""",
    "ALTER TABLE task ADD COLUMN rate TEXT",
    """
CREATE TABLE destination (
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    test TEXT,
    CONSTRAINT pk_destination PRIMARY KEY (name)
)
""",
    """
CREATE TABLE mark (
    export TEXT NOT NULL,
    object TEXT NOT NULL,
    body TEXT NOT NULL,
    seen BLOB NOT NULL,
    CONSTRAINT pk_mark PRIMARY KEY (export, object),
    CONSTRAINT fk_mark_export_export FOREIGN KEY(export) REFERENCES export (name) ON DELETE CASCADE
)
""",
    """
CREATE TABLE mark_move (
    id INTEGER NOT NULL,
    export TEXT NOT NULL,
    object TEXT NOT NULL,
    at INTEGER NOT NULL,
    task INTEGER,
    body TEXT NOT NULL,
    old TEXT,
    CONSTRAINT pk_mark_move PRIMARY KEY (id),
    CONSTRAINT fk_mark_move_export_export FOREIGN KEY(export) REFERENCES export (name) ON DELETE CASCADE
)
""",
    "CREATE INDEX ix_mark_move_export_at ON mark_move (export, at)",
    """
CREATE TABLE watch (
    export TEXT NOT NULL,
    due INTEGER,
    ready INTEGER,
    token TEXT,
    body TEXT NOT NULL,
    CONSTRAINT pk_watch PRIMARY KEY (export),
    CONSTRAINT fk_watch_export_export FOREIGN KEY(export) REFERENCES export (name) ON DELETE CASCADE
)
""",
    "CREATE INDEX ix_watch_due ON watch (due)",
    "CREATE INDEX ix_watch_ready ON watch (ready)",
    """
CREATE TABLE task_mark (
    task_id INTEGER NOT NULL,
    object TEXT NOT NULL,
    seen BLOB NOT NULL,
    CONSTRAINT pk_task_mark PRIMARY KEY (task_id, object),
    CONSTRAINT fk_task_mark_task_id_task FOREIGN KEY(task_id) REFERENCES task (id) ON DELETE CASCADE
)
""",
    """
CREATE TABLE history (
    task_id INTEGER NOT NULL,
    export TEXT NOT NULL,
    ended INTEGER NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_history PRIMARY KEY (task_id)
)
""",
    "CREATE INDEX ix_history_ended ON history (ended)",
    "CREATE INDEX ix_history_export_ended ON history (export, ended)",
    """
CREATE TABLE notification (
    id INTEGER NOT NULL,
    task_id INTEGER NOT NULL,
    place TEXT NOT NULL,
    body TEXT NOT NULL,
    "key" TEXT NOT NULL,
    made INTEGER NOT NULL,
    due INTEGER,
    attempts INTEGER NOT NULL,
    delivered INTEGER,
    words TEXT NOT NULL,
    CONSTRAINT pk_notification PRIMARY KEY (id)
)
""",
    "CREATE INDEX ix_notification_task_id ON notification (task_id)",
    "CREATE INDEX ix_notification_made ON notification (made)",
    "CREATE INDEX ix_notification_due ON notification (due)",
    "ALTER TABLE task_object ADD COLUMN mark TEXT",
    "ALTER TABLE task_file ADD COLUMN part INTEGER",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
