"""What is said of an export's format and its settings, in lists, details and on the command line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.model.file_settings import Directories, Empty, FileSettings
from core.model.format_settings import (
    ArrowCodec,
    ArrowSettings,
    BigNumbers,
    BinaryText,
    Compression,
    JsonSettings,
    ParquetCodec,
    ParquetSettings,
    SqlRows,
    Unfit,
)
from core.model.settings import Export, ExportSettings, SqlSettings
from core.model.vocabulary import Content, Encoding, Format
from core.service import words
from tui.cli.forms import settings_fields
from tui.screens import export_rows
from tui.screens.task_information import exported

# Settings, what a list says, what the command line says, and lines of a task's information.
CASES: list[tuple[dict[str, Any], str, str, dict[str, str]]] = [
    ({}, "csv UTF-8", "csv, UTF-8", {"data format": "CSV", "compression": "none", "encoding": "UTF-8"}),
    (
        {"compression": Compression.GZIP, "compression_level": 3},
        "csv gzip:3 UTF-8",
        "csv gzip:3, UTF-8",
        {"data format": "CSV", "compression": "gzip:3"},
    ),
    (
        {"format": Format.SQL, "sql": SqlSettings(rows=SqlRows.COPY, batch_commit=5), "encoding": Encoding.GBK},
        "sql GBK",
        "sql, GBK",
        {"data format": "SQL", "rows": "behind COPY", "COMMIT": "after every 5 rows"},
    ),
    (
        {"format": Format.JSONL, "compression": Compression.ZSTD,
         "json": JsonSettings(binary=BinaryText.HEX, big_numbers=BigNumbers.TEXT)},
        "jsonl zstd UTF-8",
        "jsonl zstd, UTF-8",
        {"data format": "JSON Lines", "compression": "zstd", "bytes as": "hex", "big numbers": "as text"},
    ),
    (
        {"format": Format.PARQUET, "parquet": ParquetSettings(codec=ParquetCodec.GZIP, level=9, row_group_rows=500)},
        "parquet gzip:9",
        "parquet gzip:9, schema in UTF-8",
        {"data format": "Parquet", "codec": "gzip:9", "row groups": "of at most 500 rows",
         "doesn't fit": "ends the object"},
    ),
    (
        {"format": Format.ARROW, "content": Content.DATA, "on_unfit": Unfit.NULL,
         "arrow": ArrowSettings(codec=ArrowCodec.LZ4)},
        "arrow lz4",
        "arrow lz4",
        {"data format": "Arrow IPC", "codec": "lz4", "doesn't fit": "is written as NULL, and counted"},
    ),
    ({"content": Content.SCHEMA, "format": Format.PARQUET}, "sql UTF-8", "UTF-8", {"encoding": "UTF-8"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "listed", "printed", "told"), CASES)
def test_words(changes: dict[str, Any], listed: str, printed: str, told: dict[str, str]) -> None:
    settings = ExportSettings(connection="c", all_objects=True, **changes)
    assert export_rows.form(Export(name="e", directory="/d", settings=settings)) == listed
    assert dict(settings_fields(settings))["format"] == printed
    pairs = dict(exported(settings))
    assert told.items() <= pairs.items()
    assert ("COMMIT" in pairs) == (settings.format is Format.SQL)
    assert ("separator" in pairs) == (settings.format is Format.CSV)


def test_files_are_said_where_they_differ_from_the_usual() -> None:
    plain = ExportSettings(connection="c", all_objects=True)
    assert "files" not in dict(exported(plain))
    files = FileSettings(
        single=False, parts=4, max_records=1000, max_size=1 << 30, prefix="x_", empty=Empty.NONE,
        directories=Directories.FLAT,
    )  # fmt: skip
    said = "many, 4 at once, up to 1,000 rows, up to 1g, none of empty tables, called x_..., all in one directory"
    chosen = msgspec.structs.replace(plain, files=files)
    assert dict(exported(chosen))["files"] == dict(settings_fields(chosen))["files"] == said
    schema = msgspec.structs.replace(chosen, content=Content.SCHEMA)
    assert dict(exported(schema))["files"] == "called x_..., all in one directory"


def test_what_belongs_to_another_format_is_not_said() -> None:
    settings = ExportSettings(
        connection="c", all_objects=True, content=Content.DATA, format=Format.PARQUET,
        sql=SqlSettings(batch_commit=7), json=JsonSettings(big_numbers=BigNumbers.TEXT), on_unfit=Unfit.NULL,
    )  # fmt: skip
    said = {label: text for label, text in settings_fields(settings) if text}
    assert not {"sql", "csv", "json"} & said.keys()
    assert said["values"] == "NULL for what doesn't fit"
    assert "encoding" not in dict(exported(settings))
    assert words.data_form(settings) == "Parquet zstd"
