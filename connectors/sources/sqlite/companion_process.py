"""A process that reads tables of a SQLite file into Arrow, for the session that started it.

Started as `python -P -m connectors.sources.sqlite.companion_process`. Its driver brings a SQLite library of
its own, and two of these in one process drop each other's locks on a file
(https://www.sqlite.org/howtocorrupt.html, 2.2.1): hence a process.

Commands come by its standard input, frames go to its standard output (`frames`). It ends when its input ends,
whatever it is doing then.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import adbc_driver_manager as adbc
import adbc_driver_sqlite
import msgspec
import pyarrow as pa

from connectors.sources.sqlite.frames import (
    BEGUN,
    DONE,
    ENDED,
    FAILED,
    FOUND,
    READ_TYPES,
    Begin,
    Command,
    End,
    Look,
    Order,
    Read,
)
from connectors.sources.sqlite.sending import Differs, Sender, Voice
from connectors.sources.sqlite.shared import Places

# What it may take beside what it takes before it reads: a batch is so many rows, however large these are.
MEMORY_BYTES = 96 << 20


class _Reader:
    """The file, open in this process."""

    def __init__(self, uri: str, voice: Voice) -> None:
        self._voice = voice
        self._database = adbc_driver_sqlite.connect(uri)
        self._connection = adbc.AdbcConnection(self._database)
        # Nothing of a foreign file has effects.
        for pragma in ("query_only = 1", "trusted_schema = 0", "busy_timeout = 200"):
            self._run(f"PRAGMA {pragma}")

    @contextmanager
    def _result(self, statement: str, batch_rows: int = 1) -> Iterator[pa.RecordBatchReader]:
        with adbc.AdbcStatement(self._connection) as handle:
            handle.set_options(**{adbc_driver_sqlite.StatementOptions.BATCH_ROWS.value: str(batch_rows)})
            handle.set_sql_query(statement)
            stream, _ = handle.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as rows:
                yield rows

    def _run(self, statement: str) -> None:
        with self._result(statement) as rows:
            rows.read_all()

    def begin(self) -> None:
        self._run("BEGIN")
        # The transaction takes its point in time with its first read.
        self._run("SELECT 1 FROM sqlite_master LIMIT 1")

    def end(self) -> None:
        # Where none was begun there is nothing to end.
        with suppress(adbc.Error):
            self._run("ROLLBACK")

    def finds(self, statement: str) -> bool:
        with self._result(statement) as rows:
            return bool(rows.read_all().num_rows)

    def read(self, command: Read) -> None:
        expected = [*(READ_TYPES[storage] for storage in command.storages), pa.int64()]
        with self._result(command.statement, command.batch_rows) as rows:
            for number, (found, wanted) in enumerate(zip(rows.schema.types, expected, strict=True)):
                if found != wanted:
                    raise Differs(number)
            if (first := len(rows.read_next_batch())) != command.batch_rows:
                raise OSError(f"the driver read {first} rows at once, not {command.batch_rows}")
            with Sender(self._voice, command) as sender:
                for batch in rows:
                    sender.send(batch)
                    del batch
                sender.wait()


def _serve(reader: _Reader, commands: SimpleQueue[Command], voice: Voice) -> None:
    while True:
        command = commands.get()
        try:
            match command:
                case Begin():
                    reader.begin()
                    voice.say(BEGUN, command.number)
                case End():
                    reader.end()
                    voice.say(ENDED, command.number)
                case Look():
                    voice.say(FOUND if reader.finds(command.statement) else DONE, command.number)
                case Read():
                    reader.read(command)
                    voice.say(DONE, command.number)
        except (Differs, adbc.Error, pa.ArrowException, OSError, MemoryError) as error:
            if isinstance(error, BrokenPipeError):
                return
            voice.say(FAILED, command.number, str(error).encode("utf-8", "replace") or b"out of memory")


def _listen(commands: SimpleQueue[Command]) -> None:
    """Take commands in a thread, so that the end of the input is noticed while something is under way."""

    def listen() -> None:
        for line in sys.stdin.buffer:
            commands.put(msgspec.json.decode(line, type=Command))
        os._exit(0)

    threading.Thread(target=listen, name="commands", daemon=True).start()


def _bound_memory() -> None:
    """Have allocations fail that go too far (setrlimit(2), RLIMIT_DATA), where the kernel counts them."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        held = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (held + MEMORY_BYTES, hard))


def main() -> None:
    """Carry out commands until there are no more."""
    # A task's end is its worker's to bring about.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    output = os.dup(1)
    # Whatever else prints would be taken for a frame.
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    places = None
    if order.shared is not None:
        with suppress(OSError):  # /proc may be missing
            places = Places(*order.shared)
    voice = Voice(output, places)
    commands: SimpleQueue[Command] = SimpleQueue()
    _listen(commands)
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        reader = _Reader(order.uri, voice)
    except adbc.Error as error:
        voice.say(FAILED, 0, str(error).encode("utf-8", "replace"))
        return
    _bound_memory()
    _serve(reader, commands, voice)


if __name__ == "__main__":
    main()
    # The interpreter can't shut down while a thread waits for more on standard input.
    os._exit(0)
