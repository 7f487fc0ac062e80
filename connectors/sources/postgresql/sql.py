"""Pieces of SQL text as PostgreSQL reads them, with standard_conforming_strings on (pinned at login)."""

from __future__ import annotations


def identifier(name: str) -> str:
    """`name` quoted, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def comment(text: str) -> str:
    """A comment that can't be left from within."""
    return f"/* {text.replace('/*', '/ *').replace('*/', '* /')} */ " if text else ""


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"
