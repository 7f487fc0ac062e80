"""A process that reads parts of an object for the worker that started it, one after the other.

Started as `python -P -m core.pipeline.part_process`. Its standard input has one line of JSON with the way
into the database (`PartOrder`), then a command in each line; what it says goes to its standard output,
likewise.
It ends when its input ends, whatever it is doing then: that is how the worker lets it go, and what is left of
the worker where that is killed. SIGTERM ends it too; both end its statement on the server.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import Queue
from typing import BinaryIO

import msgspec

from connectors.base import Credentials, Session
from core.connectors import open_source
from core.dumps import forbid_core_dumps
from core.errors import Aborted, ErrorInfo, OfframpError
from core.model.connection import Connection
from core.model.load import Rate
from core.model.settings import SysAccount
from core.model.task import Snapshot
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk
from core.pipeline.pace import Pace
from core.pipeline.parts import PartJob, PartResult, run_part

PROGRESS_SECONDS = 0.25
GARBAGE_OBJECTS = 20_000
# How long a statement that is ended may take to come back before the process leaves without it.
GOODBYE_SECONDS = 10.0


class PartOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The way into the database, with its passwords. `program` is who the process says it is."""

    connection: Connection
    program: str
    password: str | None = None
    sys_password: str | None = None
    sys_account: SysAccount | None = None

    def __repr__(self) -> str:
        return f"<order for {self.program}>"


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Fix a point in time: that of a snapshot, or one of its own."""

    snapshot: Snapshot | None


class End(msgspec.Struct, frozen=True, tag=True):
    """Let go of it."""


class Run(msgspec.Struct, frozen=True, tag=True):
    job: PartJob


class Limit(msgspec.Struct, frozen=True, tag=True):
    """Read no faster from now on, in the middle of a part too."""

    rate: Rate | None


Command = Begin | End | Run | Limit


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The session is open."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The point in time is fixed."""


class Moved(msgspec.Struct, frozen=True, tag=True):
    """Rows and bytes of the part so far."""

    rows: int
    size: int


class Done(msgspec.Struct, frozen=True, tag=True):
    result: PartResult


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The command came to nothing."""

    error: ErrorInfo


class Broken(msgspec.Struct, frozen=True, tag=True):
    """A bug: `place` where it is, `trace` for the log."""

    place: str
    trace: str


Answer = Ready | Begun | Moved | Done | Failed | Broken


class _Voice:
    """Says answers to the worker. Once that is gone, nobody listens."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._moved = 0.0

    def say(self, answer: Answer) -> None:
        try:
            self._stream.write(msgspec.json.encode(answer) + b"\n")
            self._stream.flush()
        except BrokenPipeError:
            # The end of the input says the same, and what there is to do about it.
            return

    def moved(self, rows: int, size: int) -> None:
        now = time.monotonic()
        if now - self._moved >= PROGRESS_SECONDS:
            self._moved = now
            self.say(Moved(rows, size))


class _Wishes:
    """What the worker asks for: commands in their order, None behind the last, and the rate of now."""

    def __init__(self) -> None:
        self.commands: Queue[Command | None] = Queue()
        self.rate: Rate | None = None

    def take(self, command: Command) -> None:
        if isinstance(command, Limit):
            self.rate = command.rate
        else:
            self.commands.put(command)

    def end(self) -> None:
        self.commands.put(None)


def main() -> int:
    """Carry out commands until there are no more; returns the process's exit status."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    # What is loaded stays: it isn't looked through for garbage again and again.
    gc.set_threshold(GARBAGE_OBJECTS)
    forbid_core_dumps()
    faulthandler.enable()
    voice = _Voice(os.fdopen(os.dup(1), "wb"))
    # Whatever else prints would be taken for an answer.
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=PartOrder)
    cancel = Cancel()
    wishes = _Wishes()
    _listen(wishes, cancel)
    _heed_termination(wishes, cancel)
    try:
        source = open_source(
            order.connection,
            Credentials(password=order.password, sys_password=order.sys_password),
            sys_account=order.sys_account,
            program=order.program,
        )
        with cancel.interruptible():
            connected = source.connect()
        with connected as session:
            cancel.bind(session)
            try:
                voice.say(Ready())
                _serve(session, wishes, voice, cancel)
            finally:
                cancel.unbind()
    except OfframpError as error:
        # What is ended on request isn't the database's fault.
        said = Aborted("Aborted on request.") if cancel.requested else error
        voice.say(Failed(said.info()))
        return 1
    except Exception as error:  # noqa: BLE001 - told to the worker, whose log it is for
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
        voice.say(Broken(place, traceback.format_exc()))
        return 1
    return 0


def _serve(session: Session, wishes: _Wishes, voice: _Voice, cancel: Cancel) -> None:
    pace = Pace(lambda: wishes.rate, cancel.check)
    while (command := wishes.commands.get()) is not None:
        cancel.check()
        match command:
            case Begin(snapshot):
                session.begin(snapshot)
                voice.say(Begun())
            case End():
                session.end()
            case Run(job):
                disk = Disk(Path(job.root))
                result = run_part(session, job, disk, check=cancel.check, progress=voice.moved, pace=pace)
                voice.say(Done(result))


def _listen(wishes: _Wishes, cancel: Cancel) -> None:
    """Take commands in a thread, so that the end of the input is noticed while something is under way."""

    def listen() -> None:
        for line in sys.stdin.buffer:
            wishes.take(msgspec.json.decode(line, type=Command))
        wishes.end()
        _leave_soon()
        cancel.pursue()

    threading.Thread(target=listen, name="commands", daemon=True).start()


def _leave_soon() -> None:
    """A driver that can't be cancelled keeps nobody here."""
    timer = threading.Timer(GOODBYE_SECONDS, os._exit, [1])
    timer.daemon = True
    timer.start()


def _heed_termination(wishes: _Wishes, cancel: Cancel) -> None:
    """SIGTERM asks `cancel` from a thread, as in the worker."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: cancel.interrupt())
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        while numbers := os.read(reader, 64):
            if signal.SIGTERM in numbers:
                _leave_soon()
                wishes.end()
                cancel.pursue()

    threading.Thread(target=wait, name="termination", daemon=True).start()


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # The interpreter can't shut down while a thread waits for more on standard input.
    os._exit(status)
