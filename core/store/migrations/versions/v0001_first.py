"""The first tables.

Written out, and not taken from `core.store.tables`: those move on, this stays.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
CREATE TABLE connection (
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    test TEXT,
    CONSTRAINT pk_connection PRIMARY KEY (name)
)
""",
    """
CREATE TABLE export (
    name TEXT NOT NULL,
    connection TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_export PRIMARY KEY (name)
)
""",
    """
CREATE INDEX ix_export_connection ON export (connection)
""",
    """
CREATE TABLE lease (
    id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    holder TEXT,
    renewed INTEGER,
    CONSTRAINT pk_lease PRIMARY KEY (id),
    CONSTRAINT ck_lease_single CHECK (id = 1)
)
""",
    """
CREATE TABLE task (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    connection TEXT NOT NULL,
    export TEXT,
    mode TEXT NOT NULL,
    owner TEXT NOT NULL,
    output TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    not_before INTEGER,
    queued INTEGER,
    started INTEGER,
    ended INTEGER,
    queue_number INTEGER,
    attempts INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    slot INTEGER,
    token TEXT,
    worker_pid INTEGER,
    worker_group INTEGER,
    worker_started INTEGER,
    abort_requested INTEGER,
    abort_force BOOLEAN NOT NULL,
    stage TEXT NOT NULL,
    stage_since INTEGER,
    snapshot TEXT,
    total_rows INTEGER,
    processed_rows INTEGER NOT NULL,
    processed_bytes INTEGER NOT NULL,
    objects_total INTEGER NOT NULL,
    objects_done INTEGER NOT NULL,
    objects_failed INTEGER NOT NULL,
    published BOOLEAN NOT NULL,
    error TEXT,
    CONSTRAINT ck_task_slot CHECK (slot BETWEEN 1 AND 3),
    CONSTRAINT ck_task_status CHECK (status IN (
        'Scheduled', 'Queued', 'Running', 'Publishing', 'Completed', 'Failed', 'Aborting', 'Aborted'
    )),
    CONSTRAINT uq_task_slot UNIQUE (slot)
)
""",
    """
CREATE INDEX ix_task_connection_created ON task (connection, created)
""",
    """
CREATE INDEX ix_task_created ON task (created)
""",
    """
CREATE INDEX ix_task_ended ON task (ended)
""",
    """
CREATE INDEX ix_task_queue_number ON task (queue_number)
""",
    """
CREATE INDEX ix_task_status_queue_number ON task (status, queue_number)
""",
    """
CREATE INDEX ix_task_words ON task (name, export, connection)
""",
    """
CREATE TABLE task_file (
    task_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    number INTEGER,
    kind TEXT NOT NULL,
    object TEXT,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    CONSTRAINT pk_task_file PRIMARY KEY (task_id, path),
    CONSTRAINT fk_task_file_task_id_task FOREIGN KEY(task_id) REFERENCES task (id) ON DELETE CASCADE
)
""",
    """
CREATE TABLE task_object (
    task_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    schema_status TEXT,
    data_status TEXT,
    total_rows INTEGER,
    total_exact BOOLEAN NOT NULL,
    processed_rows INTEGER NOT NULL,
    processed_bytes INTEGER NOT NULL,
    columns TEXT NOT NULL,
    parts TEXT NOT NULL,
    checkpoint TEXT,
    snapshot TEXT,
    fingerprint TEXT NOT NULL,
    warnings TEXT NOT NULL,
    started INTEGER,
    ended INTEGER,
    error TEXT,
    CONSTRAINT pk_task_object PRIMARY KEY (task_id, number),
    CONSTRAINT fk_task_object_task_id_task FOREIGN KEY(task_id) REFERENCES task (id) ON DELETE CASCADE
)
""",
    """
INSERT INTO lease (id, epoch, counter) VALUES (1, 0, 0)
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
