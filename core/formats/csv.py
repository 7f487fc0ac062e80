"""CSV after RFC 4180, with the differences that readers ask for (`CsvSettings`).

A value is quoted where it holds the separator, the text qualifier, CR or LF, or could be taken for something
else than it is:

- where it reads like NULL (`null`; with `escape_backslash` also the word NULL, which MySQL's LOAD DATA takes
  for NULL unless it is enclosed), and where it is empty and nothing stands for NULL (with `escape_backslash`
  always: OceanBase's LOAD DATA takes an empty last field for NULL);
- where it is empty in a table of one column: many readers skip empty lines; where it is `\\.` there, which
  PostgreSQL's COPY takes for the end of data;
- where it begins or ends with a blank or a control character: SQL*Loader trims blanks of fields that are not
  enclosed;
- where it is the first of the file and begins with a byte-order mark.

NULL is never quoted. In a table of one column with nothing for NULL, NULL is an empty line, as PostgreSQL's
COPY writes it; since many readers skip such lines, a warning counts them.

With `escape_backslash` (MySQL 8.0 manual, "LOAD DATA": FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"'
ESCAPED BY '\\\\') backslashes are doubled and a value that holds one is quoted; text qualifiers are doubled
as ever, which LOAD DATA reads as one. NUL, Ctrl-Z and line breaks stand as they are: within the enclosure
LOAD DATA takes them for themselves. Doubling happens before the conversion to the file's encoding, so a
trail byte 0x5C of GBK or BIG5 is not doubled: LOAD DATA … CHARACTER SET gbk reads whole characters, and takes
only a backslash of its own for an escape. (It can't read UTF-16 or UTF-32.)

With `safe` a text, or the digits of bytes, that begins with =, +, -, @, a tab or CR gets an apostrophe before
it and is quoted ("CSV Injection", OWASP): spreadsheets would run it as a formula. Whoever reads the file back
gets the apostrophe, too, and can't tell it from one that was there. Numbers, dates and times stay as they
are.

The line break setting ends records only; line breaks within values are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from connectors.base import TableShape
from core.chunk import Chunk, Kind
from core.errors import InvalidValue
from core.formats.base import Encoder
from core.formats.block import BLOCK_BYTES, Block, cut_blocks
from core.formats.csv_body import CsvBody
from core.formats.policy import TextPolicy
from core.formats.text import TextEncoder, count_flaws
from core.formats.wide import Slices, encode_pieces
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding

_BOM = "\ufeff".encode()
_FORMS = {"hex": "hex digits", "0x": "hex digits after 0x", "\\x": "hex digits after \\x", "base64": "base64"}


class CsvEncoder(Encoder):
    """Rows of one object as CSV. Raises InvalidValue where the encoding lacks the separator or what stands
    for NULL."""

    def __init__(self, settings: ExportSettings, database: str, shape: TableShape) -> None:
        csv = settings.csv
        for what, text in (("separator", csv.separator), ("text for NULL", csv.null)):
            if count_flaws(text, settings.encoding):
                raise InvalidValue(
                    f"The CSV {what} {text!r} can't be written in {settings.encoding}.",
                    "Choose another one, or another encoding.",
                )
        self._csv = csv
        self._encoder = TextEncoder(settings.encoding)
        self._policy = TextPolicy(settings.encoding, settings.on_unencodable, database, shape, shape.columns)
        self._names = [self._policy.name(column.name) for column in shape.columns]
        self._body = CsvBody(csv, [column.kind for column in shape.columns])
        self._empty_line = len(shape.columns) == 1 and not csv.null
        self._rows = 0
        self._empty_lines = 0

    def begin(self) -> bytes:
        mark = self._encoder.bom or (_BOM if self._csv.bom and self._is_utf8 else b"")
        if not self._csv.header:
            return mark
        names = [name.encode() for name in self._names]
        bounds = np.cumsum([0, *map(len, names)]).astype(np.int32)
        spans = np.stack([bounds[:-1], bounds[1:]], axis=1)
        block = Block(np.frombuffer(b"".join(names), np.uint8), spans, None, None, 1, len(names))
        head = CsvBody(self._csv, [Kind.TEXT] * len(names))
        return mark + bytes(self._encoder.encode(head.join(block, first_of_file=not mark)))

    @property
    def _is_utf8(self) -> bool:
        return self._encoder.encoding is Encoding.UTF_8

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for block in cut_blocks(chunk, None, BLOCK_BYTES):
            if len(block.data) > BLOCK_BYTES:
                slices = Slices(block, self._policy, self._rows)
                pieces = self._body.wide(block, slices, first_of_file=self._first_of_file)
                yield from encode_pieces(pieces, self._encoder)
            else:
                yield self._block(block)
            if self._empty_line and block.nulls is not None:
                self._empty_lines += int(np.count_nonzero(block.nulls))
            self._rows += block.rows

    def _block(self, block: Block) -> bytes | memoryview:
        first = self._first_of_file
        joined = self._body.join(block, first_of_file=first)
        try:
            return self._encoder.encode(joined)
        except ValueError:
            mended = self._policy.values(block, self._body.text(block), self._rows)
            return self._encoder.encode(self._body.join(mended, first_of_file=first))

    @property
    def _first_of_file(self) -> bool:
        return self._rows == 0 and not self._csv.header and not self._csv.bom and not self._encoder.bom

    def flush(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def state(self) -> dict[str, int]:
        return {"rows": self._rows, "empty_lines": self._empty_lines, **self._policy.state()}

    def resume(self, state: dict[str, int]) -> None:
        self._rows = state["rows"]
        self._empty_lines = state["empty_lines"]
        self._policy.resume(state)

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self._empty_lines:
            return self._policy.warnings
        return (
            *self._policy.warnings,
            f"{self._empty_lines} NULLs of the only column are empty lines, which many readers skip:"
            " choose a text for NULL if yours does.",
        )


def notes(settings: ExportSettings) -> list[str]:
    """What a person should know about CSV of these settings."""
    csv, words = settings.csv, [f"Bytes are written as {_FORMS[settings.csv.binary]} in CSV."]
    if csv.safe:
        words.append(
            "Texts that begin like a formula get an apostrophe before them, which is read back with them."
        )
    if settings.encoding in (Encoding.UTF_16, Encoding.UTF_32):
        words.append(f"{settings.encoding} is written little-endian, with a byte-order mark.")
        if csv.escape_backslash:
            words.append(f"MySQL's LOAD DATA can't read {settings.encoding}.")
    return words
