"""What a worker of a cluster does: it reads one part, as an `Errand` says.

Both functions are called by their names; nothing of this program's own is pickled. A thread looks whether the
worker still wants the part: it doesn't once the task is aborted, its attempt is gone, or the scheduler. Then
the statement is ended on the server, too.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
import msgspec
import pyarrow.fs  # noqa: F401 - in full, before a format leaves out what others in this process may use
from distributed.core import Status
from msgspec.structs import replace

from connectors.base import Credentials
from core.cluster.errand import (
    TOPIC,
    Began,
    Ended,
    Errand,
    Finished,
    Logged,
    Moved,
    Outcome,
    Saying,
    Slower,
)
from core.cluster.looking import password_there
from core.connectors import open_destination, open_source
from core.errors import Aborted, OfframpError
from core.model.hiding import Hiding
from core.pipeline.cancel import Cancel
from core.pipeline.disk import Disk, join
from core.pipeline.pace import Pace
from core.pipeline.part_process import Broken, Failed
from core.pipeline.parts import PartJob, PartResult, run_part
from core.pipeline.sending import send_file

LOOK_SECONDS = 0.3


def carry_out(text: str) -> str:
    """Carry out an `Errand`; gives an `Outcome`. Both are JSON."""
    errand = msgspec.json.decode(text, type=Errand)
    return msgspec.json.encode(_Execution(errand).outcome()).decode()


def slow_down(text: str) -> None:
    """Note how fast the executions on this worker may go from now on (`Slower`)."""
    slower = msgspec.json.decode(text, type=Slower)
    for execution in tuple(_under_way):
        execution.slow_down(slower)


class _Execution:
    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._name = secrets.token_hex(2)
        self._worker = distributed.get_worker()
        self._key = self._worker.get_current_task()
        self._cancel = Cancel()
        self._over = threading.Event()
        self._said = 0.0
        self._rate = errand.rate
        self._secrets: list[str | None] = []
        self._thread = threading.get_ident()

    def slow_down(self, slower: Slower) -> None:
        if slower.program == self._errand.program:
            self._rate = slower.rate

    def outcome(self) -> Outcome:
        watching = threading.Thread(target=self._watch, name="part-watch", daemon=True)
        watching.start()
        _under_way.add(self)
        lines = _Lines(self._log)
        _SOURCES.addHandler(lines)
        try:
            self._say(Began(**self._whose, worker=self._worker.address))
            return self._carry_out()
        except OfframpError as error:
            # What is ended on request isn't the database's fault.
            said = Aborted("Aborted on request.") if self._cancel.requested else error
            return Failed(said.info())
        except Exception as error:  # noqa: BLE001 - told to the attempt, whose log it is for
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
            return Broken(place, Hiding(self._secrets)(traceback.format_exc()))
        finally:
            _SOURCES.removeHandler(lines)
            _under_way.discard(self)
            self._over.set()
            self._cancel.unbind()
            self._say(Ended(**self._whose))

    def _carry_out(self) -> Finished:
        errand = self._errand
        if errand.destination is None:
            directory = self._own_directory()
            disk = Disk(Path(errand.job.root))
            disk.make_directory(directory)
            return Finished(self._read(disk, directory), directory)
        with self._spool() as spool:
            result = self._read(Disk(spool), "")
            directory = self._own_directory()
            self._send(spool, directory, result)
            return Finished(result, directory)

    def _own_directory(self) -> str:
        errand = self._errand
        return join(errand.directory, self._name) if errand.apart else errand.directory

    # Reading

    def _read(self, disk: Disk, directory: str) -> PartResult:
        """Read the part into files of that directory; gives them as the manifest calls them."""
        errand, cancel = self._errand, self._cancel
        above, _, name = errand.job.path.rpartition("/")
        job: PartJob = replace(errand.job, root=str(disk.root), work=directory, path=name)
        password = password_there(errand.connection.secret, f"connection {errand.connection.name!r}")
        source = open_source(
            errand.connection, Credentials(password=password), program=errand.program_of(self._name)
        )
        self._secrets.append(password)
        cancel.check()
        with source.connect() as session:
            cancel.bind(session)
            try:
                if errand.snapshot is not None:
                    session.begin(errand.snapshot)
                pace = Pace(lambda: self._rate, cancel.check)
                result = run_part(session, job, disk, check=cancel.check, progress=self._moved, pace=pace)
            finally:
                cancel.unbind()
        files = tuple(replace(entry, path=join(above, entry.path)) for entry in result.files)
        return replace(result, files=files)

    def _moved(self, rows: int, size: int) -> None:
        now = time.monotonic()
        if now - self._said >= self._errand.seconds:
            self._said = now
            self._say(Moved(**self._whose, rows=rows, size=size))

    # Sending

    @contextmanager
    def _spool(self) -> Iterator[Path]:
        """A directory of this worker's own, which Dask removes as well where the worker is killed."""
        spool = Path(tempfile.mkdtemp(prefix="offramp-", dir=self._worker.local_directory))
        try:
            yield spool
        finally:
            shutil.rmtree(spool, ignore_errors=True)

    def _send(self, spool: Path, directory: str, result: PartResult) -> None:
        destination = self._errand.destination
        assert destination is not None  # noqa: S101 - asked before
        password = password_there(destination.secret, destination.whose)
        self._secrets.append(password)
        with open_destination(destination, password).connect() as files:
            files.make_directory(directory)
            for entry in result.files:
                name = entry.path.rpartition("/")[2]
                send_file(
                    files,
                    join(directory, name),
                    spool / name,
                    entry.sha256,
                    told=lambda _: self._cancel.check(),
                    check=self._cancel.check,
                )

    # Whether it is still wanted

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if not self._wanted:
                self._cancel.pursue()
                return

    @property
    def _wanted(self) -> bool:
        worker = self._worker
        task = worker.state.tasks.get(self._key)
        return (
            worker.status in (Status.running, Status.paused, Status.closing_gracefully)
            and task is not None
            and task.state in ("executing", "long-running")
        )

    # What is said

    @property
    def _whose(self) -> dict[str, Any]:
        return {"program": self._errand.program, "number": self._errand.number, "execution": self._name}

    def _log(self, record: logging.LogRecord) -> None:
        """What a source has to say of how it reads; other parts are read in other threads."""
        if record.thread == self._thread:
            text = Hiding(self._secrets)(record.getMessage())
            self._say(Logged(**self._whose, level=record.levelno, text=text))

    def _say(self, saying: Saying) -> None:
        self._worker.log_event(TOPIC, msgspec.json.encode(saying).decode())


class _Lines(logging.Handler):
    """Hands lines on."""

    def __init__(self, hear: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(logging.DEBUG)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record)


_SOURCES = logging.getLogger("offramp.source")
_SOURCES.setLevel(logging.DEBUG)
# The lines are the task's, not the worker's.
_SOURCES.propagate = False
# The executions on this worker, in whichever of its threads.
_under_way: set[_Execution] = set()
