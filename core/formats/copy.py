r"""SQL as PostgreSQL's COPY … FROM stdin with the rows behind it, for psql.

    COPY "t" ("a","b") FROM stdin;
    1	x
    2	\N
    \.

The rows are in COPY's text form ("File Formats" of COPY in the PostgreSQL manual): a tab between values, \N
for NULL, and backslash, tab, LF and CR in values written as \\, \t, \n, \r; bytes are bytea's hex form, whose
own backslash is doubled. No line of a row can be \. that way. The server takes rows so in a fraction of the
time that INSERTs take. A COPY ends before a COMMIT, and at the end of a part.

What is no text can't be written by its bytes here, as INSERTs could: the policy is applied to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.base import TableShape
from connectors.dialect import SqlDialect
from core.chunk import Bytes, Chunk, Kind, Mask
from core.formats.binary import hex_values
from core.formats.block import BLOCK_BYTES, Block, Values, cut_blocks
from core.formats.joiner import Joiner
from core.formats.scan import Escapes, Scanner
from core.formats.sql_file import SqlFile
from core.formats.wide import Slices, encode_pieces
from core.model.settings import ExportSettings

_BARE, _BYTES = 0, 1
_HEX = b"\\\\x"
_NULL = b"\\N"
_ESCAPES = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r"}
_COMMIT = 4  # the kind of what follows a row with which a transaction ends
_END = b"\\.\n"


class CopyBody:
    """Joins blocks of columns of these `kinds` (where a block has none of its own) to lines; `commit` stands
    between two rows with a COMMIT between them."""

    def __init__(self, kinds: Sequence[Kind], commit: bytes) -> None:
        self._columns = len(kinds)
        self._kinds = np.array(kinds, np.uint8)
        self._escapes = Escapes(_ESCAPES)
        self._scanner = Scanner(self._kinds, [Kind.TEXT], self._escapes.bytes)
        self._binary_columns = np.flatnonzero(self._kinds == Kind.BINARY)
        opening = [b"", _HEX]
        literals = [
            [[middle + text for text in opening]] * len(opening)
            for middle in (b"\t", b"\n", b"", b"\n", b"\n" + commit)
        ]
        literals[3] = [[b"\n"] * len(opening)] * len(opening)
        self._joiner = Joiner(literals, [_NULL], self._classes(self._kinds).tolist())

    @staticmethod
    def _classes(kinds: Bytes) -> npt.NDArray[np.int32]:
        return np.where(kinds == Kind.BINARY, _BYTES, _BARE).astype(np.int32)

    def text(self, block: Block) -> Mask:
        """Which values of a block are text, flat."""
        if block.kinds is not None:
            chosen: Mask = block.kinds == Kind.TEXT
            return chosen
        return np.tile(self._kinds == Kind.TEXT, block.rows)

    def join(self, block: Block, commits: Values) -> pa.Buffer:
        """The rows in UTF-8, with a COMMIT after the rows of these numbers; bytes of text that are no UTF-8
        come through."""
        joiner = self._joiner
        joiner.load(block, None if block.kinds is None else self._classes(block.kinds))
        if len(commits):
            joiner.set_kind(commits, _COMMIT)
        binary = self._binary(block)
        if block.nulls is not None:
            joiner.use_single(np.flatnonzero(block.nulls), 0)
            absent = block.nulls[binary]
            joiner.shift_class(binary[absent], _BARE - _BYTES)
            binary = binary[~absent]
        if len(binary):
            joiner.use_extra(binary, hex_values(block.data, block.some_spans(binary), lower=True))
        found = self._scanner.scan(block)
        if len(found.places):
            changed, rewritten = found.escaped(self._escapes)
            joiner.use_extra(self._scanner.flat(changed), rewritten)
        return joiner.join()

    def _binary(self, block: Block) -> Values:
        """The values that are bytes, NULLs among them."""
        if block.kinds is not None:
            return np.flatnonzero(block.kinds == Kind.BINARY)
        first = np.arange(0, len(block.spans), self._columns)
        return (first[:, None] + self._binary_columns).ravel()

    def wide(self, block: Block, slices: Slices) -> Iterator[bytes]:
        """One row that is too large to be joined at once, in pieces of whole characters."""
        for index in range(self._columns):
            if index:
                yield b"\t"
            if block.nulls is not None and block.nulls[index]:
                yield _NULL
                continue
            kind = Kind(int(self._kinds[index] if block.kinds is None else block.kinds[index]))
            if kind is Kind.BINARY:
                yield _HEX
                yield from (piece.hex().encode() for piece in slices.raw(index))
            elif kind is Kind.TEXT:
                yield from map(self._escapes.apply, slices.text(index, count=True))
            else:
                yield from slices.raw(index)
        yield b"\n"


class CopyEncoder(SqlFile):
    """Rows of one object behind COPY … FROM stdin."""

    _close = _END

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape
    ) -> None:
        super().__init__(settings, dialect, database, shape)
        self._copy = f"COPY {self._table} ({self._names}) FROM stdin;\n".encode()
        self._again = _END + self._commit + self._copy
        self._body = CopyBody([column.kind for column in self._taken], self._again)
        self._open = False

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for block in cut_blocks(chunk, self._columns, BLOCK_BYTES):
            yield self._encoder.encode(self._lead())
            first, self._rows = self._rows, self._rows + block.rows
            self._open = True
            if len(block.data) > BLOCK_BYTES:
                slices = Slices(block, self._policy, first)
                yield from encode_pieces(self._body.wide(block, slices), self._encoder)
            else:
                yield self._block(block, first)

    def _lead(self) -> bytes:
        """What stands before the next row."""
        if self._commit_due():
            return self._again if self._open else self._commit + self._copy
        return b"" if self._open else self._first_begin() + self._copy

    def _block(self, block: Block, first: int) -> bytes | memoryview:
        commits = np.empty(0, np.intp)
        if self._batch:
            # After which rows of the block, but for its last: what follows that one stands before the next.
            commits = np.arange(self._batch - 1 - first % self._batch, block.rows - 1, self._batch)
        try:
            return self._encoder.encode(self._body.join(block, commits))
        except ValueError:
            mended = self._policy.values(block, self._body.text(block), first)
            return self._encoder.encode(self._body.join(mended, commits))

    def flush(self) -> bytes:
        if not self._open:
            return b""
        self._open = False
        return bytes(self._encoder.encode(self._close))

    def mark(self) -> dict[str, int]:
        return super().mark() | {"open": int(self._open)}

    def rewind(self, mark: dict[str, int]) -> None:
        super().rewind(mark)
        self._open = bool(mark["open"])
