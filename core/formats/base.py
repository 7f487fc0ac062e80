"""The interface of a format: chunks of rows in, bytes of a file out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from core.chunk import TextChunk


class Encoder(ABC):
    """Turns the chunks of one object into the bytes of one file.

    The file is `begin()`, then `encode()` of every chunk, with a `flush()` after each part, then `end()`.
    What stands before a `flush` is a whole number of rows, and a file cut there may be gone on with by a new
    encoder that was given `resume(state)`: it then leaves out `begin`, and the bytes are those of an
    undisturbed run. Formats that can't be gone on with have `resumable` False. `warnings` says in words what
    policies did (characters replaced), for manifest and log.
    """

    resumable = True

    @abstractmethod
    def begin(self) -> bytes:
        """Byte-order mark, header."""

    @abstractmethod
    def encode(self, chunk: TextChunk) -> Iterator[memoryview | bytes]:
        """A chunk's rows, in pieces that nobody changes afterwards. Raises Unencodable or InvalidText, naming
        table, column and row key."""

    @abstractmethod
    def flush(self) -> bytes:
        """What closes what is open (a statement), at the end of a part."""

    @abstractmethod
    def end(self) -> bytes:
        """Footer."""

    @abstractmethod
    def state(self) -> dict[str, int]:
        """What a new encoder must know to go on after the last `flush`."""

    @abstractmethod
    def resume(self, state: dict[str, int]) -> None:
        """Go on where another encoder of the same settings had this `state`."""

    @property
    @abstractmethod
    def warnings(self) -> tuple[str, ...]: ...
