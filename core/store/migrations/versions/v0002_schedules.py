"""When exports run by themselves, and what became of each time.

Written out, as the first tables are.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
CREATE TABLE schedule (
    export TEXT NOT NULL,
    due INTEGER,
    started INTEGER NOT NULL,
    CONSTRAINT pk_schedule PRIMARY KEY (export),
    CONSTRAINT fk_schedule_export_export FOREIGN KEY(export) REFERENCES export (name) ON DELETE CASCADE
)
""",
    """
CREATE INDEX ix_schedule_due ON schedule (due)
""",
    """
CREATE TABLE run (
    export TEXT NOT NULL,
    due INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    task_id INTEGER,
    behind INTEGER,
    words TEXT NOT NULL,
    CONSTRAINT pk_run PRIMARY KEY (export, due),
    CONSTRAINT ck_run_outcome CHECK (outcome IN ('started', 'missed', 'skipped')),
    CONSTRAINT fk_run_export_export FOREIGN KEY(export) REFERENCES export (name) ON DELETE CASCADE,
    CONSTRAINT fk_run_task_id_task FOREIGN KEY(task_id) REFERENCES task (id) ON DELETE SET NULL
)
""",
    """
CREATE INDEX ix_run_due ON run (due)
""",
    """
CREATE INDEX ix_run_task_id ON run (task_id)
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
