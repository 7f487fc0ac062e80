"""The rows of CSV in UTF-8: which values are quoted, and the joining of them (rules: `core.formats.csv`)."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from core.chunk import Bytes, Kind, Mask
from core.formats.binary import base64_values, hex_values
from core.formats.block import Block, Index, Packed, Values
from core.formats.joiner import Joiner
from core.formats.scan import Escapes, Found, Scanner
from core.formats.wide import Slices
from core.model.settings import CsvSettings

_BARE, _QUOTED, _BYTES = 0, 1, 2
# Added to the class of what is quoted: an apostrophe comes first.
_MARKED = 4
# What spreadsheets take for the beginning of a formula, or skip before one.
_FORMULA = np.isin(np.arange(256), list(b"=+-@\t\r"))
# Bytes whose base64 begins with a plus sign are 0b111110xx.
_PLUS, _FIRST_SIX = 0xF8, 0xFC
_NULL = 0
# Separators that no number, date, time or UUID has in it.
_SAFE_SEPARATORS = ",;|\t"
# What stands before the digits of bytes, and all that the written form may hold.
_BINARY = {
    "hex": (b"", b"0123456789ABCDEF"),
    "0x": (b"0x", b"0123456789ABCDEFx"),
    "\\x": (b"\\x", b"0123456789abcdefx\\"),
    "base64": (b"", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
}
_BLANK = 0x20
# What numbers, dates, times and UUIDs are made of; infinity and NaN are numbers.
_IN_NUMBERS = set(b"0123456789abcdefABCDEF+-.:/ TZinfityNaI")
_BOM = "\ufeff".encode()


class CsvBody:
    """Joins blocks of columns of these `kinds` (where a block has none of its own) to rows of CSV."""

    def __init__(self, settings: CsvSettings, kinds: Sequence[Kind]) -> None:
        self._quote = settings.quote.encode()
        self._separator = settings.separator.encode()
        self._newline = settings.newline.text.encode()
        self._null = settings.null.encode()
        self._form = settings.binary
        backslash = {b"\\": b"\\\\"} if settings.escape_backslash else {}
        self._escapes = Escapes({self._quote: self._quote * 2} | backslash)
        # Of a separator of several bytes the first: a value with another character that begins so is quoted
        # without need.
        self._specials = self._escapes.bytes + b"\r\n" + self._separator[:1]
        words = {self._null} | ({b"NULL"} if settings.escape_backslash else set())
        self._like_null = sorted(words - {b""})
        self._longest_word = max(len(_BOM), *map(len, words))
        self._columns = len(kinds)
        # OceanBase's LOAD DATA takes an empty last field for NULL unless it is enclosed.
        self._quote_empty = not self._null or self._columns == 1 or settings.escape_backslash
        prefix, alphabet = _BINARY[settings.binary]
        self._prefix = prefix.replace(b"\\", b"\\\\") if settings.escape_backslash else prefix
        # Bytes are quoted wherever their written form could be taken for something else.
        self._quote_bytes = self._separator[0] in alphabet or (
            bool(self._null) and set(self._null) <= set(alphabet)
        )
        self._safe = settings.safe
        self._mark = self._quote * 2 if self._quote == b"'" else b"'"
        self._kinds = np.array(kinds, np.uint8)
        self._scanned = [Kind.TEXT]
        if settings.separator.isascii() and settings.separator not in _SAFE_SEPARATORS:
            self._scanned += [Kind.NUMBER, Kind.PLAIN]
        self._scanner = Scanner(self._kinds, self._scanned, self._specials)
        self._binary_columns = np.flatnonzero(self._kinds == Kind.BINARY)
        classes = np.where(self._kinds == Kind.BINARY, _BYTES, _BARE)
        self._joiner = Joiner(self._literals(), [self._null], classes.tolist())

    def _literals(self) -> list[list[list[bytes]]]:
        opening = [b"", self._quote, self._prefix, self._quote + self._prefix]
        closing = [b"", self._quote, b"", self._quote]
        if self._safe:
            opening += [self._mark, self._quote + self._mark, self._mark + self._prefix]
            opening.append(self._quote + self._mark + self._prefix)
            closing *= 2
        within, between = (
            [[left + middle + right for right in opening] for left in closing]
            for middle in (self._separator, self._newline)
        )
        return [
            within,
            between,
            [opening] * len(closing),
            [[left + self._newline] * len(opening) for left in closing],
        ]

    def text(self, block: Block) -> Mask:
        """Which values of a block are text, flat."""
        if block.kinds is not None:
            chosen: Mask = block.kinds == Kind.TEXT
            return chosen
        return np.tile(self._kinds == Kind.TEXT, block.rows)

    def join(self, block: Block, *, first_of_file: bool) -> pa.Buffer:
        """The rows in UTF-8; bytes of text that are no UTF-8 come through. `first_of_file` says that nothing
        stands before the first value."""
        joiner = self._joiner
        binary = self._binary(block)
        classes = None
        if block.kinds is not None:
            classes = np.where(block.kinds == Kind.BINARY, _BYTES, _BARE).astype(np.int32)
        joiner.load(block, classes)
        if len(binary):
            joiner.use_extra(binary, self._digits(block, binary))
        if block.nulls is not None:
            joiner.shift_class(self._null_bytes(block, block.nulls), _BARE - _BYTES)
            if self._null:
                joiner.use_single(np.flatnonzero(block.nulls), _NULL)
        found = self._scanner.scan(block)
        quoted = self._quoted(block, found, binary)
        if first_of_file and (block.value(0) or b"").startswith(_BOM):
            quoted[0] = True
        if self._safe:
            formulas = self._formulas(block, binary)
            quoted[formulas] = True
            joiner.shift_class(formulas, _MARKED)
        joiner.shift_class(np.flatnonzero(quoted), _QUOTED - _BARE)
        doubled = self._escapes.added.take(found.special) > 0
        if doubled.any():
            changed, rewritten = found.keep(doubled).escaped(self._escapes)
            joiner.use_extra(self._scanner.flat(changed), rewritten)
        return joiner.join()

    def _formulas(self, block: Block, binary: Values) -> Values:
        """The values that a spreadsheet would take for formulas, flat."""
        first = block.data.take(block.spans[:, 0], mode="clip") if len(block.data) else np.zeros(0, np.uint8)
        if not len(first):
            return np.empty(0, np.intp)
        found = self.text(block) & _FORMULA[first]
        if self._form == "base64":
            found[binary] = first[binary] & _FIRST_SIX == _PLUS
        found &= block.lengths > 0
        if block.nulls is not None:
            found &= ~block.nulls
        return np.flatnonzero(found)

    def _binary(self, block: Block) -> Values:
        """The values that are bytes and not NULL."""
        if block.kinds is not None:
            values = np.flatnonzero(block.kinds == Kind.BINARY)
        else:
            first = np.arange(0, len(block.spans), self._columns)
            values = (first[:, None] + self._binary_columns).ravel()
        return values if block.nulls is None or not len(values) else values[~block.nulls[values]]

    def _null_bytes(self, block: Block, nulls: Mask) -> Values:
        """The NULLs among bytes: they have no prefix."""
        if block.kinds is not None:
            return np.flatnonzero(nulls & (block.kinds == Kind.BINARY))
        rows, which = np.nonzero(nulls.reshape(block.rows, self._columns)[:, self._binary_columns])
        return rows * self._columns + self._binary_columns[which]

    def _digits(self, block: Block, binary: Values) -> Packed:
        spans = block.some_spans(binary)
        if self._form == "base64":
            return base64_values(block.data, spans)
        return hex_values(block.data, spans, lower=self._form == "\\x")

    def _quoted(self, block: Block, found: Found, binary: Values) -> Mask:
        """Which values are quoted, flat."""
        data, bounds = found.values.data, found.values.bounds
        hit = np.zeros(len(found.values), np.bool_)
        hit[found.owner] = True
        lengths = bounds[1:] - bounds[:-1]
        if len(data):
            # Where a value is empty these are bytes of others.
            blank = data.take(bounds[:-1], mode="clip") <= _BLANK
            blank |= data.take(bounds[1:] - 1, mode="clip") <= _BLANK
            hit |= blank & (lengths > 0)
            if self._columns == 1:
                # PostgreSQL's COPY takes a line of nothing but these two for the end of all rows.
                marker = data.take(bounds[:-1], mode="clip") == ord("\\")
                hit |= (lengths == 2) & marker & (data.take(bounds[1:] - 1, mode="clip") == ord("."))
        if self._quote_empty:
            hit |= lengths == 0
        for word in self._like_null:
            hit[_equal(data, bounds[:-1], lengths, word)] = True
        quoted = np.zeros(len(block.spans), np.bool_)
        self._scanner.mark(quoted, hit)
        for word in self._like_null:
            if set(word) <= _IN_NUMBERS:
                quoted[_equal(block.data, block.spans[:, 0], block.lengths, word)] = True
        if len(binary):
            quoted[binary] = self._quote_bytes
            if self._quote_empty:
                spans = block.some_spans(binary)
                quoted[binary[spans[:, 0] == spans[:, 1]]] = True
        if block.nulls is not None:
            quoted &= ~block.nulls
        return quoted

    def wide(self, block: Block, slices: Slices, *, first_of_file: bool) -> Iterator[bytes]:
        """The same for one row that is too large to be joined at once, in pieces of whole characters."""
        for index in range(self._columns):
            if index:
                yield self._separator
            if block.nulls is not None and block.nulls[index]:
                yield self._null
                continue
            kind = self._kinds[index] if block.kinds is None else block.kinds[index]
            empty = block.lengths[index] == 0
            mark = self._mark if self._safe and self._wide_formula(slices, index, kind) else b""
            if kind == Kind.BINARY:
                quoted = mark or self._quote_bytes or (empty and self._quote_empty)
                quote = self._quote if quoted else b""
                yield quote + mark + self._prefix
                yield from map(self._digits_of, slices.raw(index))
            else:
                first = first_of_file and index == 0
                quoted = mark or self._wide_quoted(slices, index, kind == Kind.TEXT, first=first)
                quote = self._quote if quoted else b""
                yield quote + mark
                for piece in slices.text(index, count=True) if kind == Kind.TEXT else slices.raw(index):
                    yield self._escapes.apply(piece)
            yield quote
        yield self._newline

    def _wide_formula(self, slices: Slices, index: int, kind: int) -> bool:
        if kind == Kind.TEXT:
            pieces = slices.text(index, count=False)
        elif kind == Kind.BINARY and self._form == "base64":
            pieces = slices.raw(index)
        else:
            return False
        first = next((piece[0] for piece in pieces if piece), None)
        if first is None:
            return False
        return bool(_FORMULA[first]) if kind == Kind.TEXT else first & _FIRST_SIX == _PLUS

    def _digits_of(self, data: bytes) -> bytes:
        if self._form == "base64":
            return b2a_base64(data, newline=False)
        digits = data.hex()
        return (digits if self._form == "\\x" else digits.upper()).encode()

    def _wide_quoted(self, slices: Slices, index: int, is_text: bool, *, first: bool) -> bool:
        scanned = is_text or len(self._scanned) > 1
        start, last, size = b"", b"", 0
        for piece in slices.text(index, count=False) if is_text else slices.raw(index):
            if scanned and any(byte in piece for byte in self._specials):
                return True
            if not size:
                start = piece[: self._longest_word + 1]
            last, size = piece[-1:], size + len(piece)
        if not size:
            return self._quote_empty
        if size == len(start) and start in self._like_null:
            return True
        blank = is_text and (start[0] <= _BLANK or last[0] <= _BLANK)
        return blank or (first and start.startswith(_BOM))


def _equal(data: Bytes, starts: Index, lengths: Index, word: bytes) -> Values:
    """Which of the values that begin at `starts` are `word`."""
    alike = np.flatnonzero(lengths == len(word))
    for place, byte in enumerate(word):
        alike = alike[data[starts[alike] + place] == byte]
    return alike
