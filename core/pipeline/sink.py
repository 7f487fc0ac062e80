"""Bytes to an open file, compressed where that is asked for, with a running SHA-256: in a thread of its own
once there are many of them.

Compressing, writing and hashing let other threads run. Beside a reader that waits for its server most of the
time, they then cost the export next to nothing; a small file isn't worth a thread.
"""

from __future__ import annotations

import hashlib
from queue import Queue
from threading import Condition, Thread

from core.formats.compress import Compressor
from core.pipeline.disk import Disk, OpenFile
from core.pipeline.early import Early

INLINE_BYTES = 4 << 20
DEPTH = 8
# What may wait, unless one piece alone is larger: a row group has many megabytes.
WAITING_BYTES = 16 << 20


class Sink:
    """Takes pieces in order. `digest` is the hash so far, of what the file holds already: `written` bytes."""

    def __init__(
        self,
        disk: Disk,
        file: OpenFile,
        digest: hashlib._Hash,
        *,
        written: int = 0,
        compressor: Compressor | None = None,
    ) -> None:
        self._disk = disk
        self._file = file
        self._digest = digest
        self._compressor = compressor
        self.written = written
        self._early = Early(disk, file, written)
        self._inline = INLINE_BYTES
        self._waiting: Queue[bytes | memoryview | None] = Queue(DEPTH)
        self._room = Condition()
        self._held = 0
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def put(self, piece: bytes | memoryview) -> None:
        """Take a piece, which nobody changes any more; waits while `DEPTH` others or WAITING_BYTES do. Raises
        the OutputError of this or an earlier piece."""
        if self._thread is None:
            if len(piece) <= self._inline:
                self._inline -= len(piece)
                self._take(piece)
                return
            self._thread = Thread(target=self._work, name="sink", daemon=True)
            self._thread.start()
        self._raise_error()
        with self._room:
            self._room.wait_for(lambda: not self._held or self._held + len(piece) <= WAITING_BYTES)
            self._held += len(piece)
        self._waiting.put(piece)
        if len(piece) > WAITING_BYTES:
            # A very large row: the next one needn't be in memory beside it.
            with self._room:
                self._room.wait_for(lambda: not self._held)

    def drain(self) -> None:
        """Wait until all pieces are in the file and in the hash, up to where a reader can read. Raises as
        `put` does."""
        if self._thread is not None:
            self._waiting.join()
            self._raise_error()
        if self._compressor is not None:
            self._write(self._compressor.finish())

    def close(self) -> None:
        """End the threads; pieces that wait are still written, and errors are no longer told."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        self._early.close()

    def _take(self, piece: bytes | memoryview) -> None:
        self._write(piece if self._compressor is None else self._compressor.compress(piece))

    def _write(self, data: bytes | memoryview) -> None:
        if len(data):
            self._disk.write(self._file, data)
            self._digest.update(data)
            self.written += len(data)
            self._early.reached(self.written)

    def _work(self) -> None:
        while (piece := self._waiting.get()) is not None:
            size = len(piece)
            # After an error the rest is only taken away, so that nobody waits for room in vain.
            if self._error is None:
                try:
                    self._take(piece)
                except BaseException as error:  # noqa: BLE001 - raised again where the pieces come from
                    self._error = error
            del piece  # it may be large: whoever waits for room wants its memory, too
            with self._room:
                self._held -= size
                self._room.notify()
            self._waiting.task_done()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
