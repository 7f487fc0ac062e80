"""What is done about characters that an encoding lacks and bytes that are no text: fail, replace, escape.

The policy is applied to values before they are quoted, so that what it writes is quoted and escaped like any
other text. It is only asked once a block has turned out not to be encodable as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from connectors.base import SourceColumn, TableShape
from core.chunk import Bytes, Mask
from core.errors import InvalidText, Unencodable
from core.formats.block import Block, Cuts, Values, gather, splice
from core.formats.text import CodePoints, around, find_flaws, flaw_error, mend, stand_in
from core.model.vocabulary import Encoding
from core.model.vocabulary import Unencodable as Policy

_KEY_LENGTH = 60
_BEYOND_ASCII = 0x80


class TextPolicy:
    """Applies one policy to the values of one object, and counts what it did.

    `columns` are those that the blocks have, in order; `shape` names the object and its key.
    """

    def __init__(
        self,
        encoding: Encoding,
        policy: Policy,
        database: str,
        shape: TableShape,
        columns: Sequence[SourceColumn],
    ) -> None:
        self._encoding = encoding
        self._policy = policy
        self._object = f"{shape.ref.type.capitalize()} {database}.{shape.ref.name}"
        self._columns = tuple(columns)
        names = [column.name for column in columns]
        self._key = [(name, names.index(name)) for name in shape.key if name in names]
        self._key_whole = bool(shape.key) and len(self._key) == len(shape.key)
        # By column: characters that the encoding lacks, bytes that are no text.
        self._counts = np.zeros((2, len(names)), np.int64)
        self._names: list[str] = []

    def name(self, name: str) -> str:
        """A column's or table's name as the encoding can have it."""
        mended, codes = mend(name, self._encoding, self._policy, lambda: f"{self._object}, name {name!r}")
        if codes:
            self._names.append(name)
        return mended

    def values(self, block: Block, text: Mask, first_row: int) -> Block:
        """The block with flaws written as the policy says; itself where there are none.

        `text` says which values are text, flat; `first_row` is the number of the block's first row in the
        file, for messages. Raises Unencodable or InvalidText where the policy is to fail.
        """
        chosen, spaced, bounds, decoded = _decoded(block, text)
        points, flaws = find_flaws(decoded, self._encoding)
        if not len(flaws.places):
            return block
        sizes, _ = _sizes(points)
        begins = np.cumsum(sizes) - sizes
        cut_from = begins[flaws.places]
        owner = np.searchsorted(bounds, cut_from, side="right") - 1
        value = chosen[owner]
        if self._policy is Policy.FAIL:
            start, end = int(bounds[owner[0]]), int(bounds[owner[0] + 1]) - 1
            before = int(flaws.places[0]) - int(np.searchsorted(begins, start))
            whole = str(spaced[start:end].data, "utf-8", "surrogateescape")
            raise self._error(int(flaws.codes[0]), block, int(value[0]), first_row, around(whole, before))
        self._count(value % block.columns, flaws.codes < 0)
        codes, which = np.unique(flaws.codes, return_inverse=True)
        literals = [stand_in(code, self._policy).encode() for code in codes.tolist()]
        begin = cut_from - bounds[owner] + block.spans[value, 0]
        cuts = Cuts(value, begin, begin + sizes[flaws.places], which.reshape(-1), literals)
        mended = splice(block.data, block.spans, cuts)
        return replace(block, data=mended.data, spans=mended.spans(np.arange(len(mended))))

    @staticmethod
    def no_text(block: Block, text: Mask) -> Mask:
        """Which values are no UTF-8 though they are `text`, flat."""
        chosen, _, bounds, decoded = _decoded(block, text)
        points = np.frombuffer(decoded.encode("utf-32-le", "surrogatepass"), np.uint32)
        sizes, escaped = _sizes(points)
        begins = np.cumsum(sizes) - sizes
        owner = np.searchsorted(bounds, begins[escaped], side="right") - 1
        found = np.zeros(len(text), np.bool_)
        found[chosen[owner]] = True
        return found

    def slice(self, data: bytes, block: Block, index: int, row: int, *, count: bool) -> bytes:
        """A slice of whole characters of one value: the same for values too large to be treated at once."""
        text = data.decode("utf-8", "surrogateescape")
        mended, codes = mend(text, self._encoding, self._policy, lambda: self._place(block, index, row))
        if count and codes:
            column = np.full(len(codes), index % block.columns)
            self._count(column, np.array(codes) < 0)
        return mended.encode() if codes else data

    def _count(self, columns: Values, is_byte: Mask) -> None:
        for kind, chosen in enumerate((columns[~is_byte], columns[is_byte])):
            self._counts[kind] += np.bincount(chosen, minlength=len(self._columns))

    def _place(self, block: Block, index: int, row: int) -> str:
        """Names object, column and row of a value. `row` is the number of its row in the file, from 0."""
        column = self._columns[index % block.columns].name
        first = index - index % block.columns
        if self._key_whole:
            key = ", ".join(f"{name}={_shown(block.value(first + at))}" for name, at in self._key)
        else:
            key = f"row {row + 1}"
        return f"{self._object}, column {column}, {key}"

    def _error(
        self, code: int, block: Block, index: int, first_row: int, context: str
    ) -> Unencodable | InvalidText:
        place = self._place(block, index, first_row + index // block.columns)
        return flaw_error(code, self._encoding, place, context)

    def state(self) -> dict[str, int]:
        """The counts, for an encoder that goes on later."""
        return {
            f"{kind}.{column}": int(number)
            for kind, counts in zip(("characters", "bytes"), self._counts, strict=True)
            for column, number in enumerate(counts)
            if number
        }

    def resume(self, state: dict[str, int]) -> None:
        self._counts[:] = 0
        for key, number in state.items():
            kind, _, column = key.partition(".")
            if kind in ("characters", "bytes"):
                self._counts[("characters", "bytes").index(kind), int(column)] = number

    @property
    def warnings(self) -> tuple[str, ...]:
        how = "?" if self._policy is Policy.REPLACE else "an escape"
        words = [
            f"The name {name!r} has characters that {self._encoding} lacks: written as {how}."
            for name in self._names
        ]
        for column, characters, octets in zip(self._columns, *self._counts.tolist(), strict=True):
            if characters:
                words.append(
                    f"Column {column.name}: {characters} characters that {self._encoding} lacks"
                    f" were written as {how}."
                )
            if octets:
                words.append(f"Column {column.name}: {octets} bytes that are no UTF-8 were written as {how}.")
        return tuple(words)


def _decoded(block: Block, text: Mask) -> tuple[Values, Bytes, Values, str]:
    """The values that are `text` and not ASCII, which has no flaws anywhere: their flat indices, all of them
    with a line break behind each, where each begins in that, and the same as str (bytes that are no UTF-8 as
    surrogates)."""
    chosen = np.flatnonzero(text & (block.lengths > 0))
    if len(chosen):
        values = gather(block.data, block.some_spans(chosen))
        chosen = chosen[np.bitwise_or.reduceat(values.data, values.bounds[:-1]) >= _BEYOND_ASCII]
    values = gather(block.data, block.some_spans(chosen))
    # The line break keeps what ends a value from completing with what begins the next.
    spaced = np.insert(values.data, values.bounds[1:], ord("\n"))
    bounds = values.bounds.astype(np.intp) + np.arange(len(chosen) + 1)
    return chosen, spaced, bounds, str(spaced.data, "utf-8", "surrogateescape")


def _sizes(points: CodePoints) -> tuple[Values, Mask]:
    """How many bytes each code point was before it was decoded, and which of them stand for bytes."""
    escaped = (points >= 0xDC80) & (points <= 0xDCFF)
    sizes = 1 + (points >= 0x80).astype(np.intp) + (points >= 0x800) + (points >= 0x10000)
    sizes[escaped] = 1
    return sizes, escaped


def _shown(value: bytes | None) -> str:
    """A key's value as messages show it: printable ASCII, cut where it is long."""
    if value is None:
        return "NULL"
    text = ascii(value.decode("utf-8", "backslashreplace"))[1:-1]
    return text if len(text) <= _KEY_LENGTH else text[:_KEY_LENGTH] + "…"
