"""The rows of SQL INSERT statements in UTF-8: literals by class, and the joining of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from connectors.dialect import SqlDialect
from core.chunk import Kind, Mask
from core.formats.binary import hex_values
from core.formats.block import Block, Values
from core.formats.joiner import Joiner
from core.formats.scan import Escapes, Scanner
from core.formats.wide import Slices

_BARE, _QUOTED, _BYTES, _HEX_TEXT, _EMPTY_BYTES = range(5)
_OF_KIND = np.array([_BARE, _QUOTED, _QUOTED, _BYTES], np.int32)
_NULL = 0
# Kinds of what follows a row beside those that every format has.
STATEMENT, COMMIT = 4, 5


class SqlBody:
    """Joins blocks of columns of these `kinds` (where a block has none of its own) to rows `(…),`.

    What goes between rows is given by the encoder: `statement` ends one and begins the next, `commit` does
    so with a COMMIT between.
    """

    def __init__(self, dialect: SqlDialect, kinds: Sequence[Kind], statement: bytes, commit: bytes) -> None:
        self._dialect = dialect
        self._columns = len(kinds)
        self._kinds = np.array(kinds, np.uint8)
        opening_bytes, closing_bytes = dialect.binary
        # X'' is a literal of no bytes; where no mark closes the digits, there must be some.
        self._empty_bytes = (opening_bytes, closing_bytes) if closing_bytes else (b"''", b"")
        self._affixes = [(b"", b""), (b"'", b"'"), dialect.binary, dialect.hex_text, self._empty_bytes]
        self._numbers = sorted(dialect.special_numbers.items())
        self._joiner = Joiner(
            self._literals(statement, commit),
            [b"NULL", *(text for _, text in self._numbers)],
            _OF_KIND[self._kinds].tolist(),
        )
        self._escapes = Escapes(dialect.escapes)
        self._hexed = np.zeros(256, np.bool_)
        self._hexed[list(dialect.hex_text_bytes)] = True
        self._scanner = Scanner(self._kinds, [Kind.TEXT], self._escapes.bytes + dialect.hex_text_bytes)
        self._binary_columns = np.flatnonzero(self._kinds == Kind.BINARY)
        self._number_columns = np.flatnonzero(self._kinds == Kind.NUMBER)
        # Which bytes special numbers may have at each place: hardly any other number passes.
        longest = max((len(number) for number, _ in self._numbers), default=0)
        self._number_bytes = [
            np.isin(np.arange(256), [number[place] for number, _ in self._numbers if place < len(number)])
            for place in range(longest)
        ]

    def _literals(self, statement: bytes, commit: bytes) -> list[list[list[bytes]]]:
        middles = [b",", b"),\n(", b"", b"", b")" + statement + b"(", b")" + commit + b"("]
        kinds = [
            [[close + middle + opening for opening, _ in self._affixes] for _, close in self._affixes]
            for middle in middles
        ]
        kinds[2] = [[b"(" + opening for opening, _ in self._affixes]] * len(self._affixes)
        kinds[3] = [[close + b")"] * len(self._affixes) for _, close in self._affixes]
        return kinds

    @property
    def expansion(self) -> int:
        """How many bytes at most stand for one byte of a value."""
        return max(2, int(self._escapes.added.max()) + 1)

    @property
    def overhead(self) -> int:
        """How many bytes at most are added to a value."""
        longest = max(len(text) for _, text in self._numbers) if self._numbers else 0
        return max(4, longest, *(len(opening) + len(close) for opening, close in self._affixes)) + 1

    def text(self, block: Block) -> Mask:
        """Which values of a block are text, flat."""
        if block.kinds is not None:
            chosen: Mask = block.kinds == Kind.TEXT
            return chosen
        return np.tile(self._kinds == Kind.TEXT, block.rows)

    def join(
        self, block: Block, statements: Values, commits: Values, no_text: Mask | None = None
    ) -> pa.Buffer:
        """The rows in UTF-8, with `statements` and `commits` after the rows of these numbers. `no_text` are
        values that are to be written by their bytes though their kind is text; elsewhere bytes of text that
        are no UTF-8 come through."""
        joiner = self._joiner
        joiner.load(block, None if block.kinds is None else _OF_KIND[block.kinds])
        if len(statements):
            joiner.set_kind(statements, STATEMENT)
        if len(commits):
            joiner.set_kind(commits, COMMIT)
        if block.nulls is not None:
            nulls = np.flatnonzero(block.nulls)
            kinds = self._kinds[nulls % self._columns] if block.kinds is None else block.kinds[nulls]
            joiner.shift_class(nulls, _BARE - _OF_KIND[kinds])
            joiner.use_single(nulls, _NULL)
        self._write_bytes(block)
        self._write_numbers(block)
        self._write_text(block, no_text)
        return joiner.join()

    def _chosen(self, block: Block, kind: Kind, columns: Values) -> Values:
        """The values of a kind that are not NULL, flat."""
        if block.kinds is not None:
            values = np.flatnonzero(block.kinds == kind)
        else:
            first = np.arange(0, len(block.spans), self._columns)
            values = (first[:, None] + columns).ravel()
        return values if block.nulls is None or not len(values) else values[~block.nulls[values]]

    def _write_bytes(self, block: Block) -> None:
        values = self._chosen(block, Kind.BINARY, self._binary_columns)
        if not len(values):
            return
        spans = block.some_spans(values)
        self._joiner.use_extra(values, hex_values(block.data, spans))
        if not self._dialect.binary[1]:
            self._joiner.shift_class(values[spans[:, 0] == spans[:, 1]], _EMPTY_BYTES - _BYTES)

    def _write_numbers(self, block: Block) -> None:
        """Put the spelling that the dialect wants in place of special numbers."""
        if not self._numbers:
            return
        if block.kinds is None:
            spans = block.column_spans(self._number_columns)
        else:
            values = np.flatnonzero(block.kinds == Kind.NUMBER)
            spans = block.some_spans(values)
        if not len(block.data):
            return
        # A NULL has a byte of another value there, but no number's length.
        near = np.flatnonzero(self._number_bytes[0].take(block.data.take(spans[:, 0], mode="clip")))
        for place, possible in enumerate(self._number_bytes[1:], 1):
            if not len(near):
                return
            at = spans[near, 0] + place
            # Shorter ones have stood the test.
            near = near[possible.take(block.data.take(at, mode="clip")) | (at >= spans[near, 1])]
        if block.kinds is None:
            row, column = np.divmod(near, len(self._number_columns))
            values = row * self._columns + self._number_columns[column]
        else:
            values = values[near]
        lengths = spans[near, 1] - spans[near, 0]
        for single, (number, _) in enumerate(self._numbers, _NULL + 1):
            alike = lengths == len(number)
            if alike.any():
                texts = block.data[spans[near[alike], 0][:, None] + np.arange(len(number))]
                same = (texts == np.frombuffer(number, np.uint8)).all(axis=1)
                self._joiner.use_single(values[alike][same], single)

    def _write_text(self, block: Block, no_text: Mask | None) -> None:
        found = self._scanner.scan(block)
        hexed = np.zeros(len(found.values), np.bool_)
        if no_text is not None:
            hexed = no_text[self._scanner.flat(np.arange(len(found.values)))]
        special = found.special
        if self._dialect.hex_text_bytes:
            hexed[found.owner[self._hexed[special]]] = True
        if hexed.any():
            numbers = np.flatnonzero(hexed)
            flat = self._scanner.flat(numbers)
            self._joiner.use_extra(flat, hex_values(found.values.data, found.values.spans(numbers)))
            self._joiner.shift_class(flat, _HEX_TEXT - _QUOTED)
            kept = ~hexed[found.owner]
            found, special = found.keep(kept), special[kept]
        if len(special):
            changed, rewritten = found.escaped(self._escapes)
            self._joiner.use_extra(self._scanner.flat(changed), rewritten)

    def by_bytes(self, block: Block) -> Mask:
        """Which values are text that is written by its bytes since no literal can hold it, flat."""
        written = np.zeros(len(block.spans), np.bool_)
        if self._dialect.hex_text_bytes:
            found = self._scanner.scan(block)
            written[self._scanner.flat(found.owner[self._hexed[found.special]])] = True
        return written

    def wide(self, block: Block, slices: Slices) -> Iterator[bytes]:
        """One row that is too large to be joined at once, in pieces of whole characters."""
        yield b"("
        for index in range(self._columns):
            if index:
                yield b","
            if block.nulls is not None and block.nulls[index]:
                yield b"NULL"
                continue
            kind = Kind(int(self._kinds[index] if block.kinds is None else block.kinds[index]))
            if kind is Kind.NUMBER:
                for piece in slices.raw(index):
                    yield self._dialect.special_numbers.get(piece, piece)
            elif kind is Kind.BINARY:
                empty = not block.lengths[index]
                yield from self._digits(self._empty_bytes if empty else self._dialect.binary, slices, index)
            elif kind is Kind.TEXT and self._wide_hexed(slices, index):
                yield from self._digits(self._dialect.hex_text, slices, index)
            else:
                yield b"'"
                for piece in slices.raw(index) if kind is Kind.PLAIN else slices.text(index, count=True):
                    yield self._escapes.apply(piece)
                yield b"'"
        yield b")"

    def _wide_hexed(self, slices: Slices, index: int) -> bool:
        holds = any(byte in piece for piece in slices.raw(index) for byte in self._dialect.hex_text_bytes)
        return holds or not slices.is_utf8(index)

    @staticmethod
    def _digits(affixes: tuple[bytes, bytes], slices: Slices, index: int) -> Iterator[bytes]:
        yield affixes[0]
        for piece in slices.raw(index):
            yield piece.hex().upper().encode()
        yield affixes[1]
