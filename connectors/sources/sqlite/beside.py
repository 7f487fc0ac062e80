"""Large tables read by a second process, where that is known to see the same state of the file.

With a rollback journal the session's own transaction keeps everybody from committing: whoever begins during
it sees the same. In WAL mode others commit beside it; then a third connection tells whether anybody has
(https://www.sqlite.org/pragma.html#pragma_data_version): asked before the session's transaction began, and
after the other's did. Where that can't be shown, or the table isn't what it takes (`uniform`), or the process
is gone, the session goes on by itself: the rows are the same, they come slower.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.base import ReadRequest
from connectors.sources.sqlite import uniform
from connectors.sources.sqlite.columns import arrow_chunk, text_chunk
from connectors.sources.sqlite.companion import Companion, Parted
from connectors.sources.sqlite.frames import Read
from connectors.sources.sqlite.opening import open_file, uri
from connectors.sources.sqlite.statements import Statements
from connectors.sources.sqlite.storage import Storage
from core.chunk import Chunk
from core.errors import ConnectError, ConnectionLost
from core.model.connection import Connection

log = logging.getLogger("offramp.source.sqlite")

# Fewer rows are read before the process is there.
LARGE_ROWS = 50_000
# In WAL mode the process is started with the transaction in files from here on, and waited for.
LARGE_FILE = 32 << 20
WAIT_SECONDS = 3.0
# How long a chunk waits for it: the time is better used for reading.
PATIENCE = 0.0
# Values of long rows cost by their bytes, and a batch of them much memory.
LONGEST_ROW = 16 << 10
MOST_ROWS = 8192
FRAME_BYTES = 5 << 18
LOSSES = 2


class Beside:
    """The process that reads beside a session, from its start to its end. Only `cancel` may come from
    another thread."""

    def __init__(self, connection: Connection, path: Path, ask: Statements) -> None:
        self._connection = connection
        self._path = path
        self._ask = ask
        self._companion: Companion | None = None
        self._observer: Statements | None = None
        self._version: int | None = None
        self._wal = self._asked = self._begun = self._same = False
        self._reading = self._cut = False
        self._losses = 0

    @property
    def pid(self) -> int | None:
        """The process's, None where there is none."""
        return self._companion.pid if self._companion is not None else None

    def before(self) -> None:
        """The session's transaction is about to begin. Raises SourceError's kinds."""
        self._wal = self._is_wal()
        self._version = self._data_version() if self._wal else None

    def after(self) -> bool:
        """It has begun. False where others have committed meanwhile, so that beginning again may help."""
        if not self._wal and self._is_wal():
            # Somebody has changed that meanwhile, which nobody can from here on.
            self._wal, self._version = True, None
        if not self._wal or (self._companion is None and self._file_bytes() < LARGE_FILE):
            return True
        try:
            self.start()
            if not self._has_begun(WAIT_SECONDS):
                return True
        except Parted as error:
            self._look_after(error)
            return True
        return self._same

    def start(self) -> None:
        """Have it begin a transaction, unless it has been asked to. Raises Parted."""
        if self._asked:
            return
        if self._losses >= LOSSES:
            raise Parted("it was lost before")
        if self._companion is None:
            self._companion = Companion(uri(self._path))
        self._companion.begin()
        self._asked, self._begun, self._same = True, False, False

    def starts(self) -> bool:
        """`start`, and whether that could be done."""
        try:
            self.start()
        except Parted as error:
            self._look_after(error)
            return False
        return True

    def shares(self) -> bool:
        """Whether it has begun and sees what the session sees. Raises Parted where it won't."""
        if not self._has_begun(PATIENCE):
            return False
        if not self._same:
            raise Parted("others have written to the file since the transaction began")
        return True

    def _has_begun(self, seconds: float) -> bool:
        companion = self._needed()
        if not self._begun and companion.begun(seconds):
            self._begun = True
            version = self._data_version() if self._wal else None
            self._same = not self._wal or (version is not None and version == self._version)
        return self._begun

    def look(self, statement: str) -> Callable[[], bool]:
        """Have it look whether a statement gives a row; what is returned waits for the answer. Both raise
        Parted, the answer ConnectionLost after `cancel`."""
        companion = self._needed()
        companion.look(statement)
        self._cut, self._reading = False, True

        def answer() -> bool:
            with self._watched(companion):
                return companion.found()

        return answer

    def _needed(self) -> Companion:
        if self._companion is None:
            raise Parted("it is gone")
        return self._companion

    @contextmanager
    def _watched(self, companion: Companion) -> Iterator[None]:
        """While it does what it was asked to. Raises Parted, ConnectionLost after `cancel`."""
        try:
            yield
        except Parted as error:
            self._look_after(error)
            if self._cut:
                raise ConnectionLost(
                    f"Connection {self._connection.name!r}: the read was interrupted."
                ) from error
            raise
        finally:
            self._reading = False
            if companion is self._companion and not companion.alive:
                self._drop()

    def rows(self, command: Read, *, keep: bool) -> Generator[tuple[int, bytearray | memoryview], None, None]:
        """Frames of rows. Raises Parted, ConnectionLost after `cancel`."""
        companion = self._needed()
        self._cut, self._reading = False, True
        with self._watched(companion):
            yield from companion.rows(command, keep=keep)

    def _look_after(self, error: Parted) -> None:
        """Whether the process is still there, after it did not do what was asked of it."""
        if self._companion is not None and not self._companion.alive:
            if not self._cut:
                log.debug("The second process is lost: %s", error)
                self._losses += 1
            self._drop()

    def remainder(
        self, request: ReadRequest, behind: Callable[[int], str], *, typed: bool, proven: bool
    ) -> Remainder | None:
        """What reads a table behind its first rows. `behind` gives what follows the table's name in a
        statement for what comes after so many; `proven`: each column's values are known to be of its type.
        None where nothing can."""
        if not self.starts():
            return None
        return Remainder(self, request, behind, typed, proven)

    def end(self) -> None:
        """The session's transaction ends."""
        if self._reading:
            # What is given up in the middle would go on to its end.
            self._drop()
        if self._asked and self._companion is not None:
            try:
                self._companion.end(wait=self._begun)
            except Parted as error:
                self._look_after(error)
        self._asked = self._begun = self._same = False

    def cancel(self) -> None:
        """End what it reads now."""
        companion = self._companion
        if self._reading and companion is not None:
            self._cut = True
            companion.kill()

    def close(self) -> None:
        self._drop()
        if self._observer is not None:
            self._observer.driver.close()
            self._observer = None

    def _drop(self) -> None:
        companion, self._companion = self._companion, None
        self._asked = self._begun = self._same = self._reading = False
        if companion is not None:
            companion.close()

    def _data_version(self) -> int | None:
        """What differs as soon as anybody has committed; None where it can't be had."""
        try:
            if self._observer is None:
                self._observer = Statements(open_file(self._connection), self._connection.name)
            return int(self._observer.driver.execute("PRAGMA data_version").fetchone()[0])
        except (ConnectError, sqlite3.Error):
            return None

    def _is_wal(self) -> bool:
        return bool(self._ask.value("PRAGMA main.journal_mode", about="the file") == "wal")

    def _file_bytes(self) -> int:
        pages = int(self._ask.value("PRAGMA page_count", about="the file") or 0)
        return pages * int(self._ask.value("PRAGMA page_size", about="the file"))


@dataclass
class Remainder:
    """The rest of a table, once its first rows have shown what its columns hold (`Beside.remainder`)."""

    beside: Beside
    request: ReadRequest
    behind: Callable[[int], str]
    typed: bool
    proven: bool
    _wanted: bool = True
    _storages: Sequence[Storage] = ()
    _row_bytes: int = 1

    def ready(self, found: Sequence[set[type]], rows: int, size: int) -> bool:
        """Whether the process may take over: `rows` rows have come with values of the types `found`, in
        `size` bytes. Doesn't wait."""
        if not self._wanted:
            return False
        try:
            shares = self.beside.shares()
        except Parted as error:
            return self._refuse(str(error))
        if not shares:
            return False
        self._row_bytes = max(1, size // max(1, rows))
        if self._row_bytes > LONGEST_ROW:
            return self._refuse(f"rows of {self._row_bytes} bytes")
        self._storages, reason = uniform.storages(self.request.shape.columns, found, typed=self.typed)
        return not reason or self._refuse(reason)

    def _refuse(self, reason: str) -> bool:
        log.debug("%s: read by one process: %s", self.request.shape.ref, reason)
        self._wanted = False
        return False

    def rows(self, skip: int) -> Generator[Chunk, None, tuple[int, bool]]:
        """The rows behind the first `skip`; returns how many, and whether these are all."""
        shape = self.request.shape
        frame = min(FRAME_BYTES, max(self.request.chunk_bytes, 1 << 10))
        # With the offsets of values, and digits for numbers: what has to be cut costs twice.
        batch = max(16, min(MOST_ROWS, frame // (self._row_bytes + 12 * len(shape.columns))))
        statement = uniform.statement(
            shape.ref.name,
            shape.columns,
            self._storages,
            self.behind(skip),
            first=batch,
            proven=self.proven,
        )
        command = Read(
            number=0,
            statement=statement,
            storages=tuple(self._storages),
            typed=self.typed,
            batch_rows=batch,
            frame_bytes=frame,
        )
        kinds = [column.kind for column in shape.columns]
        came = 0
        try:
            for rows, content in self.beside.rows(command, keep=self.typed):
                came += rows
                if self.typed:
                    yield arrow_chunk(content, self._storages)
                else:
                    yield text_chunk(content, self._storages, kinds)
        except Parted as error:
            log.debug("%s: read by one process from row %d on: %s", shape.ref, skip + came + 1, error)
            return came, False
        return came, True
