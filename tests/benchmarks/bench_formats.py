"""How long the encoders take for a row of the standard table, in isolation.

    python -m tests.benchmarks.bench_formats [--repeats 100] [--profile csv|sql|jsonl]

A chunk of a megabyte, laid out as it comes off the wire, is encoded over and over; the table shows the best
run by the clock: nanoseconds a row and millions of rows a second.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from connectors.base import CHUNK_BYTES, SourceColumn, TableShape
from connectors.dialect import SqlDialect
from core.chunk import Kind, TextChunk
from core.formats import Encoder, open_encoder
from core.model.settings import CSV_PRESETS, CsvSettings, ExportSettings
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectType
from tests.benchmarks import table

KINDS = {"name": Kind.TEXT, "note": Kind.TEXT, "state": Kind.TEXT, "body": Kind.TEXT, "raw": Kind.BINARY} | dict.fromkeys(
    ("at", "day"), Kind.PLAIN
)  # fmt: skip
SHAPE = TableShape(
    ObjectRef(ObjectType.TABLE, "standard"),
    tuple(SourceColumn(name, "", KINDS.get(name, Kind.NUMBER)) for name in table.COLUMNS.split(", ")),
    ("id",),
)
DIALECT = SqlDialect(
    name="mysql",
    client="mysql",
    identifier_quote="`",
    escapes={b"\\": b"\\\\", b"'": b"\\'", b"\0": b"\\0", b"\n": b"\\n", b"\r": b"\\r", b"\x1a": b"\\Z"},
    special_numbers={b"-0": b"-0e0"} | {b"-0." + b"0" * n: b"-0e0" for n in range(1, 31)},
    client_charsets={Encoding.UTF_8: "utf8mb4"},
)


def wire_chunk(rows: Sequence[Sequence[Any]]) -> TextChunk:
    """Rows as the text protocol sends them: a packet header before each row, a length before each value."""
    buffer = bytearray()
    starts, ends, nulls = [], [], []
    for row in rows:
        buffer += b"\x00\x01\x00\x07"
        for value in row:
            data = value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
            buffer.append(0xFB if value is None else len(data))
            starts.append(len(buffer))
            buffer += data
            ends.append(len(buffer))
            nulls.append(value is None)
    shape = (len(rows), len(rows[0]))
    return TextChunk(
        np.frombuffer(buffer, np.uint8),
        np.array(starts, np.int64).reshape(shape),
        np.array(ends, np.int64).reshape(shape),
        np.array(nulls, np.bool_).reshape(shape),
    )


def encoder_of(form: Format, encoding: Encoding, csv: CsvSettings) -> Encoder:
    settings = ExportSettings(connection="c", objects=("t",), format=form, encoding=encoding, csv=csv)
    return open_encoder(settings, DIALECT, "shop", SHAPE)


def best(encoder: Encoder, chunk: TextChunk, repeats: int) -> float:
    """Nanoseconds a row of the fastest of so many runs."""
    found = float("inf")
    for _ in range(repeats):
        start = time.perf_counter_ns()
        for _piece in encoder.encode(chunk):
            pass
        found = min(found, (time.perf_counter_ns() - start) / chunk.rows)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--profile", choices=[form for form in Format if form.is_text])
    options = parser.parse_args()
    rows = list(table.seed_rows(6000))
    chunk = wire_chunk(rows)
    fitting = int(np.searchsorted(chunk.ends[:, -1], CHUNK_BYTES))
    chunk = wire_chunk(rows[:fitting])
    values = int((chunk.ends - chunk.starts).sum()) / chunk.rows
    print(f"{chunk.rows} rows of {chunk.columns} columns, {values:.0f} value bytes a row")
    if options.profile:
        encoder = encoder_of(Format(options.profile), Encoding.UTF_8, CsvSettings())
        with cProfile.Profile() as profile:
            best(encoder, chunk, options.repeats)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    cases = [
        (Format.CSV, Encoding.UTF_8, "default", CsvSettings()),
        (Format.CSV, Encoding.UTF_8, "mysql", CSV_PRESETS["mysql"]),
        (Format.SQL, Encoding.UTF_8, "", CsvSettings()),
        (Format.JSONL, Encoding.UTF_8, "", CsvSettings()),
        (Format.CSV, Encoding.GB18030, "default", CsvSettings()),
        (Format.CSV, Encoding.UTF_16, "default", CsvSettings()),
        (Format.SQL, Encoding.GB18030, "", CsvSettings()),
        (Format.JSONL, Encoding.GB18030, "", CsvSettings()),
    ]
    for form, encoding, name, csv in cases:
        took = best(encoder_of(form, encoding, csv), chunk, options.repeats)
        print(f"{form:5} {encoding:8} {name:8} {took:7.0f} ns/row {1e3 / took:6.2f} M rows/s")


if __name__ == "__main__":
    main()
