"""Rows with values that one line, or one literal, doesn't hold: in pieces, and in variables of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from connectors.base import SourceColumn
from connectors.dialect import SqlLiteral, SqlRows
from core.chunk import Bytes, Kind, Mask
from core.formats.block import Block
from core.formats.scan import Escapes
from core.formats.wide import Slices

_FIRST_OF_A_CHARACTER = 0xC0
_CONTINUES = 0x80
_CONTROLS = 0x20


def large_rows(block: Block, kinds: Bytes, rows: SqlRows, *, national: bool) -> Mask:
    """Which rows may have a value that doesn't fit a line as it is written. `national`: texts begin with
    another quote somewhere, so that one with a control character isn't written like others."""
    lengths = block.lengths.reshape(block.rows, block.columns)
    wordy = lengths[:, np.isin(kinds, (Kind.TEXT, Kind.BINARY))]
    if not wordy.shape[1]:
        return np.zeros(block.rows, np.bool_)
    longest = wordy.max(axis=1)
    # A byte becomes two at most, but a control character an expression.
    large: Mask = longest > rows.piece_bytes // 2
    risky = np.flatnonzero(~large & (national | (longest > rows.piece_bytes // 16)))
    if len(risky):
        places = np.flatnonzero(block.data < _CONTROLS)
        ends = block.spans.reshape(block.rows, -1)[:, -1]
        owners = np.unique(np.searchsorted(ends, places, side="right"))
        large[np.intersect1d(risky, owners)] = True
    return large


class LargeRow:
    """Writes one row with whatever is in it."""

    def __init__(
        self,
        rows: SqlRows,
        literals: Sequence[SqlLiteral],
        columns: Sequence[SourceColumn],
        escapes: Mapping[bytes, bytes],
        insert: bytes,
    ) -> None:
        self._rows = rows
        self._literals = literals
        self._kinds = [column.kind for column in columns]
        self._escapes = [_continued(escapes, literal.quote) for literal in literals]
        self._insert = insert

    def pieces(self, block: Block, slices: Slices) -> Iterator[bytes]:
        """The statement, or block, in pieces of whole characters. `slices` are those of the block's row."""
        kept = {
            number: f"v{number + 1}"
            for number in range(block.columns)
            if self._literals[number].large is not None
            and not _null(block, number)
            and self._written(block, number) > self._rows.joined_bytes
        }
        if kept:
            yield from self._preparations(kept, slices)
        yield self._insert
        for number in range(block.columns):
            if number:
                yield b",\n"
            if number in kept:
                literal, name = self._literals[number], kept[number].encode()
                whole = self._rows.variables[str(literal.large)].whole
                yield name if whole else literal.before + name + literal.after
            else:
                yield from self._value(block, number, slices)
        yield b"\n);\n"
        if kept:
            yield f"{self._rows.end}\n".encode()

    def _preparations(self, kept: dict[int, str], slices: Slices) -> Iterator[bytes]:
        """What puts large values together."""
        made = {number: self._rows.variables[str(self._literals[number].large)] for number in kept}
        lines = [self._rows.declare, *(made[n].declare.format(name=kept[n]) for n in kept), self._rows.begin]
        yield ("\n".join(lines) + "\n").encode()
        for number, name in kept.items():
            yield f"{made[number].make.format(name=name)}\n".encode()
            quote = self._literals[number].quote
            for piece, size in self._cut(number, slices):
                head, _, tail = made[number].append.format(name=name, bytes=size, piece="\0").partition("\0")
                yield head.encode() + quote + piece + b"'" + tail.encode() + b"\n"

    def _value(self, block: Block, number: int, slices: Slices) -> Iterator[bytes]:
        literal, kind = self._literals[number], self._kinds[number]
        if _null(block, number):
            yield b"NULL"
        elif literal.empty is not None and not block.lengths[number]:
            yield literal.empty
        elif literal.bare:
            yield from slices.text(number, count=True)
        elif kind in (Kind.TEXT, Kind.BINARY):
            yield literal.before + literal.quote
            for count, (piece, _) in enumerate(self._cut(number, slices)):
                if count:
                    yield b"'" + self._rows.join + literal.quote
                yield piece
            yield b"'" + literal.after
        else:
            value = block.value(number) or b""
            closing = b"'" if literal.quote else b""
            yield literal.special.get(value) or (
                literal.before + literal.quote + value + closing + literal.after
            )

    def _written(self, block: Block, number: int) -> int:
        """How many bytes a value has once it is written."""
        start, end = block.spans[number].tolist()
        if self._kinds[number] is Kind.BINARY:
            return 2 * int(end - start)
        return int(end - start) + int(self._escapes[number].added[block.data[start:end]].sum())

    def _cut(self, number: int, slices: Slices) -> Iterator[tuple[bytes, int]]:
        """A value as it is written, in pieces for one line each, and of how many bytes each is."""
        if self._kinds[number] is Kind.BINARY:
            size = self._rows.piece_bytes // 2
            for data in slices.raw(number):
                for at in range(0, len(data), size):
                    piece = data[at : at + size]
                    yield piece.hex().upper().encode(), len(piece)
            return
        for text in slices.text(number, count=True):
            octets = np.frombuffer(text, np.uint8)
            until = np.concatenate([[0], np.cumsum(1 + self._escapes[number].added[octets])])
            at = 0
            while at < len(octets):
                end = int(np.searchsorted(until, until[at] + self._rows.piece_bytes, side="right")) - 1
                while end < len(octets) and octets[end] & _FIRST_OF_A_CHARACTER == _CONTINUES:
                    end -= 1
                yield self._escapes[number].apply(text[at:end]), end - at
                at = end


def _continued(escapes: Mapping[bytes, bytes], quote: bytes) -> Escapes:
    """As escapes leave a literal and go on with another, which begins with `quote`."""
    begins = quote.removesuffix(b"'")
    return Escapes(
        {
            byte: text.removesuffix(b"'") + begins + b"'" if text.startswith(b"'||") else text
            for byte, text in escapes.items()
        }
    )


def _null(block: Block, number: int) -> bool:
    return block.nulls is not None and bool(block.nulls[number])
