"""Settings of data files as fields of the form, numbers and characters as they are typed, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from core.model.format_settings import ArrowSettings, Compression, JsonSettings, ParquetSettings
from core.model.settings import CsvSettings, ExportSettings, SqlSettings
from core.model.vocabulary import Format
from tui.screens.wizard.texts import number

if TYPE_CHECKING:
    from tui.screens.wizard.draft import Draft
    from tui.state import Retained

BATCH = "100"
_NAMED_SEPARATORS = {"tab": "\t", "\\t": "\t"}


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


def csv_of(draft: Draft) -> CsvSettings:
    """Raises InvalidValue."""
    return CsvSettings(
        header=draft.header,
        separator=_NAMED_SEPARATORS.get(draft.separator.lower(), draft.separator),
        quote=draft.quote,
        newline=draft.newline,
        null=draft.null,
        binary=draft.binary,
        escape_backslash=draft.escape_backslash,
        bom=draft.bom,
        safe=draft.safe,
    )


def sql_of(draft: Draft) -> SqlSettings:
    """Raises InvalidValue."""
    commit = number(draft.batch_rows) if draft.batch else None
    return SqlSettings(rows=draft.sql_rows, batch_commit=commit)


def json_of(draft: Draft) -> JsonSettings:
    return JsonSettings(binary=draft.json_binary, big_numbers=draft.big_numbers)


def arrow_of(draft: Draft) -> ArrowSettings:
    return ArrowSettings(codec=draft.arrow_codec)


def parquet_of(draft: Draft) -> ParquetSettings:
    """Raises InvalidValue."""
    level = draft.parquet_level if draft.parquet_has_levels else ""
    return ParquetSettings(
        codec=draft.parquet_codec,
        level=number(level) if level.strip() else None,
        row_group_rows=number(draft.row_group_rows),
    )


def level_of(draft: Draft) -> int | None:
    """The level of compression. Raises InvalidValue where it is no number."""
    given = draft.compression is not Compression.NONE and draft.compression_level.strip()
    return number(draft.compression_level) if given else None


def data_settings(draft: Draft) -> dict[str, Any]:
    """The settings of data files; what doesn't apply stays as it was. Raises InvalidValue."""
    base, text = draft.basis, draft.text_applies
    form = draft.format if draft.content.data else base.format
    # Only text is compressed as a whole.
    kept = (base.compression, base.compression_level) if form.is_text else (Compression.NONE, None)
    compression, level = (draft.compression, level_of(draft)) if text else kept
    return {
        "format": form,
        "csv": csv_of(draft) if draft.writes(Format.CSV) else base.csv,
        "sql": sql_of(draft) if draft.writes(Format.SQL) else base.sql,
        "json": json_of(draft) if draft.writes(Format.JSONL) else base.json,
        "parquet": parquet_of(draft) if draft.writes(Format.PARQUET) else base.parquet,
        "arrow": arrow_of(draft) if draft.writes(Format.ARROW) else base.arrow,
        "on_unfit": draft.on_unfit if draft.has_types else base.on_unfit,
        "compression": compression,
        "compression_level": level,
    }
