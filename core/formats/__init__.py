"""Formats: chunks of rows to the bytes of files (see `base` for the interface)."""

from __future__ import annotations

from connectors.base import TableShape
from connectors.dialect import SqlDialect
from core.formats.base import Encoder
from core.formats.csv import CsvEncoder
from core.formats.csv import notes as csv_notes
from core.formats.jsonl import JsonEncoder
from core.formats.jsonl import notes as json_notes
from core.formats.sql import SqlEncoder
from core.formats.sql_file import check_columns
from core.formats.sql_file import notes as sql_notes
from core.formats.sql_rows import RowSqlEncoder
from core.model.format_settings import SqlRows
from core.model.settings import ExportSettings
from core.model.vocabulary import Format

__all__ = ["Encoder", "check", "data_suffix", "notes", "open_encoder"]

_SUFFIXES = {
    Format.CSV: ".csv",
    Format.SQL: ".sql",
    Format.JSONL: ".jsonl",
    Format.PARQUET: ".parquet",
    Format.ARROW: ".arrow",
}


def open_encoder(settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape) -> Encoder:
    """An encoder for one file of one object. Raises InvalidValue where the settings can't be written in the
    encoding, Unencodable where a name can't and the policy is to fail."""
    if settings.format is Format.CSV:
        return CsvEncoder(settings, database, shape)
    if settings.format is Format.JSONL:
        return JsonEncoder(settings, database, shape)
    # What few tasks need takes a while to load: only by whoever writes it.
    if not settings.format.is_text:
        from core.formats.typed import TypedEncoder  # noqa: PLC0415

        return TypedEncoder(settings, database, shape)
    if settings.sql.rows is SqlRows.COPY:
        from core.formats.copy import CopyEncoder  # noqa: PLC0415

        return CopyEncoder(settings, dialect, database, shape)
    if dialect.rows is not None:
        return RowSqlEncoder(settings, dialect, database, shape, dialect.rows)
    return SqlEncoder(settings, dialect, database, shape)


def check(settings: ExportSettings, shape: TableShape) -> None:
    """Raises InvalidValue where rows of these columns can't be written in the format at all."""
    if settings.format is Format.SQL:
        check_columns(shape)


def data_suffix(settings: ExportSettings) -> str:
    """What the names of data files end in."""
    return _SUFFIXES[settings.format] + settings.compression.suffix


def notes(settings: ExportSettings, dialect: SqlDialect) -> list[str]:
    """What a person should know about files of these settings before they are written."""
    words = []
    if settings.content.data and settings.format is Format.CSV:
        words += csv_notes(settings)
    if settings.content.data and settings.format is Format.JSONL:
        words += json_notes(settings)
    if settings.content.data and not settings.format.is_text:
        from core.formats.typed_columns import notes as typed_notes  # noqa: PLC0415

        words += typed_notes(settings)
    if settings.content.schema or settings.format is Format.SQL:
        words += sql_notes(settings, dialect)
    return words
