"""Rows that are met again: digests of what was exported, and chunks without the rows that were.

A digest is of a row's values as the source sends them: 16 bytes of BLAKE2b (RFC 7693). What is kept are the
digests of all rows behind a mark's floor, sorted, and as often as they came: of rows that are the same in
all of their columns, as many are left out as were exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator

import numpy as np
import numpy.typing as npt

from core.chunk import TextChunk
from core.errors import ValueTooLarge

DIGEST_BYTES = 16
MOST = 4_000_000
"""Rows that can be kept in mind: 64 MB of digests."""

Words = npt.NDArray[np.uint64]


def digests(chunk: TextChunk) -> Words:
    """Of each row; shape (rows, 2)."""
    view = chunk.buffer.data
    lengths = chunk.ends - chunk.starts
    if chunk.nulls is not None:
        # NULL differs from an empty value.
        lengths = np.where(chunk.nulls, -1, lengths)
    found = bytearray()
    for starts, ends, row in zip(chunk.starts.tolist(), chunk.ends.tolist(), lengths, strict=True):
        digest = hashlib.blake2b(row.tobytes(), digest_size=DIGEST_BYTES)
        for start, end in zip(starts, ends, strict=True):
            digest.update(view[start:end])
        found += digest.digest()
    return np.frombuffer(bytes(found), dtype="<u8").reshape(-1, 2)


def take(chunk: TextChunk, kept: npt.NDArray[np.bool_]) -> TextChunk:
    """The rows of a chunk where `kept` is True."""
    return TextChunk(
        buffer=chunk.buffer,
        starts=chunk.starts[kept],
        ends=chunk.ends[kept],
        nulls=None if chunk.nulls is None else chunk.nulls[kept],
        kinds=None if chunk.kinds is None else chunk.kinds[kept],
    )


class Seen:
    """Digests as `packed` gave them; each may be met once for each time that it is in there."""

    def __init__(self, packed: bytes) -> None:
        self._words: Words = np.frombuffer(packed, dtype="<u8").reshape(-1, 2)
        self._met = np.zeros(len(self._words), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._words)

    def new(self, found: Words) -> npt.NDArray[np.bool_]:
        """Which of these rows were not exported yet."""
        kept = np.ones(len(found), dtype=np.bool_)
        places = np.searchsorted(self._words[:, 0], found[:, 0])
        inside = places < len(self._words)
        likely = np.flatnonzero(inside)[self._words[places[inside], 0] == found[inside, 0]]
        for row in likely.tolist():
            place = int(places[row])
            while place < len(self._words) and self._words[place, 0] == found[row, 0]:
                if self._words[place, 1] == found[row, 1] and not self._met[place]:
                    self._met[place] = True
                    kept[row] = False
                    break
                place += 1
        return kept


def packed(found: list[Words]) -> bytes:
    """Digests as they are kept."""
    words = np.concatenate(found) if found else np.empty((0, 2), dtype="<u8")
    return words[np.lexsort((words[:, 1], words[:, 0]))].tobytes()


class Sieve:
    """Chunks without the rows that `seen` says were exported; with `remembering`, what the next run is to
    know."""

    def __init__(self, seen: bytes, *, remembering: bool, what: str) -> None:
        self._seen = Seen(seen)
        self._remembering = remembering
        self._what = what
        self._found: list[Words] = []
        self._count = 0
        self.repeated = 0

    def passing(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        """Raises ValueTooLarge where more would have to be remembered than can be."""
        try:
            for chunk in chunks:
                yield from self._pass(chunk)
        finally:
            if isinstance(chunks, Generator):
                chunks.close()

    def _pass(self, chunk: TextChunk) -> Iterator[TextChunk]:
        if not len(self._seen) and not self._remembering:
            yield chunk
            return
        found = digests(chunk)
        if self._remembering:
            self._count += len(found)
            if self._count > MOST:
                raise ValueTooLarge(
                    f"{self._what}: more than {MOST:,} rows would have to be looked at once more.",
                    "The mark is too coarse, the overlap too long, or a transaction open for too long.",
                )
            self._found.append(found)
        kept = self._seen.new(found)
        self.repeated += int(len(kept) - kept.sum())
        if kept.all():
            yield chunk
        elif kept.any():
            yield take(chunk, kept)

    @property
    def remembered(self) -> bytes:
        return packed(self._found)
