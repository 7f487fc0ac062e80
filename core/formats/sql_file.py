"""What SQL files of rows have in common, however the rows stand in them: head, foot, COMMITs, and state."""

from __future__ import annotations

from connectors.base import TableShape
from connectors.dialect import SqlDialect
from core.errors import InvalidValue
from core.formats.base import Encoder
from core.formats.policy import TextPolicy
from core.formats.text import TextEncoder, conversion, encodable
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding, Unencodable


class SqlFile(Encoder):
    """A file of SQL with rows of one object. Generated columns are left out.

    For those who say how rows are written: `_columns` are the columns that are taken, by number (None: all),
    `_taken` the same as columns, `_table` and `_names` the quoted names, `_commit` what ends a transaction
    and begins the next, `_rows` how many rows the file has. `_close` is what ends a statement that is open.
    """

    _close = b";\n"

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape
    ) -> None:
        self._dialect = dialect
        self._encoder = TextEncoder(settings.encoding)
        check_columns(shape)
        wanted = [at for at, column in enumerate(shape.columns) if column.insertable]
        self._taken = [shape.columns[at] for at in wanted]
        self._columns = None if len(wanted) == len(shape.columns) else wanted
        self._policy = TextPolicy(settings.encoding, settings.on_unencodable, database, shape, self._taken)
        self._batch = settings.sql.batch_commit
        self._names = ",".join(dialect.identifier(self._policy.name(column.name)) for column in self._taken)
        self._schema = dialect.identifier(self._policy.name(database))
        self._table = dialect.identifier(self._policy.name(shape.ref.name))
        again = f"{dialect.begin}\n" if dialect.begin else ""
        self._commit = f"{dialect.commit}\n{again}".encode()
        self._rows = 0

    def begin(self) -> bytes:
        lines = head_lines(self._dialect, self._encoder.encoding)
        lines += [*self._dialect.header, *self._dialect.data_header]
        if self._dialect.enter:
            lines.append(self._dialect.enter.format(schema=self._schema))
        return self._encoder.bom + self._lines(lines)

    def _lines(self, lines: list[str]) -> bytes:
        return bytes(self._encoder.encode("".join(f"{line}\n" for line in lines).encode()))

    def _commit_due(self) -> bool:
        return bool(self._batch and self._rows and self._rows % self._batch == 0)

    def _first_begin(self) -> bytes:
        """What begins the first transaction, before the first row; empty where nothing has to."""
        begun = (*self._dialect.header, *self._dialect.data_header)
        if self._batch and not self._rows and self._dialect.begin and self._dialect.begin not in begun:
            return f"{self._dialect.begin}\n".encode()
        return b""

    def end(self) -> bytes:
        return self.flush() + self._lines(self._footer(commit=bool(self._batch and self._rows)))

    def _footer(self, *, commit: bool) -> list[str]:
        footer = [*self._dialect.data_footer, *self._dialect.footer]
        return [self._dialect.commit, *footer] if commit and self._dialect.commit not in footer else footer

    @property
    def closing(self) -> int:
        foot = self._lines(self._footer(commit=bool(self._batch)))
        return len(self._encoder.encode(self._close)) + len(foot)

    def state(self) -> dict[str, int]:
        return {"rows": self._rows, **self._policy.state()}

    def resume(self, state: dict[str, int]) -> None:
        self._rows = state["rows"]
        self._policy.resume(state)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._policy.warnings


def check_columns(shape: TableShape) -> None:
    """Raises InvalidValue where the server itself makes all columns: no row can be put in."""
    if not any(column.insertable for column in shape.columns):
        raise InvalidValue(
            f"All columns of {shape.ref} are generated: as SQL its rows can't be loaded.",
            "Choose another format for it, or another column, or its schema only.",
        )


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
