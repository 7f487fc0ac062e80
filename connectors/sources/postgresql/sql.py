"""Pieces of SQL text as PostgreSQL reads them, with standard_conforming_strings on (pinned at login)."""

from __future__ import annotations

# The names of objects that may share theirs with others: a routine (of pg_proc p) is told by the types of what
# goes in, a trigger (of pg_trigger t) by its table (of pg_class c).
ROUTINE_NAME = "p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'"
TRIGGER_NAME = "t.tgname || ' ON ' || c.relname"


def identifier(name: str) -> str:
    """`name` quoted, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def comment(text: str) -> str:
    """A comment that can't be left from within."""
    return f"/* {text.replace('/*', '/ *').replace('*/', '* /')} */ " if text else ""
