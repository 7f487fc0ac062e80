"""Rows of a statement to chunks, with memory bounded by bytes.

The driver gives no hint of a row's size before it has made its objects. So rows are fetched many at a time
under a limit on the length of one value (SQLITE_LIMIT_LENGTH of this connection), which bounds what such a
fetch can cost; a value past it makes the fetch fail, and from the row after the last one received the same
statement goes on row by row, without a limit but for what is huge. The order must be fixed for that; where it
isn't (a view), rows are read one by one from the start. A fixed order also lets another reader take over
behind the first rows, and hand back what it can't read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from sys import getsizeof
from typing import Protocol

from connectors.sources.sqlite.assemble import Value, chunk_of_columns, chunk_of_row
from connectors.sources.sqlite.errors import primary_code
from core.chunk import Chunk, Kind, TextChunk
from core.errors import ValueTooLarge

FETCH_BYTES = 32 << 20  # the most that one fetch of many rows can hold
HELD_BYTES = 16 << 20  # the most that the objects of rows may take that come one by one
# A longer value comes by a statement of its own.
HUGE_BYTES = 16 << 20
CHUNK_LIMIT = (1 << 31) - 1  # of a TextChunk's buffer
_NUMBERS = {int, float, type(None)}
_BYTES = {bytes, bytearray, type(None)}


class Remainder(Protocol):
    """Who may read the rest of an ordered statement's rows once the first have come."""

    def ready(self, found: Sequence[set[type]], rows: int, size: int) -> bool:
        """Whether it takes over now: so many rows have come with values of the types `found`, in so many
        bytes."""

    def rows(self, skip: int) -> Generator[Chunk, None, tuple[int, bool]]:
        """The rows behind the first `skip`; returns how many, and whether these are all."""


def read_chunks(
    driver: sqlite3.Connection,
    statement: str,
    kinds: Sequence[Kind],
    chunk_bytes: int,
    *,
    ordered: bool,
    remainder: Remainder | None = None,
) -> Iterator[Chunk]:
    """Chunks of about `chunk_bytes` of value bytes, and those that a remainder makes. `ordered`: the
    statement gives its rows in the same order each time. Raises sqlite3.Error, and ValueTooLarge for a row
    that no chunk can hold."""
    if ordered:
        received, complete = yield from _many(driver, statement, kinds, chunk_bytes, remainder)
        while not complete:
            rest = f"{statement} LIMIT -1 OFFSET {received}"
            came, complete = yield from _row_by_row(driver, rest, kinds, chunk_bytes, huge=HUGE_BYTES)
            received += came
            if not complete:
                received += yield from _alone(driver, statement, kinds, received)
        return
    yield from _row_by_row(driver, statement, kinds, chunk_bytes)


def _many(
    driver: sqlite3.Connection,
    statement: str,
    kinds: Sequence[Kind],
    chunk_bytes: int,
    remainder: Remainder | None,
) -> Generator[Chunk, None, tuple[int, bool]]:
    """Rows, many at a time; returns how many came, and whether these are all: they aren't where a value is
    too long."""
    received = size = 0
    builder = _Builder(kinds)
    try:
        with closing(_batches(driver, statement, len(kinds))) as batches:
            for batch in batches:
                received += len(batch)
                builder.add(batch)
                if builder.size < chunk_bytes:
                    continue
                size += builder.size
                yield builder.take()
                if remainder is not None and remainder.ready(builder.found, received, size):
                    break
            else:
                remainder = None
        if builder.rows:
            yield builder.take()
    except sqlite3.DataError as error:
        if primary_code(error) != sqlite3.SQLITE_TOOBIG:
            raise
        if builder.rows:
            yield builder.take()
        return received, False
    if remainder is None:
        return received, True
    came, complete = yield from remainder.rows(received)
    received += came
    if not complete:
        rest = f"{statement} LIMIT -1 OFFSET {received}"
        came, complete = yield from _many(driver, rest, kinds, chunk_bytes, None)
        received += came
    return received, complete


def _batches(
    driver: sqlite3.Connection, statement: str, columns: int
) -> Generator[list[tuple[Value, ...]], None, None]:
    """Rows in batches that hold at most FETCH_BYTES. Raises DataError (too big) for a longer value."""
    longest = min(1 << 16, max(1 << 10, FETCH_BYTES // (128 * columns)))
    count = min(1024, max(1, FETCH_BYTES // (longest * columns)))
    cursor = driver.cursor()
    try:
        # The limit is the connection's: it holds only while a row is fetched, not for others in between.
        batch: list[tuple[Value, ...]] = []
        started = False
        while batch or not started:
            usual = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
            try:
                if not started:
                    cursor.execute(statement)
                    started = True
                batch = cursor.fetchmany(count)
            finally:
                driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)
            if batch:
                yield batch
    finally:
        cursor.close()


def _row_by_row(
    driver: sqlite3.Connection,
    statement: str,
    kinds: Sequence[Kind],
    chunk_bytes: int,
    *,
    huge: int | None = None,
) -> Generator[TextChunk, None, tuple[int, bool]]:
    """As above, one at a time: a row of `chunk_bytes` or more makes a chunk of its own. Returns how many
    came, and whether these are all: they aren't before a value that is longer than `huge`, nor behind a row
    that is."""
    came = 0
    builder = _Builder(kinds)
    rows: list[tuple[Value, ...]] = []
    size = held = 0
    overhead = 48 * len(kinds)  # about what the objects take beside their bytes
    beside = 56 + 16 * len(kinds)  # the tuple, and what the allocator adds
    complete = False
    with closing(driver.cursor()) as cursor:
        try:
            with _no_longer(driver, huge):
                cursor.execute(statement)
            while True:
                with _no_longer(driver, huge):
                    row = cursor.fetchone()
                if row is None:
                    break
                came += 1
                length = sum(map(getsizeof, row))
                if length >= chunk_bytes:
                    if rows:
                        builder.add(rows)
                        rows, size, held = [], 0, 0
                        yield builder.take()
                    chunk = _chunk(row, kinds)
                    del row  # the largest thing there is: not held while others work on its copy
                    if huge is not None and length > huge:
                        cursor.close()
                        yield chunk
                        return came, False
                    yield chunk
                    del chunk
                    continue
                rows.append(row)
                size += max(length - overhead, len(kinds))
                held += length + beside
                if size >= chunk_bytes or held >= HELD_BYTES:
                    builder.add(rows)
                    rows, size, held = [], 0, 0
                    yield builder.take()
            complete = True
        except sqlite3.DataError as error:
            if huge is None or primary_code(error) != sqlite3.SQLITE_TOOBIG:
                raise
    if rows:
        builder.add(rows)
        del rows
        yield builder.take()
    return came, complete


def _alone(
    driver: sqlite3.Connection, statement: str, kinds: Sequence[Kind], received: int
) -> Generator[TextChunk, None, int]:
    """The next rows, up to and with one of HUGE_BYTES, each by a statement of its own: the driver fetches
    the row behind the one that it gives, and would hold both. One at most lies before it, which was lost when
    it was met. Returns how many came."""
    came = 0
    while came < 2:
        with closing(driver.cursor()) as cursor:
            row = cursor.execute(f"{statement} LIMIT 1 OFFSET {received + came}").fetchone()
        if row is None:
            break
        came += 1
        length = sum(map(getsizeof, row))
        chunk = _chunk(row, kinds)
        del row  # the largest thing there is: not held while others work on its copy
        yield chunk
        del chunk
        if length >= HUGE_BYTES:
            break
    return came


@contextmanager
def _no_longer(driver: sqlite3.Connection, limit: int | None) -> Iterator[None]:
    """Let the connection fetch no value that is longer: DataError (too big) for one."""
    if limit is None:
        yield
        return
    usual = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
    try:
        yield
    finally:
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)


def _chunk(row: tuple[Value, ...], kinds: Sequence[Kind]) -> TextChunk:
    """A chunk of one row. Raises ValueTooLarge where none can hold it."""
    length = sum(map(getsizeof, row))
    if length > CHUNK_LIMIT:
        raise ValueTooLarge(
            f"A row of {length:,} bytes is past the limit of {CHUNK_LIMIT:,}.",
            "Leave the object out, or export a view of it with shorter columns.",
        )
    return chunk_of_row(row, kinds)


class _Builder:
    """Rows gathered by column. `size` is about the bytes of their values, `rows` how many there are, `found`
    the types of all values so far, those that were taken included."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self.found: list[set[type]] = [set() for _ in kinds]
        self._clear()

    def _clear(self) -> None:
        self._columns: list[list[Value]] = [[] for _ in self._kinds]
        self._types: list[set[type]] = [set() for _ in self._kinds]
        self.size = 0

    @property
    def rows(self) -> int:
        return len(self._columns[0])

    def add(self, batch: list[tuple[Value, ...]]) -> None:
        for values, column, types in zip(zip(*batch, strict=True), self._columns, self._types, strict=True):
            column.extend(values)
            found = set(map(type, values))
            types.update(found)
            if found <= _NUMBERS:
                self.size += 8 * len(values)
            elif found <= _BYTES:
                self.size += sum(map(len, filter(None, values)))
            else:
                self.size += sum(map(getsizeof, filter(None, values)))

    def take(self) -> TextChunk:
        """The rows as a chunk; none are left."""
        columns, types = self._columns, self._types
        for known, some in zip(self.found, types, strict=True):
            known.update(some)
        self._clear()
        return chunk_of_columns(columns, types, self._kinds)
