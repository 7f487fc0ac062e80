"""The interface of a format: chunks of rows in, bytes of a file out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from core.chunk import Chunk


class Encoder(ABC):
    """Turns the chunks of one object into the bytes of one file.

    The file is `begin()`, then `encode()` of every chunk, with a `flush()` after each part, then `end()`.
    What stands before a `flush` is a whole number of rows, and a file cut there may be gone on with by a new
    encoder that was given `resume(state)`: it then leaves out `begin`, and the bytes are those of an
    undisturbed run. Formats that can't be gone on with have `resumable` False. `warnings` says in words what
    policies did (characters replaced), for manifest and log.

    Where a file has a limit, `fill` stands for `encode`: it takes what still fits. The file's rows then
    depend on the rows and the limit alone, not on how they came in chunks.
    """

    resumable = True

    @property
    def closing(self) -> int:
        """How many bytes `end` adds at most."""
        return 0

    @abstractmethod
    def begin(self) -> bytes:
        """Byte-order mark, header."""

    @abstractmethod
    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        """A chunk's rows, in pieces that nobody changes afterwards. Formats of text take slices only. Raises
        Unencodable or InvalidText, naming table, column and row key."""

    def fill(self, chunk: Chunk, room: int, least: int) -> tuple[list[memoryview | bytes], int]:
        """Rows from the chunk's first on: as many as fit in `room` bytes together with what `end` adds, and
        `least` in any case; gives their bytes and how many there are. Raises as `encode` does."""
        pieces: list[memoryview | bytes] = []
        room -= self.closing
        taken, step = 0, _first_step(chunk, room)
        while taken < chunk.rows and step:
            step = min(step, chunk.rows - taken)
            mark = self.mark()
            made = list(self.encode(chunk.between(taken, taken + step)))
            size = sum(map(len, made))
            if size <= room or taken + step <= least:
                pieces += made
                room -= size
                taken += step
            else:
                self.rewind(mark)
                step //= 2
        return pieces, taken

    def mark(self) -> dict[str, int]:
        """Where it stands, for `rewind`."""
        return self.state()

    def rewind(self, mark: dict[str, int]) -> None:
        """Take back what was encoded since that `mark`."""
        self.resume(mark)

    @abstractmethod
    def flush(self) -> bytes:
        """What closes what is open (a statement), at the end of a part."""

    def rest(self) -> Iterator[memoryview | bytes]:
        """Rows that are still held, behind the last: piece after piece, since they may be large."""
        return iter(())

    @abstractmethod
    def end(self) -> bytes:
        """Footer, behind what `rest` gives where that wasn't asked."""

    @abstractmethod
    def state(self) -> dict[str, int]:
        """What a new encoder must know to go on after the last `flush`."""

    @abstractmethod
    def resume(self, state: dict[str, int]) -> None:
        """Go on where another encoder of the same settings had this `state`."""

    def carry(self, counts: dict[str, int]) -> None:
        """Count on what policies did in other files of the same object: their `state`, summed up."""
        self.resume(counts | {"rows": 0})

    @property
    @abstractmethod
    def warnings(self) -> tuple[str, ...]: ...


def _first_step(chunk: Chunk, room: int) -> int:
    """How many rows to try first: a guess that costs little where it is wrong."""
    if not chunk.rows:
        return 0
    held = chunk.size
    if 2 * held <= room:
        return chunk.rows
    return max(1, min(chunk.rows, chunk.rows * max(room, 0) // max(held, 1)))
