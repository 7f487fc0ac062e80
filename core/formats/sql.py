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

from connectors.base import SqlDialect, TableShape
from core.chunk import TextChunk
from core.formats.base import Encoder
from core.formats.block import BLOCK_BYTES, Block, cut_blocks
from core.formats.policy import TextPolicy
from core.formats.sql_body import SqlBody
from core.formats.text import TextEncoder, conversion, encodable
from core.formats.wide import Slices, encode_pieces
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding, Unencodable

MAX_ROWS = 1000


class SqlEncoder(Encoder):
    """Rows of one object as INSERT statements."""

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape
    ) -> None:
        self._dialect = dialect
        self._encoder = TextEncoder(settings.encoding)
        wanted = [at for at, column in enumerate(shape.columns) if column.insertable]
        columns = [shape.columns[at] for at in wanted]
        self._columns = None if len(wanted) == len(shape.columns) else wanted
        self._policy = TextPolicy(settings.encoding, settings.on_unencodable, database, shape, columns)
        self._batch = settings.sql.batch_commit
        names = ",".join(dialect.identifier(self._policy.name(column.name)) for column in columns)
        table = dialect.identifier(self._policy.name(shape.ref.name))
        self._insert = f"INSERT INTO {table} ({names}){dialect.insert_clause} VALUES\n".encode()
        again = f"{dialect.begin}\n" if dialect.begin else ""
        self._commit = f"{dialect.commit}\n{again}".encode()
        self._body = SqlBody(
            dialect,
            [column.kind for column in columns],
            b";\n" + self._insert,
            b";\n" + self._commit + self._insert,
        )
        self._overhead = self._body.overhead * len(columns) + 4
        self._rows = 0
        # The statement that is open: how many rows, and how many bytes they may be; no rows: none is.
        self._open_rows = 0
        self._open_bytes = 0

    def begin(self) -> bytes:
        lines = head_lines(self._dialect, self._encoder.encoding)
        lines += [*self._dialect.header, *self._dialect.data_header]
        return self._encoder.bom + self._lines(lines)

    def _lines(self, lines: list[str]) -> bytes:
        return bytes(self._encoder.encode("".join(f"{line}\n" for line in lines).encode()))

    def encode(self, chunk: TextChunk) -> Iterator[memoryview | bytes]:
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
            mended = self._policy.values(block, text & ~no_text, first)
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

    def _commit_due(self) -> bool:
        return bool(self._batch and self._rows and self._rows % self._batch == 0)

    def _before_statement(self, commit_due: bool) -> bytes:
        close = b";\n" if self._open_rows else b""
        if commit_due:
            return close + self._commit + self._insert
        begun = (*self._dialect.header, *self._dialect.data_header)
        if self._batch and not self._rows and self._dialect.begin and self._dialect.begin not in begun:
            return f"{self._dialect.begin}\n".encode() + self._insert
        return close + self._insert

    def flush(self) -> bytes:
        if not self._open_rows:
            return b""
        self._open_rows = self._open_bytes = 0
        return bytes(self._encoder.encode(b";\n"))

    def end(self) -> bytes:
        footer = [*self._dialect.data_footer, *self._dialect.footer]
        close = self.flush()
        if self._batch and self._rows and self._dialect.commit not in footer:
            footer.insert(0, self._dialect.commit)
        return close + self._lines(footer)

    def state(self) -> dict[str, int]:
        return {"rows": self._rows, **self._policy.state()}

    def resume(self, state: dict[str, int]) -> None:
        self._rows = state["rows"]
        self._policy.resume(state)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._policy.warnings


def head_lines(dialect: SqlDialect, encoding: Encoding) -> list[str]:
    """What an SQL file in this encoding begins with: the client's character set, and before it, where the
    client can't read the encoding, how to convert the file."""
    lines = []
    if encoding not in dialect.client_charsets:
        lines.append(f"-- {conversion(dialect.client, encoding)}")
    charset = dialect.client_charsets.get(encoding) or dialect.client_charsets.get(Encoding.UTF_8)
    if dialect.charset_statement and charset:
        lines.append(dialect.charset_statement.format(charset=charset))
    return lines


def notes(settings: ExportSettings, dialect: SqlDialect) -> list[str]:
    """What a person should know about SQL files of these settings."""
    words = []
    if settings.encoding not in dialect.client_charsets:
        words.append(f"{conversion(dialect.client, settings.encoding)} (the head of SQL files says so too).")
    if settings.on_unencodable is not Unencodable.FAIL and not encodable(settings.encoding)[-1]:
        words.append(f"Characters that {settings.encoding} lacks are altered in names and comments too.")
    return words
