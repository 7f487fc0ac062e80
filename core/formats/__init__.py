"""Formats: chunks of rows to the bytes of files (see `base` for the interface)."""

from __future__ import annotations

from connectors.base import SqlDialect, TableShape
from core.formats.base import Encoder
from core.formats.csv import CsvEncoder
from core.formats.csv import notes as csv_notes
from core.formats.sql import SqlEncoder
from core.formats.sql import notes as sql_notes
from core.model.settings import ExportSettings
from core.model.vocabulary import Format

__all__ = ["Encoder", "data_suffix", "notes", "open_encoder"]

_SUFFIXES = {Format.CSV: ".csv", Format.SQL: ".sql"}


def open_encoder(settings: ExportSettings, dialect: SqlDialect, database: str, shape: TableShape) -> Encoder:
    """An encoder for one file of one object. Raises InvalidValue where the settings can't be written in the
    encoding, Unencodable where a name can't and the policy is to fail."""
    if settings.format is Format.CSV:
        return CsvEncoder(settings, database, shape)
    return SqlEncoder(settings, dialect, database, shape)


def data_suffix(format: Format) -> str:  # noqa: A002
    """What the names of data files end in."""
    return _SUFFIXES[format]


def notes(settings: ExportSettings, dialect: SqlDialect) -> list[str]:
    """What a person should know about files of these settings before they are written."""
    words = []
    if settings.content.data and settings.format is Format.CSV:
        words += csv_notes(settings)
    if settings.content.schema or settings.format is Format.SQL:
        words += sql_notes(settings, dialect)
    return words
