"""How files of the formats beside CSV and SQL look, and how files are compressed: defaults and rules."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from core.errors import InvalidValue


class BinaryText(StrEnum):
    """How bytes are written as text."""

    BASE64 = "base64"
    HEX = "hex"


class SqlRows(StrEnum):
    """How rows stand in SQL files: as INSERT statements, or behind PostgreSQL's COPY … FROM stdin."""

    INSERT = "insert"
    COPY = "copy"


class BigNumbers(StrEnum):
    """How numbers are written that a reader with doubles only (JavaScript) can't have: of columns that hold
    64-bit integers or decimals."""

    NUMBER = "number"
    TEXT = "text"


class Compression(StrEnum):
    """Of text files, each as a whole. Parquet and Arrow have codecs of their own."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"

    @property
    def suffix(self) -> str:
        """What the file's name ends in, behind the format's own ending."""
        return {"none": "", "gzip": ".gz", "zstd": ".zst"}[self]

    @property
    def levels(self) -> range:
        """Levels that can be asked for: those of igzip and of zstd."""
        return {"none": range(0), "gzip": range(4), "zstd": range(1, 20)}[self]


class ParquetCodec(StrEnum):
    NONE = "none"
    SNAPPY = "snappy"
    GZIP = "gzip"
    ZSTD = "zstd"
    LZ4 = "lz4"
    BROTLI = "brotli"


class ArrowCodec(StrEnum):
    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"


class Unfit(StrEnum):
    """What to do about a value that its column's type in a typed format can't hold (a zero date).

    `fail` stops the object and names table, column and value. `null` writes NULL and counts.
    """

    FAIL = "fail"
    NULL = "null"


class JsonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How JSON Lines look."""

    binary: BinaryText = BinaryText.BASE64
    big_numbers: BigNumbers = BigNumbers.NUMBER


class ParquetSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How Parquet files look. `level` is the codec's own (None: its default). A row group holds at most
    `row_group_rows` rows, and fewer where these would be large."""

    codec: ParquetCodec = ParquetCodec.ZSTD
    level: int | None = None
    row_group_rows: int = 122_880

    LEVELS = {"gzip": range(1, 10), "zstd": range(1, 23), "brotli": range(12)}

    def __post_init__(self) -> None:
        levels = self.LEVELS.get(self.codec, range(0))
        if self.level is not None and self.level not in levels:
            raise InvalidValue(
                f"Parquet codec {self.codec} has no level {self.level}.",
                f"Use {levels.start} to {levels.stop - 1}." if levels else "Leave the level out.",
            )
        if not 1 <= self.row_group_rows <= 10_000_000:
            raise InvalidValue(
                f"A row group of {self.row_group_rows} rows can't be.", "Use 1 to 10000000 rows."
            )


class ArrowSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How Arrow IPC files look."""

    codec: ArrowCodec = ArrowCodec.NONE
