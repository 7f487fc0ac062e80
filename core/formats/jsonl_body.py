"""The rows of JSON Lines in UTF-8: which values are strings, and the joining of them (rules:
`core.formats.jsonl`)."""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from connectors.base import SourceColumn
from core.chunk import Bytes, Kind, Mask
from core.formats.binary import base64_values, hex_values
from core.formats.block import Block, Index, Packed, Values
from core.formats.joiner import Joiner
from core.formats.scan import Escapes, Scanner
from core.formats.wide import Slices
from core.logical import Holds
from core.model.format_settings import BinaryText

_BARE, _QUOTED = 0, 1
_NULL = b"null"
# RFC 8259 §7: these must be escaped in strings, and no others.
_ESCAPES = {bytes([code]): b"\\u%04x" % code for code in range(0x20)} | {
    b"\\": b"\\\\", b'"': b'\\"', b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t",
}  # fmt: skip
_ESCAPING = Escapes(_ESCAPES)
_DIGITS = re.compile(rb"([+-]?)0*([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
# Numbers that JSON lacks, by the names that ECMAScript, Java and protobuf's JSON mapping give them.
_NAMES = {b"inf": b"Infinity", b"-inf": b"-Infinity", b"nan": b"NaN"}
_MINUS, _ZERO, _NINE = b"-09"


def json_number(digits: bytes) -> tuple[bytes, bool]:
    """A number as JSON writes it (RFC 8259 §6), digit for digit, and whether it must be a string there:
    infinity and NaN."""
    found = _DIGITS.fullmatch(digits)
    if found is None or not (found[2] or found[3] or digits.strip(b"+-").startswith(b"0")):
        low = digits.lower().lstrip(b"+")
        return _NAMES.get(low.replace(b"infinity", b"inf"), digits), True
    sign, whole, fraction, exponent = found.groups()
    text = (b"-" if sign == b"-" else b"") + (whole or b"0")
    if fraction:
        text += b"." + fraction
    return text + (b"e" + exponent if exponent else b""), False


class JsonBody:
    """Joins blocks of these columns to objects. `as_text` says whose numbers are written as strings."""

    def __init__(self, columns: Sequence[SourceColumn], binary: BinaryText, as_text: Sequence[bool]) -> None:
        self._binary = binary
        self._columns = len(columns)
        self._kinds = np.array([column.kind for column in columns], np.uint8)
        self._keys = [json.dumps(column.name, ensure_ascii=False).encode() + b":" for column in columns]
        # The class of a column's numbers, and with it of its NULLs.
        self._number_class = np.where(as_text, _QUOTED, _BARE).astype(np.int32)
        # What is true or false is so in JSON's own words.
        plain = [_BARE if column.logical.holds is Holds.BOOLEAN else _QUOTED for column in columns]
        classes = np.where(self._kinds == Kind.NUMBER, self._number_class, plain)
        within = list(range(4, 4 + self._columns - 1))
        self._joiner = Joiner(self._literals(), [_NULL], classes.tolist(), within)
        self._own = classes.astype(np.int32)
        self._escapes = _ESCAPING
        self._scanner = Scanner(self._kinds, [Kind.TEXT], self._escapes.bytes)
        self._columns_of = {kind: np.flatnonzero(self._kinds == kind) for kind in Kind}

    def _literals(self) -> list[list[list[bytes]]]:
        quotes = (b"", b'"')
        first = b"{" + self._keys[0]
        lead = [[first + opening for opening in quotes]] * 2
        last = [[closing + b"}\n"] * 2 for closing in quotes]
        between = [[closing + b"}\n" + first + opening for opening in quotes] for closing in quotes]
        keys = [
            [[closing + b"," + key + opening for opening in quotes] for closing in quotes]
            for key in self._keys[1:]
        ]
        return [between, between, lead, last, *keys]

    def text(self, block: Block) -> Mask:
        """Which values of a block are text, flat."""
        if block.kinds is not None:
            chosen: Mask = block.kinds == Kind.TEXT
            return chosen
        return np.tile(self._kinds == Kind.TEXT, block.rows)

    def join(self, block: Block) -> pa.Buffer:
        """The rows in UTF-8; bytes of text that are no UTF-8 come through."""
        joiner = self._joiner
        classes = None
        if block.kinds is not None:
            numbers = np.tile(self._number_class, block.rows)
            classes = np.where(block.kinds == Kind.NUMBER, numbers, _QUOTED).astype(np.int32)
        joiner.load(block, classes)
        if block.nulls is not None:
            nulls = np.flatnonzero(block.nulls)
            own = self._own[nulls % self._columns] if classes is None else classes[nulls]
            joiner.shift_class(nulls, _BARE - own)
            joiner.use_single(nulls, 0)
        binary = self._chosen(block, Kind.BINARY)
        if len(binary):
            spans = block.some_spans(binary)
            write = base64_values if self._binary is BinaryText.BASE64 else hex_values
            joiner.use_extra(binary, write(block.data, spans))
        self._write_numbers(block)
        found = self._scanner.scan(block)
        if len(found.places):
            changed, rewritten = found.escaped(self._escapes)
            joiner.use_extra(self._scanner.flat(changed), rewritten)
        return joiner.join()

    def _chosen(self, block: Block, kind: Kind) -> Values:
        """The values of a kind that are not NULL, flat."""
        if block.kinds is not None:
            values = np.flatnonzero(block.kinds == kind)
        else:
            first = np.arange(0, len(block.spans), self._columns)
            values = (first[:, None] + self._columns_of[kind]).ravel()
        return values if block.nulls is None or not len(values) else values[~block.nulls[values]]

    def _write_numbers(self, block: Block) -> None:
        if block.kinds is None:
            columns = self._columns_of[Kind.NUMBER]
            spans = block.column_spans(columns)
        else:
            numbers = np.flatnonzero(block.kinds == Kind.NUMBER)
            spans = block.some_spans(numbers)
        if not len(spans) or not len(block.data):
            return
        near = np.flatnonzero(_unusual(block.data, spans))
        if block.kinds is None:
            row, column = np.divmod(near, len(columns))
            values = row * self._columns + columns.take(column)
        else:
            values = numbers.take(near)
        if block.nulls is not None:
            # A NULL has bytes of others there.
            some = ~block.nulls.take(values)
            near, values = near[some], values[some]
        spans = spans.take(near, axis=0)
        odd = np.flatnonzero(_odd(block.data, spans))
        if not len(odd):
            return
        # Rare but for ZEROFILL: numbers that JSON writes in another way.
        texts = [json_number(block.data[start:end].tobytes()) for start, end in spans[odd].tolist()]
        bounds = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text, _ in texts], out=bounds[1:])
        changed = values[odd]
        joined = b"".join(text for text, _ in texts)
        self._joiner.use_extra(changed, Packed(np.frombuffer(joined, np.uint8), bounds))
        strings = changed[[is_string for _, is_string in texts]]
        self._joiner.shift_class(strings, _QUOTED - self._number_class[strings % self._columns])

    def wide(self, block: Block, slices: Slices) -> Iterator[bytes]:
        """One row that is too large to be joined at once, in pieces of whole characters."""
        for index, key in enumerate(self._keys):
            yield (b"," if index else b"{") + key
            if block.nulls is not None and block.nulls[index]:
                yield _NULL
                continue
            kind = self._kinds[index] if block.kinds is None else block.kinds[index]
            if kind == Kind.NUMBER:
                text, is_string = json_number(b"".join(slices.raw(index)))
                quoted = is_string or self._number_class[index] == _QUOTED
                yield b'"' + text + b'"' if quoted else text
                continue
            if kind == Kind.PLAIN and self._own[index] == _BARE:
                yield from slices.raw(index)
                continue
            yield b'"'
            if kind == Kind.BINARY:
                yield from map(self._digits_of, slices.raw(index))
            else:
                pieces = slices.text(index, count=True) if kind == Kind.TEXT else slices.raw(index)
                yield from map(self._escapes.apply, pieces)
            yield b'"'
        yield b"}\n"

    def _digits_of(self, data: bytes) -> bytes:
        if self._binary is BinaryText.BASE64:
            return b2a_base64(data, newline=False)
        return data.hex().upper().encode()


def _unusual(data: Bytes, spans: Index) -> Mask:
    """Which of these numbers don't begin with a digit but zero, or don't end with a digit: of those that JSON
    writes in another way all, and few others."""
    lead = data.take(spans[:, 0], mode="clip")
    last = data.take(spans[:, 1] - 1, mode="clip")
    # What is below the first digit is far above the last one once it is taken away from it.
    unusual: Mask = (lead - np.uint8(_ZERO + 1) > _NINE - _ZERO - 1) | (
        last - np.uint8(_ZERO) > _NINE - _ZERO
    )
    return unusual


def _odd(data: Bytes, spans: Index) -> Mask:
    """Which of these numbers JSON writes in another way: zeros in front, no digit at an end, names."""
    first = spans[:, 0] + (data.take(spans[:, 0]) == _MINUS)
    lead = data.take(first, mode="clip")
    # Behind a zero that is the last of its number stands a byte of another value, or nothing.
    behind = data.take(first + 1, mode="clip")
    last = data.take(spans[:, 1] - 1)
    odd: Mask = (lead == _ZERO) & (behind >= _ZERO) & (behind <= _NINE) & (first + 1 < spans[:, 1])
    odd |= (lead < _ZERO) | (lead > _NINE) | (last < _ZERO) | (last > _NINE)
    return odd
