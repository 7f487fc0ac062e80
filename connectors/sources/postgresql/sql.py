"""Pieces of SQL text as PostgreSQL reads them, with standard_conforming_strings on (pinned at login)."""

from __future__ import annotations


def identifier(name: str) -> str:
    """`name` quoted, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def conditions(*terms: str | None) -> str:
    """WHERE with all of these, those that are None or empty left out. Each ends with its line, so that a
    comment in it reaches no further."""
    given = [f"({term}\n)" for term in terms if term]
    return f" WHERE {' AND '.join(given)}" if given else ""


def comment(text: str) -> str:
    """A comment that can't be left from within."""
    return f"/* {text.replace('/*', '/ *').replace('*/', '* /')} */ " if text else ""


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"
