"""Memory that a session and the process beside it both see: what lies there needn't go through a pipe, which
would copy it twice and hold less than a frame of it.

It has places of one size. The process fills one after the other, round and round; the session gives them back
in the same order, by a byte each in a pipe of their own. Where a system has no such memory (memfd_create(2)),
and for what is larger than a place, the pipe of all frames serves.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress

import pyarrow as pa

PLACES = 4
PLACE_BYTES = 2 << 20


class Shared:
    """The session's side: it reads. `descriptors` are for the process; they are this side's until
    `handed_over`."""

    def __init__(self) -> None:
        """Raises OSError, and AttributeError where the system hasn't it."""
        memory = os.memfd_create("offramp")
        try:
            os.ftruncate(memory, PLACES * PLACE_BYTES)
            self._view = memoryview(mmap.mmap(memory, PLACES * PLACE_BYTES, prot=mmap.PROT_READ))
            freed, self._free = os.pipe()
        except OSError:
            os.close(memory)
            raise
        self.descriptors = (memory, freed)
        self._at = 0

    def handed_over(self) -> None:
        """The process has its descriptors, or there will be none."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    def content(self, size: int) -> memoryview:
        """What lies in the place that was filled next; holds until it is given back."""
        begin = self._at * PLACE_BYTES
        return self._view[begin : begin + size]

    def give_back(self) -> None:
        """That place may be filled again."""
        self._at = (self._at + 1) % PLACES
        with suppress(BrokenPipeError):  # whoever reads on will notice
            os.write(self._free, b"\0")

    def close(self) -> None:
        """The memory stays as long as anybody has a view of it."""
        os.close(self._free)


class Places:
    """The process's side: it writes record batches of one schema after the other."""

    def __init__(self, memory: int, freed: int) -> None:
        """Raises OSError."""
        self._sink = pa.memory_map(f"/proc/self/fd/{memory}", "r+")
        os.close(memory)
        self._freed = freed
        self._free, self._at = PLACES, 0
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._schema: pa.Schema | None = None

    def put(self, rows: pa.RecordBatch) -> int | None:
        """Write a record batch into the next place; waits until it is free. Its length, None where it has no
        room there. Raises BrokenPipeError where the session has gone."""
        if pa.ipc.get_record_batch_size(rows) > PLACE_BYTES:
            return None
        while not self._free:
            given = os.read(self._freed, PLACES)
            if not given:
                raise BrokenPipeError
            self._free += len(given)
        begin = self._at * PLACE_BYTES
        self._sink.seek(begin)
        if self._writer is None or not rows.schema.equals(self._schema):
            # What it begins with is the schema, which the session knows.
            self._writer, self._schema = pa.ipc.new_stream(self._sink, rows.schema), rows.schema
            self._writer.write_batch(rows.slice(0, 0))
            self._sink.seek(begin)
        self._writer.write_batch(rows)
        self._free, self._at = self._free - 1, (self._at + 1) % PLACES
        return int(self._sink.tell()) - begin
