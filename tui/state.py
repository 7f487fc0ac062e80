"""What the screens remember between visits, in a small file of the home: filters, orders, the theme.

It is a convenience: one that can't be read counts as empty, one that can't be written is not written.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from core.model.file_settings import FileSettings
from core.model.format_settings import (
    ArrowSettings,
    Compression,
    JsonSettings,
    ParquetSettings,
    Unfit,
)
from core.model.settings import CsvSettings, SchemaSettings, SqlSettings
from core.model.vocabulary import Encoding, Format, Unencodable


class ListView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a list was looked at: `filter` as it was typed, `order` by its name ("": the list's usual one)."""

    filter: str = ""
    order: str = ""
    descending: bool = False


class Retained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data-file and schema-file settings of an export that the next ones shall begin with."""

    format: Format = Format.CSV
    encoding: Encoding = Encoding.UTF_8
    on_unencodable: Unencodable = Unencodable.FAIL
    csv: CsvSettings = CsvSettings()
    sql: SqlSettings = SqlSettings()
    json: JsonSettings = JsonSettings()
    parquet: ParquetSettings = ParquetSettings()
    arrow: ArrowSettings = ArrowSettings()
    on_unfit: Unfit = Unfit.FAIL
    compression: Compression = Compression.NONE
    compression_level: int | None = None
    files: FileSettings = FileSettings()
    schema: SchemaSettings = SchemaSettings()


class ScreenState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`quick_format`: what the last quick export was, unless settings were retained since."""

    tasks: ListView = ListView()
    exports: ListView = ListView()
    connections: ListView = ListView()
    directories: ListView = ListView()
    theme: str | None = None
    log_wrap: bool = True
    retained: Retained | None = None
    quick_format: Format | None = None


def load(path: Path) -> ScreenState:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ScreenState)
    except (OSError, msgspec.DecodeError):
        return ScreenState()


def save(path: Path, state: ScreenState) -> None:
    """Replace the file in one step."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(msgspec.json.encode(state))
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
