"""Settings of data files as fields of the form: numbers and characters as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from core.model.settings import CsvSettings, ExportSettings

if TYPE_CHECKING:
    from tui.state import Retained

BATCH = "100"


def data_fields(settings: ExportSettings | Retained) -> dict[str, Any]:
    """All of them, whatever the format is."""
    parquet, level = settings.parquet, settings.compression_level
    return {
        "format": settings.format,
        "encoding": settings.encoding,
        "on_unencodable": settings.on_unencodable,
        **csv_fields(settings.csv),
        "sql_rows": settings.sql.rows,
        "batch": settings.sql.batch_commit is not None,
        "batch_rows": str(settings.sql.batch_commit or BATCH),
        "json_binary": settings.json.binary,
        "big_numbers": settings.json.big_numbers,
        "parquet_codec": parquet.codec,
        "parquet_level": "" if parquet.level is None else str(parquet.level),
        "row_group_rows": str(parquet.row_group_rows),
        "arrow_codec": settings.arrow.codec,
        "on_unfit": settings.on_unfit,
        "compression": settings.compression,
        "compression_level": "" if level is None else str(level),
    }


def csv_fields(csv: CsvSettings) -> dict[str, Any]:
    values = msgspec.structs.asdict(csv)
    if values["separator"] == "\t":
        values["separator"] = "tab"
    return values
