"""Kernel file locks (flock): the one sign of life that a killed process can't leave behind.

A lock belongs to the open file description: a child that is given the descriptor holds it too, and it is
free once the last of them is gone, however they went.
"""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from core.errors import NotWritable

_STEP = 0.02
_PROBE_SECONDS = 30
# Tries to take, in another process, what this one holds; prints what it could get.
_OTHER_PROCESS = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    for name, take in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
        try:
            take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        print(name)
"""


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
        NotWritable where the file can't be opened or its file system has no locks."""
        if self._descriptor is not None:
            return True
        descriptor = _open(self.path)
        deadline = time.monotonic() + timeout
        try:
            while not _try(descriptor):
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_STEP)
            self._descriptor = descriptor
        finally:
            if self._descriptor is None:
                os.close(descriptor)
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


def unreliable(directory: Path) -> str | None:
    """What is wrong with file locks in a directory, in words; None where they hold.

    Both kinds are held here and tried by another process: flock is the sign of life of engines and workers,
    fcntl is SQLite's. Raises NotWritable where no file can be made there.
    """
    path = directory / f"probe-{os.getpid()}-{time.monotonic_ns()}.lock"
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = subprocess.run(  # noqa: S603 - our own interpreter and program
            (sys.executable, "-I", "-S", "-c", _OTHER_PROCESS, str(path)),
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except OSError as error:
        return f"file locks can't be had there: {error.strerror or error}"
    except subprocess.SubprocessError as error:
        return f"file locks can't be tried there: {error}"
    finally:
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()
    got = done.stdout.split()
    return f"two processes hold the same lock at once ({', '.join(got)})" if got else None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise NotWritable(
            f"Lock file {str(path)!r} can't be opened: {error.strerror}.",
            "Make room there." if full else "Check the rights of its directory.",
        ) from None


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # ENOLCK, ENOSYS, EOPNOTSUPP: a file system without locks (flock(2)).
        raise NotWritable(
            f"File locks can't be had: {error.strerror}.",
            "Offramp's own files need a file system with locks: see offramp doctor.",
        ) from None
    return True
