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
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sources.sqlite.assemble import real_texts
from connectors.sources.sqlite.frames import (
    ARROW_TYPES,
    BEGUN,
    DONE,
    ENDED,
    FAILED,
    FOUND,
    HEADER,
    ROWS,
    Begin,
    Command,
    End,
    Look,
    Order,
    Read,
    schema_of,
)

# What it may take beside what it takes before it reads: a batch is so many rows, however large these are.
MEMORY_BYTES = 96 << 20


class Differs(Exception):
    """A value isn't of its column's type."""


class _Voice:
    """Frames to the session."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, what: int, number: int, content: bytes | memoryview = b"") -> None:
        rest = [memoryview(HEADER.pack(what, number, len(content))), memoryview(content)]
        while rest:
            written = os.writev(self._descriptor, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]


class _Reader:
    """The file, open in this process."""

    def __init__(self, uri: str, voice: _Voice) -> None:
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
        expected = [*(ARROW_TYPES[storage] for storage in command.storages), pa.int64()]
        schema = schema_of(command.storages, typed=command.typed)
        with self._result(command.statement, command.batch_rows) as rows:
            for number, (found, wanted) in enumerate(zip(rows.schema.types, expected, strict=True)):
                if found != wanted:
                    raise Differs(_words(number))
            ours = 1
            for batch in rows:
                self._rows(batch.slice(ours), schema, command)
                ours = 0

    def _rows(self, batch: pa.RecordBatch, schema: pa.Schema, command: Read) -> None:
        *columns, differs = batch.columns
        good = len(batch)
        if differs.null_count < len(batch):
            good = int(np.flatnonzero(differs.is_valid().to_numpy(zero_copy_only=False))[0])
        arrays = [
            column.slice(0, good) if command.typed else _texts(column.slice(0, good)) for column in columns
        ]
        for piece in _pieces(pa.RecordBatch.from_arrays(arrays, schema=schema), command.frame_bytes):
            self._voice.say(ROWS, len(piece), memoryview(piece.serialize()))
        if good < len(batch):
            raise Differs(_words(differs[good].as_py()))


def _words(column: int) -> str:
    return f"values of several types in column {column + 1}"


def _texts(column: pa.Array) -> pa.Array:
    """Values as they are written, or the bytes that they are."""
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    elif pa.types.is_floating(column.type):
        return real_texts(column)
    return column.cast(pa.binary())


def _pieces(rows: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    """Rows in pieces of at most so many bytes, or of one row."""
    if rows.nbytes <= limit:
        if len(rows):
            yield rows
        return
    lengths = np.full(len(rows), 12 * rows.num_columns, np.int64)
    for column in rows.columns:
        if not pa.types.is_primitive(column.type):
            lengths += pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    until = np.cumsum(lengths)
    at = before = 0
    while at < len(rows):
        end = max(at + 1, int(np.searchsorted(until, before + limit, side="right")))
        yield rows.slice(at, end - at)
        before, at = int(until[end - 1]), end


def _serve(reader: _Reader, commands: SimpleQueue[Command], voice: _Voice) -> None:
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
    voice = _Voice(os.dup(1))
    # Whatever else prints would be taken for a frame.
    os.dup2(2, 1)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
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
