"""Who asks: for lists, and for the comment that a database's administrator sees."""

from __future__ import annotations

import getpass
import os


def owner() -> str:
    """The name of the account that this process belongs to, its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())
