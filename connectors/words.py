"""Text of databases in messages."""

from __future__ import annotations


def shown(text: str) -> str:
    """Text from a database for a message: control and other invisible characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
