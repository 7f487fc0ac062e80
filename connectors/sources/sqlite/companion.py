"""The process that reads beside a session, as the session sees it (`companion_process`)."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import msgspec
import numpy as np

from connectors.sources.sqlite.frames import (
    BEGUN,
    ENDED,
    FAILED,
    FOUND,
    HEADER,
    PLACED,
    ROWS,
    Begin,
    Command,
    End,
    Look,
    Order,
    Read,
)
from connectors.sources.sqlite.shared import Shared

# numpy's threads for matrices turn for a while before they sleep: it has none to work on.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
PROCESS = (sys.executable, "-P", "-m", "connectors.sources.sqlite.companion_process")
# The kernel's own is 64 kB, some three hundred rows.
PIPE_BYTES = 1 << 20


class Parted(Exception):
    """It can't do what was asked of it, or has gone. Says why."""


class Companion:
    """A process that reads the same file. It is made at once and takes a while to be there; what it is asked
    to begin is answered later (`begun`). Only `kill` may come from another thread."""

    def __init__(self, uri: str) -> None:
        """Raises Parted."""
        self._shared: Shared | None = None
        with suppress(OSError, AttributeError):
            self._shared = Shared()
        descriptors = self._shared.descriptors if self._shared is not None else None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is this program's own
                PROCESS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, **ENVIRONMENT},
                bufsize=0,
                pass_fds=descriptors or (),
            )
        except OSError as error:
            if self._shared is not None:
                self._shared.close()
            raise Parted(f"it can't be started: {error}") from error
        finally:
            if self._shared is not None:
                self._shared.handed_over()
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101
        self._input, self._output = self._process.stdin, self._process.stdout
        with suppress(OSError, AttributeError):  # a limit of the system, or a system without
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._number = 0
        self._room = bytearray()
        self._write(Order(uri=uri, shared=descriptors))

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> None:
        """Ask it to begin a read transaction, and don't wait. Raises Parted."""
        self._say(Begin(number=0))

    def begun(self, seconds: float) -> bool:
        """Whether it has begun, waiting for so long. Raises Parted."""
        until = monotonic() + seconds
        while self._readable(max(0.0, until - monotonic())):
            if self._answer() == BEGUN:
                return True
        return False

    def end(self, *, wait: bool) -> None:
        """Have it let go of its transaction. Raises Parted."""
        self._say(End(number=0))
        while wait and self._answer() != ENDED:
            pass

    def look(self, statement: str) -> None:
        """Ask whether a statement gives a row, and don't wait. Raises Parted."""
        self._say(Look(number=0, statement=statement))

    def found(self) -> bool:
        """The answer to `look`, waited for. Raises Parted."""
        while (answer := self._answer()) is None:
            pass
        return answer == FOUND

    def rows(self, command: Read, *, keep: bool) -> Iterator[tuple[int, memoryview]]:
        """The frames of rows: how many, and a record batch. `keep`: they are the caller's own, else they hold
        until the next. Raises Parted."""
        self._say(command)
        done = False
        try:
            while True:
                what, number, size = self._header()
                if what == PLACED:
                    yield from self._placed(number, size, keep=keep)
                    continue
                if what == ROWS:
                    yield number, self._content(size, keep=keep)
                    continue
                done = number in (0, self._number)
                self._check(what, number, size)
                if done:
                    return
        finally:
            if not done:
                # It would go on writing rows that nobody takes.
                self.kill()

    def _placed(self, rows: int, size: int, *, keep: bool) -> Iterator[tuple[int, memoryview]]:
        assert self._shared is not None  # noqa: S101 - it was told of it
        content = self._shared.content(size)
        if keep:
            room = np.empty(size, np.uint8).data
            room[:] = content
            self._shared.give_back()
            yield rows, room
        else:
            yield rows, content
            self._shared.give_back()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it now. It only reads: nothing is left to be undone."""
        self._process.kill()

    def close(self) -> None:
        """End it and let go of it."""
        self.kill()
        self._process.wait()
        self._input.close()
        self._output.close()
        if self._shared is not None:
            self._shared.close()

    def _say(self, command: Command) -> None:
        self._number += 1
        self._write(msgspec.structs.replace(command, number=self._number))

    def _write(self, line: Order | Command) -> None:
        rest = memoryview(msgspec.json.encode(line) + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._input.fileno(), rest) :]
        except BrokenPipeError as error:
            raise self._gone() from error

    def _readable(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _answer(self) -> int | None:
        """What the next frame says of the last command, None where it is about an earlier one."""
        what, number, size = self._header()
        self._check(what, number, size)
        return what if number == self._number else None

    def _check(self, what: int, number: int, size: int) -> None:
        """Raises Parted where the last command, or all, has failed."""
        content = bytes(self._content(size, keep=False))
        if what == FAILED and number in (0, self._number):
            raise Parted(content.decode("utf-8", "replace").partition("\n")[0])

    def _header(self) -> tuple[int, int, int]:
        what, number, size = HEADER.unpack(bytes(self._content(HEADER.size, keep=False)))
        return what, number, size

    def _content(self, size: int, *, keep: bool) -> memoryview:
        if keep:
            room = bytearray(size)
        else:
            if len(self._room) < size:
                self._room = bytearray(size + size // 4)
            room = self._room
        view = memoryview(room)[:size]
        at = 0
        while at < size:
            count = os.readv(self._output.fileno(), [view[at:]])
            if not count:
                raise self._gone()
            at += count
        return view

    def _gone(self) -> Parted:
        self.kill()
        status = self._process.wait()
        return Parted(
            f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}"
        )
