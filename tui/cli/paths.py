"""Paths as people type them."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(text: str) -> Path:
    """From the current directory, without `..` and `.`; symbolic links stay as they are."""
    return Path(os.path.abspath(text))  # noqa: PTH100 - Path.resolve would follow links
