"""Kernel file locks (flock): the one sign of life that a killed process can't leave behind.

A lock belongs to the open file description: a child that is given the descriptor holds it too, and it is
free once the last of them is gone, however they went.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from core.errors import NotWritable

_STEP = 0.02


class FileLock:
    """An exclusive lock on the file `path`, which is made (0600) where it is missing and never removed
    while it may be in use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    @property
    def descriptor(self) -> int:
        """The open descriptor of a held lock, to be passed on to processes that must count as alive."""
        if self._descriptor is None:
            raise ValueError(f"lock {self.path} is not held")
        return self._descriptor

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to `timeout` seconds for it. False where another holds it. Raises
        NotWritable where the file can't be opened."""
        if self._descriptor is not None:
            return True
        descriptor = _open(self.path)
        deadline = time.monotonic() + timeout
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(_STEP)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; does nothing where it isn't held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock on `path`. A file that is missing is not locked.

    Looking shares the lock for a moment where it is free: who acquires it must be ready to wait that long,
    and two that look don't see each other.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NotWritable(
            f"Lock file {str(path)!r} can't be opened: {error.strerror}.",
            "Check the rights of its directory.",
        ) from None


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
