"""Rows in the form in which a database takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msgspec.structs import replace as replaced

from connectors.base import TableShape
from connectors.dialect import SqlDialect
from connectors.targets import Piece, RowForm
from core.chunk import TextChunk
from core.formats.csv import CsvEncoder
from core.formats.sql import MAX_ROWS, SqlEncoder
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding, Format

_UNBOUNDED = 1 << 31


class RowEncoder:
    """Turns chunks of one object into pieces. `insert_name` is the table that INSERTs name."""

    def __init__(
        self, settings: ExportSettings, form: RowForm, database: str, shape: TableShape, insert_name: str
    ) -> None:
        self._csv: CsvEncoder | None = None
        self._insert: _Inserts | None = None
        if form.csv is not None:
            csv = replaced(form.csv, header=False)
            self._csv = CsvEncoder(_plain(settings, Format.CSV, csv=csv), database, shape)
        elif form.insert is not None:
            plain = _plain(settings, Format.SQL)
            self._insert = _Inserts(plain, form.insert, database, shape, insert_name)

    def pieces(self, chunk: TextChunk) -> Iterator[Piece]:
        """Raises Unencodable and InvalidText by the task's policy."""
        if self._csv is not None:
            yield from self._csv.encode(chunk)
        elif self._insert is not None:
            yield from self._insert.statements(chunk)
        else:
            yield chunk

    @property
    def warnings(self) -> tuple[str, ...]:
        if self._csv is not None:
            # That a NULL is an empty line is no matter for a server.
            return tuple(text for text in self._csv.warnings if "empty lines" not in text)
        return self._insert.warnings if self._insert is not None else ()


def _plain(settings: ExportSettings, form: Format, **fields: object) -> ExportSettings:
    """Settings of a text file in UTF-8, of which only the policy for what is no text is the task's."""
    return ExportSettings(
        connection=settings.connection,
        all_objects=True,
        format=form,
        encoding=Encoding.UTF_8,
        on_unencodable=settings.on_unencodable,
        **fields,  # type: ignore[arg-type]
    )


class _Inserts:
    """One INSERT for every so many rows."""

    def __init__(
        self, settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape, name: str
    ) -> None:
        unbounded = replace(dialect, max_insert_bytes=_UNBOUNDED)
        columns = tuple(replace(column, insertable=True) for column in shape.columns)
        self._encoder = SqlEncoder(settings, unbounded, database, replace(shape, columns=columns))
        self._was = f"INSERT INTO {dialect.identifier(shape.ref.name)} ".encode()
        self._head = f"INSERT INTO {dialect.identifier(name)} ".encode()

    def statements(self, chunk: TextChunk) -> Iterator[bytes]:
        for begin in range(0, chunk.rows, MAX_ROWS):
            rows = chunk.between(begin, min(chunk.rows, begin + MAX_ROWS))
            text = b"".join([*map(bytes, self._encoder.encode(rows)), self._encoder.flush()])
            yield self._head + text.removeprefix(self._was).removesuffix(b";\n")

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._encoder.warnings
