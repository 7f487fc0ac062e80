"""A program on a terminal of its own (pty(7)), for tests and measurements that need a real one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-B]|[=>78Mc])")


class PseudoTerminal:
    """Runs `command` in `directory` with exactly `environment` on a terminal of `size` (columns, rows).
    `output` is all that it wrote, read by `read` and `until`; times are of the monotonic clock."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self.output = bytearray()
        self.started = time.monotonic()
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            # The size is set here, so that the program can't ask for it before.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvpe(command[0], list(command), dict(environment))

    def send(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def read(self, seconds: float) -> bytes:
        """What is written within that time, back at once when there is something."""
        ready = select.poll()  # select(2) takes no descriptor above 1023
        ready.register(self._descriptor, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return b""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:
            # Linux says EIO once nobody has the other side open.
            return b""
        self.output += data
        return data

    def drain(self, seconds: float) -> int:
        """Read for so long; the number of bytes that came."""
        end = time.monotonic() + seconds
        before = len(self.output)
        while (left := end - time.monotonic()) > 0:
            self.read(left)
        return len(self.output) - before

    def until(self, text: str, *, seconds: float = 20.0, since: int = 0) -> float:
        """When `text` had been written, after place `since` of the output. Raises TimeoutError."""
        wanted = text.encode()
        end = time.monotonic() + seconds
        while wanted not in ESCAPES.sub(b"", bytes(self.output[since:])):
            if time.monotonic() > end:
                raise TimeoutError(f"{text!r} never came; last: {bytes(self.output[-500:])!r}")
            self.read(0.5)
        return time.monotonic()

    def cpu_seconds(self) -> float:
        """Of the program itself, without its children: proc(5), fields 14 and 15 of `stat`."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, seconds: float = 30.0) -> int:
        """Its exit status. What it still writes is read, or it would wait for that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                # Its last words are still on their way through the terminal.
                while self.read(0.1):
                    pass
                os.close(self._descriptor)
                return os.waitstatus_to_exitcode(status)
            self.read(0.1)
        raise TimeoutError(f"process {self.pid} doesn't end")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError, OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._descriptor)
