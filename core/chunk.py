"""The interchange between sources and formats: a chunk of rows as slices of one buffer.

A source hands over what the server sent, as it came; a format assembles its output from slices of it.
Nobody makes a Python object for a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from core.arrow import ArrowChunk

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Kind(IntEnum):
    """How the bytes of a value are to be understood.

    NUMBER  digits of a number as the server printed them: ASCII, nothing to quote or escape
    PLAIN   ASCII text that never holds a separator, quote, backslash or line break (dates, times, UUID)
    TEXT    UTF-8 text with anything in it (bytes that are no UTF-8 are possible and a matter of policy)
    BINARY  bytes
    """

    NUMBER = 0
    PLAIN = 1
    TEXT = 2
    BINARY = 3


@dataclass(frozen=True, slots=True)
class TextChunk:
    """`rows` rows of `columns` columns, each value a slice of `buffer`.

    buffer  bytes, at most 2**31 - 1 of them; may be longer than what the values cover
    starts  int64, shape (rows, columns): where each value begins
    ends    int64, shape (rows, columns): where it ends; equal to the start for NULL and for empty values
    nulls   bool, shape (rows, columns), True for NULL; None where there is no NULL in the chunk
    kinds   uint8 of `Kind`, shape (rows, columns), where kinds differ by row; None: the columns' own hold

    Values lie in the buffer in row-major order, or column after column where all of them together are a block
    of a format's (2 MB) or a single row; they don't overlap, and gaps between them are allowed. The arrays
    belong to the receiver until it asks for the next chunk: a source may then use the buffer again.
    """

    buffer: Bytes
    starts: Offsets
    ends: Offsets
    nulls: Mask | None = None
    kinds: Bytes | None = None

    @property
    def rows(self) -> int:
        return int(self.starts.shape[0])

    @property
    def columns(self) -> int:
        return int(self.starts.shape[1])

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return int((self.ends - self.starts).sum())

    def value(self, row: int, column: int) -> bytes | None:
        """One value's bytes, None for NULL: for error messages and tests, not for the hot path."""
        if self.nulls is not None and self.nulls[row, column]:
            return None
        return self.buffer[self.starts[row, column] : self.ends[row, column]].tobytes()

    def between(self, begin: int, end: int) -> TextChunk:
        """Rows `begin` to `end`, as views."""
        if begin == 0 and end == self.rows:
            return self
        return TextChunk(
            buffer=self.buffer,
            starts=self.starts[begin:end],
            ends=self.ends[begin:end],
            nulls=None if self.nulls is None else self.nulls[begin:end],
            kinds=None if self.kinds is None else self.kinds[begin:end],
        )


# What files take rows in: those with types in both ways, those of text as slices only.
Chunk: TypeAlias = "TextChunk | ArrowChunk"
