"""Errors of the system about files, in words that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import NoSpace, NotWritable, OutputError, TargetExists


class Gone(OutputError):
    """A file or directory that should be there isn't."""


@contextmanager
def in_words(path: str) -> Iterator[None]:
    """Turn errors of the system into those that say what to do."""
    try:
        yield
    except OSError as error:
        raise _error(error, path) from error


def _error(error: OSError, path: str) -> OutputError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return NoSpace(
                f"No room for {path}: {reason}{_free(path)}.", "Make room (or raise the quota), then retry."
            )
        case errno.EFBIG:
            return NoSpace(
                f"{path} is too large for its file system or for this account's limit: {reason}.",
                "Use another file system, or raise the limit (ulimit -f), then retry.",
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return NotWritable(
                f"{path} can't be written: {reason}.", "Give this account the right, or choose another place."
            )
        case errno.EEXIST | errno.ENOTEMPTY | errno.ENOTDIR | errno.ELOOP | errno.EISDIR:
            return TargetExists(
                f"Something else is at {path}: {reason}.", "Take it away, or choose another directory."
            )
        case errno.ENOENT:
            return Gone(f"{path} is gone.", "Retry: what is missing is made again.")
        case _:
            return OutputError(f"{path}: {reason}.", "See to the disk or file system, then retry.")


def _free(path: str) -> str:
    """How much this account may still write there, in words; a quota may allow less than that."""
    place = Path(path).parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return f" ({shutil.disk_usage(place).free >> 10} KiB are free)"
    except OSError:
        return ""
