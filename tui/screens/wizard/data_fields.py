"""The fields of the form about data files."""

from __future__ import annotations

from enum import StrEnum

from core.model.format_settings import (
    ArrowCodec,
    BigNumbers,
    BinaryText,
    Compression,
    ParquetCodec,
    SqlRows,
    Unfit,
)
from core.model.settings import CsvSettings
from core.model.vocabulary import Format, Newline, Unencodable
from tui.screens.wizard import choices
from tui.screens.wizard.field import Field, Step, field

S = Step


def _codecs(kind: type[StrEnum]) -> tuple[tuple[str, str], ...]:
    return tuple((codec, codec.value) for codec in kind)


DATA_FIELDS: tuple[Field, ...] = (
    field(
        "format",
        S.DATA,
        "Format",
        "CSV and JSON for any reader, SQL to load again, the others with types.",
        tuple((form, form.label.split()[0]) for form in Format),
        shown=choices.data,
    ),
    field(
        "encoding",
        S.DATA,
        "Encoding",
        "The character encoding of the files; space shows the list.",
        choices.encodings,
        shown=lambda draft, known: draft.text_applies or draft.content.schema,
    ),
    field(
        "on_unencodable",
        S.DATA,
        "Lacking characters",
        "A character that the encoding lacks: fail and say where, write ?, or write \\u{HEX}.",
        ((Unencodable.FAIL, "fail"), (Unencodable.REPLACE, "replace"), (Unencodable.ESCAPE, "escape")),
    ),
    field(
        "compression",
        S.DATA,
        "Compression",
        "Of each data file as a whole.",
        ((Compression.NONE, "none"), (Compression.GZIP, "gzip"), (Compression.ZSTD, "zstd")),
        shown=lambda draft, known: draft.text_applies,
    ),
    field(
        "compression_level",
        S.DATA,
        "Level",
        "gzip 0 to 3, zstd 1 to 19; higher is smaller and slower. Empty: one that is quick.",
        shown=lambda draft, known: draft.text_applies and draft.compression is not Compression.NONE,
    ),
    field(
        "json_binary",
        S.DATA,
        "Bytes as",
        "How bytes are written: JSON has none of its own.",
        tuple((form, form.value) for form in BinaryText),
        shown=lambda draft, known: draft.writes(Format.JSONL),
    ),
    field(
        "big_numbers",
        S.DATA,
        "Big numbers as",
        "64-bit integers and decimals; as text, readers that know doubles only don't round them.",
        ((BigNumbers.NUMBER, "numbers"), (BigNumbers.TEXT, "text")),
        shown=lambda draft, known: draft.writes(Format.JSONL),
    ),
    field(
        "parquet_codec",
        S.DATA,
        "Codec",
        "How the columns are compressed within the file.",
        _codecs(ParquetCodec),
        shown=lambda draft, known: draft.writes(Format.PARQUET),
    ),
    field(
        "parquet_level",
        S.DATA,
        "Level",
        "zstd 1 to 22, gzip 1 to 9, brotli 0 to 11. Empty: the codec's own.",
        shown=lambda draft, known: draft.writes(Format.PARQUET) and draft.parquet_has_levels,
    ),
    field(
        "row_group_rows",
        S.DATA,
        "Rows in a group",
        "At most so many rows in a row group; fewer where they are large.",
        shown=lambda draft, known: draft.writes(Format.PARQUET),
    ),
    field(
        "arrow_codec",
        S.DATA,
        "Codec",
        "How the columns are compressed within the file.",
        _codecs(ArrowCodec),
        shown=lambda draft, known: draft.writes(Format.ARROW),
    ),
    field(
        "on_unfit",
        S.DATA,
        "What doesn't fit",
        "Of a zero date and the like: fail and say where, or write NULL and count.",
        ((Unfit.FAIL, "fail"), (Unfit.NULL, "write NULL")),
        shown=lambda draft, known: draft.has_types,
    ),
    field(
        "preset",
        S.DATA,
        "CSV for",
        "Sets all fields below as this reader wants them.",
        choices.presets,
        shown=choices.csv,
        get=choices.get_preset,
        put=choices.put_preset,
    ),
    field("header", S.DATA, "Header", "Column names in the first line.", choices.SWITCH, shown=choices.csv),
    field("separator", S.DATA, "Separator", "Between values: one character, or tab.", shown=choices.csv),
    field(
        "quote",
        S.DATA,
        "Text qualifier",
        "Around values that need it; doubled inside of them.",
        (('"', '"'), ("'", "'")),
        shown=choices.csv,
    ),
    field(
        "newline",
        S.DATA,
        "Line break",
        "At the end of each line.",
        ((Newline.LF, "\\n"), (Newline.CRLF, "\\r\\n"), (Newline.CR, "\\r")),
        shown=choices.csv,
    ),
    field(
        "null",
        S.DATA,
        "NULL is",
        'Stands for NULL, unquoted; empty: nothing, and an empty string is "".',
        shown=choices.csv,
    ),
    field(
        "binary",
        S.DATA,
        "Bytes as",
        "How bytes are written.",
        tuple((form, form) for form in CsvSettings.BINARY_FORMS),
        shown=choices.csv,
    ),
    field(
        "escape_backslash",
        S.DATA,
        "Double \\",
        "For readers that take backslashes as escapes.",
        choices.SWITCH,
        shown=choices.csv,
    ),
    field(
        "bom",
        S.DATA,
        "Byte-order mark",
        "Before UTF-8 too; Excel wants it.",
        choices.SWITCH,
        shown=choices.csv,
    ),
    field(
        "safe",
        S.DATA,
        "No formulas",
        "An apostrophe before texts that a spreadsheet would run: = + - @ and such.",
        choices.SWITCH,
        shown=choices.csv,
    ),
    field(
        "sql_rows",
        S.DATA,
        "Rows as",
        "INSERTs load anywhere; behind COPY they load several times as fast, by psql only.",
        ((SqlRows.INSERT, "INSERT"), (SqlRows.COPY, "COPY")),
        shown=choices.sql_rows,
    ),
    field(
        "batch",
        S.DATA,
        "Batch commit",
        "A COMMIT after every so many rows.",
        choices.SWITCH,
        shown=lambda draft, known: draft.writes(Format.SQL),
    ),
    field(
        "batch_rows",
        S.DATA,
        "Rows",
        "So many rows between two COMMITs.",
        shown=lambda draft, known: draft.writes(Format.SQL) and draft.batch,
    ),
)
