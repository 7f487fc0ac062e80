"""Destinations, marks and what else came with exports that repeat.

Written out, as the first tables are.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: tuple[str, ...] = (
    """
CREATE TABLE destination (
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    test TEXT,
    CONSTRAINT pk_destination PRIMARY KEY (name)
)
""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
