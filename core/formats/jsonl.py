"""JSON Lines (https://jsonlines.org, RFC 8259): one object for each row, columns in order, one line each.

    {"id":1,"name":"Ada","photo":"iVBORw0=","born":"1815-12-10","score":0.1}

NULL is `null`, booleans are `true` and `false`. Numbers are the source's own digits, without zeros in front;
infinity and NaN, which JSON lacks, are strings. Where the settings say so, the numbers of columns with 64-bit
integers or decimals are strings too. Everything else is a string; bytes are in base64 or hex. A character
that the encoding lacks is written as `\\uXXXX`, so that nothing is lost in any encoding; the policy is asked
only about bytes that are no text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pyarrow as pa

from connectors.base import TableShape
from core.chunk import Chunk
from core.formats.base import Encoder
from core.formats.block import BLOCK_BYTES, Block, cut_blocks
from core.formats.jsonl_body import JsonBody
from core.formats.policy import TextPolicy
from core.formats.text import TextEncoder
from core.formats.wide import Slices, encode_pieces
from core.model.format_settings import BigNumbers
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding


class JsonEncoder(Encoder):
    """Rows of one object as JSON Lines."""

    def __init__(self, settings: ExportSettings, database: str, shape: TableShape) -> None:
        self._encoder = _JsonText(settings.encoding)
        # Every character can be written: only bytes that are no text are a matter of policy.
        self._policy = TextPolicy(Encoding.UTF_8, settings.on_unencodable, database, shape, shape.columns)
        strings = settings.json.big_numbers is BigNumbers.TEXT
        self._body = JsonBody(
            shape.columns,
            settings.json.binary,
            [strings and column.logical.beyond_double for column in shape.columns],
        )
        self._rows = 0

    def begin(self) -> bytes:
        return self._encoder.bom

    def encode(self, chunk: Chunk) -> Iterator[memoryview | bytes]:
        for block in cut_blocks(chunk, None, BLOCK_BYTES):
            if len(block.data) > BLOCK_BYTES:
                pieces = self._body.wide(block, Slices(block, self._policy, self._rows))
                yield from encode_pieces(pieces, self._encoder)
            else:
                yield self._block(block)
            self._rows += block.rows

    def _block(self, block: Block) -> bytes | memoryview:
        try:
            return self._encoder.encode(self._body.join(block))
        except ValueError:
            mended = self._policy.values(block, self._body.text(block), self._rows)
            return self._encoder.encode(self._body.join(mended))

    def flush(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def state(self) -> dict[str, int]:
        return {"rows": self._rows, **self._policy.state()}

    def resume(self, state: dict[str, int]) -> None:
        self._rows = state["rows"]
        self._policy.resume(state)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._policy.warnings


class _JsonText(TextEncoder):
    """JSON in an encoding: whatever that lacks stands in a string, where it can be escaped."""

    def encode(self, utf8: bytes | pa.Buffer) -> bytes | memoryview:
        try:
            return super().encode(utf8)
        except UnicodeEncodeError:
            return str(memoryview(utf8), "utf-8").encode(self._codec, _ESCAPE)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """A handler of codecs: characters as `\\uXXXX`, beyond the first plane as a pair (RFC 8259 §7)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


_ESCAPE = "offramp-json"
codecs.register_error(_ESCAPE, _escaped)


def notes(settings: ExportSettings) -> list[str]:
    """What a person should know about JSON Lines of these settings."""
    words = [f"Bytes are written in {settings.json.binary} in JSON."]
    if settings.json.big_numbers is BigNumbers.NUMBER:
        words.append("Numbers have all their digits; readers that know doubles only round the long ones.")
    if settings.encoding is not Encoding.UTF_8:
        words.append(f"JSON is UTF-8 by its standard: tell its readers that it is {settings.encoding} here.")
    return words
