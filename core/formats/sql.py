"""SQL as INSERT statements of several rows, for the official client of the source's own kind of database.

    INSERT INTO `t` (`a`,`b`) VALUES
    (1,'x'),
    (2,NULL);

Generated columns are left out. A statement ends before the row with which it might exceed the dialect's
`max_insert_bytes` (reckoned from the lengths of values as if each of their bytes were escaped, so that the
file depends on nothing but the rows), after `MAX_ROWS` rows, before a COMMIT, and at the end of a part.
A row that is larger than the limit has a statement of its own.

Text that the dialect can't have in a literal, or that is no UTF-8, is written by its bytes, which loses
nothing; the policy for characters that the encoding lacks is applied to the rest. Where the client can't read
the encoding, the head of the file says how to convert it, and sets the character set of what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from connectors.base import TableShape
from connectors.dialect import SqlDialect
from core.chunk import Chunk
from core.formats.block import BLOCK_BYTES, Block, cut_blocks
from core.formats.sql_body import SqlBody
from core.formats.sql_file import SqlFile
from core.formats.wide import Slices, encode_pieces
from core.model.settings import ExportSettings

MAX_ROWS = 1000


class SqlEncoder(SqlFile):
    """Rows of one object as INSERT statements."""

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape
    ) -> None:
        super().__init__(settings, dialect, database, shape)
        self._insert = f"INSERT INTO {self._table} ({self._names}){dialect.insert_clause} VALUES\n".encode()
        self._body = SqlBody(
            dialect,
            [column.kind for column in self._taken],
            b";\n" + self._insert,
            b";\n" + self._commit + self._insert,
        )
        self._overhead = self._body.overhead * len(self._taken) + 4
        # The statement that is open: how many rows, and how many bytes they may be; no rows: none is.
        self._open_rows = 0
        self._open_bytes = 0

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for block in cut_blocks(chunk, self._columns, BLOCK_BYTES):
            lengths = np.einsum("ij->i", block.lengths.reshape(block.rows, block.columns).astype(np.int64))
            first = self._rows
            lead, statements, commits = self._plan(lengths * self._body.expansion + self._overhead)
            yield self._encoder.encode(lead)
            if len(block.data) > BLOCK_BYTES:
                slices = Slices(block, self._policy, first)
                yield from encode_pieces(self._body.wide(block, slices), self._encoder)
            else:
                yield self._block(block, statements, commits, first)

    def _block(
        self, block: Block, statements: npt.NDArray[np.intp], commits: npt.NDArray[np.intp], first: int
    ) -> bytes | memoryview:
        joined = self._body.join(block, statements, commits)
        try:
            return self._encoder.encode(joined)
        except ValueError:
            text = self._body.text(block)
            no_text = self._policy.no_text(block, text)
            # What is written by its bytes has any character.
            mended = self._policy.values(block, text & ~no_text & ~self._body.by_bytes(block), first)
            return self._encoder.encode(self._body.join(mended, statements, commits, no_text))

    def _plan(self, sizes: npt.NDArray[np.int64]) -> tuple[bytes, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Where statements end, for further rows of at most these sizes. Returns what stands before the first
        of them, and after which others a statement ends, without and with a COMMIT."""
        until = np.concatenate([[0], np.cumsum(sizes)])
        lead = b""
        ends: tuple[list[int], list[int]] = ([], [])
        at = 0
        while at < len(sizes):
            due = self._commit_due()
            rows = 0 if due or not self._open_rows else self._fitting(until, at)
            if rows:
                lead = lead or b",\n"
            else:
                if at:
                    ends[due].append(at - 1)
                else:
                    lead = self._before_statement(due)
                self._open_rows = self._open_bytes = 0
                rows = max(1, self._fitting(until, at))
            if self._batch:
                rows = min(rows, self._batch - self._rows % self._batch)
            self._open_rows += rows
            self._open_bytes += int(until[at + rows] - until[at])
            self._rows += rows
            at += rows
        statements, commits = (np.array(places, np.intp) for places in ends)
        return lead, statements, commits

    def _fitting(self, until: npt.NDArray[np.int64], at: int) -> int:
        """How many rows from number `at` on the open statement may take."""
        limit = self._dialect.max_insert_bytes - len(self._insert) - self._open_bytes
        fit = int(np.searchsorted(until, until[at] + limit, side="right")) - 1 - at
        return max(0, min(fit, MAX_ROWS - self._open_rows))

    def _before_statement(self, commit_due: bool) -> bytes:
        close = b";\n" if self._open_rows else b""
        if commit_due:
            return close + self._commit + self._insert
        return close + self._first_begin() + self._insert

    def flush(self) -> bytes:
        if not self._open_rows:
            return b""
        self._open_rows = self._open_bytes = 0
        return bytes(self._encoder.encode(self._close))

    def mark(self) -> dict[str, int]:
        return super().mark() | {"open_rows": self._open_rows, "open_bytes": self._open_bytes}

    def rewind(self, mark: dict[str, int]) -> None:
        super().rewind(mark)
        self._open_rows, self._open_bytes = mark["open_rows"], mark["open_bytes"]
