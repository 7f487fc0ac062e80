"""SQL with one INSERT for each row, for clients that take no more, nor long lines or literals (SQL*Plus).

    INSERT INTO "T" (
    "ID",
    "DUE"
    ) VALUES (
    1,
    TO_DATE('2024-02-29 13:00:00','SYYYY-MM-DD HH24:MI:SS')
    );

How a value stands is its column's matter (`SqlLiteral`). A text that is longer than a line may be is written
in pieces, joined by `||`; what is longer than that may become is put together in a variable first, and the
row is a block (`SqlRows`):

    DECLARE
      v2 CLOB;
    BEGIN
      DBMS_LOB.CREATETEMPORARY(v2, TRUE);
      DBMS_LOB.APPEND(v2, '…');
      DBMS_LOB.APPEND(v2, '…');
    INSERT INTO "T" (…) VALUES (
    1,
    v2
    );
    END;
    /

Rows without long values are joined many at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from connectors.base import TableShape
from connectors.dialect import SqlDialect, SqlLiteral, SqlRows
from core.chunk import Chunk, Kind, Mask
from core.formats.binary import hex_values
from core.formats.block import BLOCK_BYTES, Block, Values, cut_blocks
from core.formats.joiner import Joiner
from core.formats.scan import Escapes, Scanner
from core.formats.sql_file import SqlFile
from core.formats.sql_large import LargeRow, large_rows
from core.formats.wide import Slices, encode_pieces
from core.model.settings import ExportSettings

_BARE = 0
_NULL = 0
COMMIT = 4


class RowSqlEncoder(SqlFile):
    """Rows of one object, each a statement of its own."""

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape, rows: SqlRows
    ) -> None:
        super().__init__(settings, dialect, database, shape)
        names = ",\n".join(dialect.identifier(self._policy.name(column.name)) for column in self._taken)
        self._insert = f"INSERT INTO {self._table} (\n{names}\n) VALUES (\n".encode()
        self._kinds = np.array([column.kind for column in self._taken], np.uint8)
        self._literals = [column.literal or _usual(dialect, column.kind) for column in self._taken]
        self._escapes = Escapes(dialect.escapes)
        self._scanner = Scanner(self._kinds, [Kind.TEXT], self._escapes.bytes)
        self._bounds = rows
        self._bare = any(literal.bare for literal in self._literals)
        self._national = any(literal.quote not in (b"", b"'") for literal in self._literals)
        self._large = LargeRow(rows, self._literals, self._taken, dialect.escapes, self._insert)
        affixes = [(b"", b""), *dict.fromkeys(map(affixes_of, self._literals))]
        self._classes = np.array([affixes.index(affixes_of(each)) for each in self._literals], np.int32)
        singles: list[bytes] = [b"NULL"]
        for literal in self._literals:
            singles += [text for text in (literal.empty, *literal.special.values()) if text is not None]
        self._singles = list(dict.fromkeys(singles))
        self._joiner = Joiner(self._between(affixes), self._singles, self._classes.tolist())

    def _between(self, affixes: list[tuple[bytes, bytes]]) -> list[list[list[bytes]]]:
        end = b"\n);\n"
        middles = [b",\n", end + self._insert, self._insert, end, end + self._commit + self._insert]
        kinds = [
            [[closing + middle + opening for opening, _ in affixes] for _, closing in affixes]
            for middle in middles
        ]
        kinds[2] = [[self._insert + opening for opening, _ in affixes]] * len(affixes)
        kinds[3] = [[closing + end] * len(affixes) for _, closing in affixes]
        return kinds

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for block in cut_blocks(chunk, self._columns, BLOCK_BYTES):
            large = large_rows(block, self._kinds, self._bounds, national=self._national) | self._bare
            at = 0
            for end in [*(np.flatnonzero(np.diff(large)) + 1).tolist(), block.rows]:
                yield from self._run(_part(block, at, end), large=bool(large[at]))
                at = end

    def _run(self, block: Block, *, large: bool) -> Iterator[memoryview | bytes]:
        """Rows that are all large, or none is."""
        if not large:
            try:
                # Before it is yielded: nobody has seen anything of it then.
                encoded = self._encoder.encode(self._join(block))
            except ValueError:
                large = True  # which also knows what to do about characters that the encoding lacks
            else:
                if self._commit_due():
                    yield self._encoder.encode(self._commit)
                self._rows += block.rows
                yield encoded
                return
        for number in range(block.rows):
            if self._commit_due():
                yield self._encoder.encode(self._commit)
            row = _part(block, number, number + 1)
            slices = Slices(row, self._policy, self._rows)
            yield from encode_pieces(self._large.pieces(row, slices), self._encoder)
            self._rows += 1

    def _join(self, block: Block) -> bytes | memoryview:
        joiner = self._joiner
        joiner.load(block, None)
        if self._batch:
            # After these rows, but never after the block's last: that is said before the next.
            until = np.arange(self._rows + 1, self._rows + block.rows)
            joiner.set_kind(np.flatnonzero(until % self._batch == 0), COMMIT)
        if block.nulls is not None:
            nulls = np.flatnonzero(block.nulls)
            self._put(nulls, np.full(len(nulls), _NULL, np.intp), block)
        self._put_named(block)
        self._put_bytes(block)
        found = self._scanner.scan(block)
        if len(found.places):
            changed, rewritten = found.escaped(self._escapes)
            joiner.use_extra(self._scanner.flat(changed), rewritten)
        return memoryview(joiner.join())

    def _put(self, values: Values, singles: Values, block: Block) -> None:
        """Put words in place of these values, without what goes around them."""
        self._joiner.shift_class(values, _BARE - self._classes[values % block.columns])
        for single in np.unique(singles).tolist():
            self._joiner.use_single(values[singles == single], single)

    def _put_named(self, block: Block) -> None:
        """Values of no bytes, and numbers with a spelling of their own."""
        lengths = block.lengths.reshape(block.rows, block.columns)
        nulls = None if block.nulls is None else block.nulls.reshape(block.rows, block.columns)
        for number, literal in enumerate(self._literals):
            there = np.ones(block.rows, np.bool_) if nulls is None else ~nulls[:, number]
            if literal.empty is not None:
                self._put_where(there & (lengths[:, number] == 0), number, literal.empty, block)
            for text, said in literal.special.items():
                near = there & (lengths[:, number] == len(text))
                self._put_where(_equal(block, near, number, text), number, said, block)

    def _put_where(self, rows: Mask, column: int, text: bytes, block: Block) -> None:
        values = np.flatnonzero(rows) * block.columns + column
        self._put(values, np.full(len(values), self._singles.index(text), np.intp), block)

    def _put_bytes(self, block: Block) -> None:
        columns = np.flatnonzero(self._kinds == Kind.BINARY)
        values = (np.arange(block.rows)[:, None] * block.columns + columns).ravel()
        # NULLs and empty values have a word already.
        values = values[block.lengths[values] > 0]
        if len(values):
            self._joiner.use_extra(values, hex_values(block.data, block.some_spans(values)))

    def flush(self) -> bytes:
        return b""

    @property
    def closing(self) -> int:
        return len(self._lines(self._footer(commit=bool(self._batch))))


def affixes_of(literal: SqlLiteral) -> tuple[bytes, bytes]:
    """What stands before a value and behind it."""
    return literal.before + literal.quote, (b"'" if literal.quote else b"") + literal.after


def _usual(dialect: SqlDialect, kind: Kind) -> SqlLiteral:
    if kind is Kind.BINARY:
        opening, closing = dialect.binary
        return SqlLiteral(before=opening.removesuffix(b"'"), after=closing.removeprefix(b"'"))
    return SqlLiteral(quote=b"") if kind is Kind.NUMBER else SqlLiteral()


def _part(block: Block, first: int, last: int) -> Block:
    """Rows of a block as a block."""
    if first == 0 and last == block.rows:
        return block
    spans = block.spans[first * block.columns : last * block.columns]
    low, high = int(spans[0, 0]), int(spans[-1, 1])
    nulls = None if block.nulls is None else block.nulls[first * block.columns : last * block.columns]
    return replace(
        block,
        data=block.data[low:high],
        spans=spans - np.int32(low),
        nulls=nulls if nulls is not None and nulls.any() else None,
        rows=last - first,
    )


def _equal(block: Block, rows: Mask, column: int, text: bytes) -> Mask:
    """Which of these rows, whose values are as long as `text`, have it in this column."""
    chosen = np.flatnonzero(rows)
    starts = block.spans[chosen * block.columns + column, 0]
    found: npt.NDArray[np.uint8] = block.data[starts[:, None] + np.arange(len(text))]
    same = rows.copy()
    same[chosen] = (found == np.frombuffer(text, np.uint8)).all(axis=1)
    return same
