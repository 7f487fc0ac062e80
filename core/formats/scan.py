"""Finding special bytes in the values that may hold any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.chunk import Kind
from core.formats.block import Block, Cuts, Packed, Values, gather, splice

_STEP = 1 << 17
_WORD = 8


@dataclass(frozen=True, slots=True)
class Found:
    """The scanned values of a block, packed, and where they hold special bytes: byte `places[k]` of the
    packed data, which belongs to the scanned value number `owner[k]`. In order of place."""

    values: Packed
    places: Values
    owner: Values

    def keep(self, chosen: npt.NDArray[np.bool_]) -> Found:
        """With only these places."""
        return Found(self.values, self.places[chosen], self.owner[chosen])

    def special(self) -> npt.NDArray[np.uint8]:
        """The bytes at the places."""
        return self.values.data[self.places]

    def replaced(self, which: npt.NDArray[np.uint8], literals: Sequence[bytes]) -> tuple[Values, Packed]:
        """The values with places, each once, and what they are with `literals[which[k]]` for the bytes."""
        first = np.ones(len(self.owner), np.bool_)
        first[1:] = self.owner[1:] != self.owner[:-1]
        changed = self.owner[first]
        cuts = Cuts(np.cumsum(first) - 1, self.places, self.places + 1, which, literals)
        return changed, splice(self.values.data, self.values.spans(changed), cuts)


class Scanner:
    """Finds the bytes of `specials` in the values of some kinds. `kinds` are the columns' own."""

    def __init__(self, kinds: npt.NDArray[np.uint8], scanned: Sequence[Kind], specials: bytes) -> None:
        self._scanned = np.array(scanned, np.uint8)
        self._columns = np.flatnonzero(np.isin(kinds, self._scanned))
        self._specials = specials
        self._mask = np.empty(0, np.bool_)
        self._spare = np.empty(_STEP, np.bool_)
        self._chosen: Values | None = None

    def scan(self, block: Block) -> Found:
        """What of a block is scanned, and where it holds special bytes."""
        if block.kinds is None:
            self._chosen = None
            spans = block.column_spans(self._columns)
        else:
            self._chosen = np.flatnonzero(np.isin(block.kinds, self._scanned))
            spans = block.spans[self._chosen]
        self._width = block.columns
        values = gather(block.data, spans)
        places = self._find(values.data)
        owner = np.searchsorted(values.bounds, places, side="right") - 1
        return Found(values, places, owner)

    def flat(self, scanned: Values) -> Values:
        """Flat indices in the block that was scanned last of scanned values, by their numbers."""
        if self._chosen is not None:
            return self._chosen[scanned]
        row, column = np.divmod(scanned, max(1, len(self._columns)))
        return row * self._width + self._columns[column]

    def _find(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
        size = len(data)
        words = -(-size // _WORD)
        if len(self._mask) < words * _WORD:
            self._mask = np.empty((words + words // 4) * _WORD, np.bool_)
        mask = self._mask[: words * _WORD]
        mask[size:] = False
        for start in range(0, size, _STEP):
            part = data[start : start + _STEP]
            found, spare = mask[start : start + len(part)], self._spare[: len(part)]
            np.equal(part, self._specials[0], out=found)
            for byte in self._specials[1:]:
                np.equal(part, byte, out=spare)
                np.bitwise_or(found, spare, out=found)
        # Eight at a time: almost all of them hold none.
        by_word = mask.view(np.uint64)
        hit = np.flatnonzero(by_word != 0)
        within = np.flatnonzero(by_word.take(hit).view(np.bool_))
        return (hit.take(within >> 3) << 3) + (within & 7)
