"""Options of the formats beside CSV and SQL and of compression, to settings and back.

--compression gzip|zstd[:LEVEL]   --codec CODEC[:LEVEL]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from core.model.format_settings import (
    ArrowCodec,
    ArrowSettings,
    BigNumbers,
    BinaryText,
    Compression,
    JsonSettings,
    ParquetCodec,
    ParquetSettings,
    Unfit,
)
from core.model.settings import ExportSettings
from core.model.spelling import suggestion
from core.model.vocabulary import Format
from tui.cli.values import number, word

Leveled = tuple[str, int | None]


def leveled(kind: type[StrEnum]) -> Callable[[str], Leveled]:
    """For argparse: `gzip` or `gzip:3`, a member of an enum and a level."""

    def parse(text: str) -> Leveled:
        name, _, level = text.strip().lower().partition(":")
        if name not in list(kind):
            raise argparse.ArgumentTypeError(
                f"{text!r} is wrong. {suggestion(name, [m.value for m in kind])}"
            )
        if level and not level.isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r} is wrong: {level!r} is no level.")
        return name, int(level) if level else None

    return parse


def add_options(parser: argparse.ArgumentParser) -> None:
    text = parser.add_argument_group("text files")
    text.add_argument(
        "--compression",
        type=leveled(Compression),
        metavar="HOW",
        help="none (default), gzip or zstd, or with a level: gzip:3 (0 to 3), zstd:9 (1 to 19)",
    )
    json = parser.add_argument_group("JSON Lines")
    json.add_argument(
        "--json-binary", type=word(BinaryText), metavar="FORM", help="bytes in base64 (default) or hex"
    )
    json.add_argument(
        "--json-big-numbers",
        type=word(BigNumbers),
        metavar="HOW",
        help="of columns with 64-bit integers or decimals: number (default), or text, for readers that know"
        " doubles only",
    )
    typed = parser.add_argument_group("Parquet and Arrow files")
    typed.add_argument(
        "--parquet-codec",
        type=leveled(ParquetCodec),
        metavar="CODEC",
        help="zstd (default), none, snappy, gzip, lz4 or brotli, or with a level: zstd:9",
    )
    typed.add_argument(
        "--parquet-row-group-rows", type=number, metavar="N", help="at most so many rows in a row group"
    )
    typed.add_argument(
        "--arrow-codec", type=word(ArrowCodec), metavar="CODEC", help="none (default), lz4 or zstd"
    )
    typed.add_argument(
        "--on-unfit",
        type=word(Unfit),
        metavar="POLICY",
        help="a value that its type can't hold (a zero date): fail (default) and say where, or write null",
    )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what the options say into the fields of ExportSettings. Raises UsageError, InvalidValue."""
    if args.compression is not None:
        name, level = args.compression
        fields["compression"], fields["compression_level"] = Compression(name), level
    if args.on_unfit is not None:
        fields["on_unfit"] = args.on_unfit
    chosen = {"binary": args.json_binary, "big_numbers": args.json_big_numbers}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen:
        fields["json"] = msgspec.structs.replace(fields.get("json", JsonSettings()), **chosen)
    parquet: dict[str, Any] = {}
    if args.parquet_row_group_rows is not None:
        parquet["row_group_rows"] = args.parquet_row_group_rows
    if args.parquet_codec is not None:
        name, level = args.parquet_codec
        parquet |= {"codec": ParquetCodec(name), "level": level}
    if parquet:
        fields["parquet"] = msgspec.structs.replace(fields.get("parquet", ParquetSettings()), **parquet)
    if args.arrow_codec is not None:
        fields["arrow"] = ArrowSettings(codec=args.arrow_codec)


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    form = settings.format if settings.content.data else None
    words = []
    for name, forms, what in (
        ("json_binary", (Format.JSONL,), "no JSON Lines are"),
        ("json_big_numbers", (Format.JSONL,), "no JSON Lines are"),
        ("parquet_codec", (Format.PARQUET,), "no Parquet is"),
        ("parquet_row_group_rows", (Format.PARQUET,), "no Parquet is"),
        ("arrow_codec", (Format.ARROW,), "no Arrow file is"),
        ("on_unfit", (Format.PARQUET, Format.ARROW), "no Parquet or Arrow file is"),
    ):
        if getattr(args, name) is not None and form not in forms:
            words.append(f"--{name.replace('_', '-')} changes nothing: {what} written.")
    if args.encoding is not None and form is not None and not form.is_text and not settings.content.schema:
        words.append(f"--encoding changes nothing: {form.label} files are no text.")
    return words


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    words: list[str] = []
    if (settings.compression, settings.compression_level) != (old.compression, old.compression_level):
        words += ["--compression", _leveled(settings.compression, settings.compression_level)]
    if settings.json.binary != old.json.binary:
        words += ["--json-binary", settings.json.binary]
    if settings.json.big_numbers != old.json.big_numbers:
        words += ["--json-big-numbers", settings.json.big_numbers]
    parquet, before = settings.parquet, old.parquet
    if (parquet.codec, parquet.level) != (before.codec, before.level):
        words += ["--parquet-codec", _leveled(parquet.codec, parquet.level)]
    if parquet.row_group_rows != before.row_group_rows:
        words += ["--parquet-row-group-rows", str(parquet.row_group_rows)]
    if settings.arrow != old.arrow:
        words += ["--arrow-codec", settings.arrow.codec]
    if settings.on_unfit != old.on_unfit:
        words += ["--on-unfit", settings.on_unfit]
    return words


def _leveled(name: str, level: int | None) -> str:
    return name if level is None else f"{name}:{level}"
