"""One process of a crew, as its worker sees it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Sequence
from queue import Queue

import msgspec

from connectors.base import Source
from core.errors import OfframpError
from core.model.load import Rate
from core.pipeline.part_process import GOODBYE_SECONDS, Answer, Command, PartOrder
from core.pipeline.parts import PartJob

PROCESS = (sys.executable, "-P", "-m", "core.pipeline.part_process")


class Member:
    """A process that gets in by itself and then takes commands. A thread puts its answers into `answers`,
    None at its end. `job` is what it is at, `rows` and `size` how far, `rate` how fast it was told to go;
    `begun` whether it is at a point in time that others share; `refused` why it couldn't get in, where that
    may be because others did."""

    def __init__(
        self,
        source: Source,
        number: int,
        hold: Sequence[int],
        answers: Queue[tuple[Member, Answer | None]],
    ) -> None:
        self.job: PartJob | None = None
        self.rate: Rate | None = None
        self.rows = self.size = 0
        self.ready = self.begun = self.asked = False
        self.refused: OfframpError | None = None
        self._own = type(source)(
            source.connection,
            source.credentials,
            sys_account=source.sys_account,
            program=f"{source.program} part {number}",
        )
        self._process = subprocess.Popen(  # noqa: S603 - the command is this program's own
            PROCESS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            # The worker's lock: it isn't free before this process, too, is gone.
            pass_fds=hold,
        )
        self._write(
            msgspec.json.encode(
                PartOrder(
                    connection=source.connection,
                    program=self._own.program,
                    password=source.credentials.password,
                    sys_password=source.credentials.sys_password,
                    sys_account=source.sys_account,
                )
            )
        )
        threading.Thread(target=self._listen, args=(answers,), name=f"part-{number}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, command: Command) -> None:
        """Tell it what to do. Where it has ended, its end is what it answers."""
        self._write(msgspec.json.encode(command))

    def _write(self, line: bytes) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line + b"\n")
                self._process.stdin.flush()

    def _listen(self, answers: Queue[tuple[Member, Answer | None]]) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as stream:
                for line in stream:
                    # A process that was killed may leave half a line.
                    with contextlib.suppress(msgspec.DecodeError):
                        answers.put((self, msgspec.json.decode(line, type=Answer)))
        answers.put((self, None))

    def let_go(self) -> None:
        """Close what it listens to: it ends its statement, and itself."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def leave(self) -> bool:
        """Wait for its end, and kill it where that doesn't come. Whether it left by itself."""
        try:
            return self._process.wait(GOODBYE_SECONDS + 2) == 0 or self.job is None
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def wait(self) -> str:
        """How it ended, in words."""
        self._process.wait()
        status = self._process.returncode
        if status < 0:
            return f"was killed by signal {-status}"
        return "was ended" if self.asked else f"ended with status {status}"

    def sweep(self) -> None:
        """End on the server what it has left there. Raises ConnectError."""
        self._own.end_left_over()
