"""Rows too large to be joined at once: their values in slices, so that memory stays bounded.

A slice is of whole characters, has the policy applied, and goes through the same rules as a value would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.formats.block import Block
from core.formats.policy import TextPolicy
from core.formats.text import TextEncoder, check_utf8

# A multiple of 3, so that slices in base64 need no padding but at the end.
SLICE_BYTES = 3 << 18
_LONGEST_CHARACTER = 4


class Slices:
    """The values of a block of one row, in slices. `row` is its number in the file, from 0."""

    def __init__(self, block: Block, policy: TextPolicy, row: int, size: int = SLICE_BYTES) -> None:
        self._block = block
        self._policy = policy
        self._row = row
        self._size = size

    def raw(self, index: int) -> Iterator[bytes]:
        """The bytes of a value as they are, cut anywhere."""
        start, end = self._block.spans[index].tolist()
        for at in range(start, end, self._size):
            yield self._block.data[at : min(end, at + self._size)].tobytes()

    def _characters(self, index: int) -> Iterator[bytes]:
        start, end = self._block.spans[index].tolist()
        while start < end:
            data = self._block.data[start : min(end, start + self._size)].tobytes()
            if start + len(data) < end:
                # Before the last byte that begins a character. Where none of four does, they are no text.
                back = next((n for n in range(1, _LONGEST_CHARACTER + 1) if data[-n] & 0xC0 != 0x80), 0)
                data = data[: len(data) - back]
            yield data
            start += len(data)

    def text(self, index: int, *, count: bool) -> Iterator[bytes]:
        """A value as the encoding can have it. What the policy did is counted only where `count` says so:
        values are often looked at before they are written."""
        for data in self._characters(index):
            yield self._policy.slice(data, self._block, index, self._row, count=count)

    def is_utf8(self, index: int) -> bool:
        try:
            for data in self._characters(index):
                check_utf8(data)
        except ValueError:
            return False
        return True


def encode_pieces(pieces: Iterable[bytes], encoder: TextEncoder) -> Iterator[bytes | memoryview]:
    """Pieces of whole characters in the file's encoding, small ones together."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= SLICE_BYTES:
            yield encoder.encode(bytes(gathered))
            gathered.clear()
    if gathered:
        yield encoder.encode(bytes(gathered))
