"""What becomes of the record batches that the process beside a session has read: proved, written out, sent.

By a thread of its own, since the driver needs no interpreter while it reads the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import core.lone_arrow  # noqa: F401 - before Arrow is given anything
from connectors.sources.sqlite.assemble import real_texts
from connectors.sources.sqlite.frames import HEADER, PLACED, ROWS, Read, schema_of
from connectors.sources.sqlite.shared import Places


class Differs(Exception):
    """A value isn't of its column's type."""

    def __init__(self, column: int) -> None:
        super().__init__(f"values of several types in column {column + 1}")


class Voice:
    """Frames to the session."""

    def __init__(self, descriptor: int, places: Places | None) -> None:
        self._descriptor = descriptor
        self._places = places

    def say(self, what: int, number: int, content: bytes | memoryview = b"") -> None:
        self._write(HEADER.pack(what, number, len(content)), content)

    def rows(self, rows: pa.RecordBatch) -> None:
        """Where the session sees them, else through the pipe."""
        size = self._places.put(rows) if self._places is not None else None
        if size is None:
            self.say(ROWS, len(rows), memoryview(rows.serialize()))
        else:
            self._write(HEADER.pack(PLACED, len(rows), size))

    def _write(self, *parts: bytes | memoryview) -> None:
        rest = [memoryview(part) for part in parts]
        while rest:
            written = os.writev(self._descriptor, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]


class Sender:
    """Sends a statement's batches in the order in which they are given. There are two at most: one that is
    being sent, and one that is being read."""

    def __init__(self, voice: Voice, command: Read) -> None:
        self._voice = voice
        self._command = command
        self._schema = schema_of(command.storages, typed=command.typed)
        self._given: SimpleQueue[pa.RecordBatch | None] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._done.put(None)
        self._thread = Thread(target=self._work, name="sender", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given.put(None)
        self._thread.join()

    def send(self, batch: pa.RecordBatch) -> None:
        """Have it sent once the one before is. Raises what was met with that."""
        self.wait()
        self._given.put(batch)

    def wait(self) -> None:
        """Until all that was given is sent. Raises what was met with it."""
        error = self._done.get()
        if error is not None:
            raise error

    def _work(self) -> None:
        while (batch := self._given.get()) is not None:
            try:
                self._rows(batch)
            except Exception as error:  # noqa: BLE001 - raised by whoever waits
                self._done.put(error)
                return
            del batch
            self._done.put(None)

    def _rows(self, batch: pa.RecordBatch) -> None:
        *columns, differs = batch.columns
        good = len(batch)
        if differs.null_count < len(batch):
            good = int(np.flatnonzero(differs.is_valid().to_numpy(zero_copy_only=False))[0])
            columns = [column.slice(0, good) for column in columns]
        if self._command.typed:
            arrays = [column.view(kind) for column, kind in zip(columns, self._schema.types, strict=True)]
        else:
            arrays = [_texts(column) for column in columns]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        for piece in _pieces(rows, self._command.frame_bytes):
            self._voice.rows(piece)
        if good < len(batch):
            raise Differs(differs[good].as_py())


def _texts(column: pa.Array) -> pa.Array:
    """Values as they are written, or the bytes that they are."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.string()).view(pa.binary())
    return real_texts(column) if pa.types.is_floating(column.type) else column


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
