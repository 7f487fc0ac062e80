"""Starting processes that outlive whoever starts them, without leaving zombies behind while it lives."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class Child:
    """A process in a session of its own. A thread waits for it, so that it is reaped when it ends, and then
    calls `ended`."""

    def __init__(self, process: subprocess.Popen[bytes], ended: Callable[[], None] | None = None) -> None:
        self._process = process
        self._ended = ended
        self._reaper = threading.Thread(target=self._reap, name=f"reaper-{process.pid}", daemon=True)
        self._reaper.start()

    def _reap(self) -> None:
        self._process.wait()
        if self._ended is not None:
            self._ended()

    @property
    def pid(self) -> int:
        """Also the number of its process group."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """How it ended: its exit status, the negative number of the signal that killed it, None while it
        runs."""
        return self._process.returncode

    def wait(self, seconds: float) -> int | None:
        """Wait up to so long for its end; then as `ended`."""
        self._reaper.join(seconds)
        return self.ended

    def signal(self, number: int) -> None:
        """Send a signal to it, nothing where it has ended."""
        self._process.send_signal(number)


def start_detached(
    command: Sequence[str],
    *,
    output: Path,
    environment: Mapping[str, str],
    message: bytes = b"",
    ended: Callable[[], None] | None = None,
) -> Child:
    """Start `command` at the root directory in a new session; what it prints is appended to `output`
    (0600). `message` is what it reads from its standard input; where that is more than a pipe holds, the call
    waits for it to read. `ended` is called, by a thread, at its end. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(output, flags, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is this program's own
            command,
            stdin=subprocess.PIPE if message else subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    if process.stdin is not None:
        # One that has ended already tells how by its exit status.
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(message)
    return Child(process, ended)


def describe_end(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "it was killed, or the machine went down"
    if status < 0:
        return f"it was killed by signal {-status}"
    return f"it ended with status {status}"
