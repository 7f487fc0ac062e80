"""Finding special bytes in the values that may hold any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.chunk import Bytes, Kind, Mask
from core.formats.block import Block, Packed, Values, gather

_STEP = 1 << 17
_WORD = 8
_CONTROLS = 0x20


@dataclass(frozen=True, slots=True)
class Found:
    """The scanned values of a block, packed, and where they hold special bytes: byte `places[k]` of the
    packed data is `special[k]` and belongs to the scanned value number `owner[k]`. In order of place."""

    values: Packed
    places: Values
    owner: Values
    special: Bytes

    def keep(self, chosen: Mask) -> Found:
        """With only these places."""
        return Found(self.values, self.places[chosen], self.owner[chosen], self.special[chosen])

    def escaped(self, escapes: Escapes) -> tuple[Values, Packed]:
        """The values with places, each once, and what they are once escaped. The places must be all those of
        escaped bytes in these values, and no others."""
        first = np.ones(len(self.owner), np.bool_)
        np.not_equal(self.owner[1:], self.owner[:-1], out=first[1:])
        begins = np.flatnonzero(first)
        changed = self.owner.take(begins)
        some = gather(self.values.data, self.values.spans(changed))
        added = np.add.reduceat(escapes.added.take(self.special), begins)
        bounds = some.bounds.copy()
        bounds[1:] += np.cumsum(added, dtype=np.int32)
        among = np.flatnonzero(np.bincount(self.special, minlength=1)).tolist()
        return changed, Packed(np.frombuffer(escapes.apply(some.data.tobytes(), among), np.uint8), bounds)


class Escapes:
    """Single bytes and what stands for each of them. `bytes` are those that have an escape, `added` says by
    how much each of all 256 grows. Raises ValueError where no order of replacing them one by one is right."""

    def __init__(self, escapes: Mapping[bytes, bytes]) -> None:
        self.bytes = b"".join(escapes)
        self.added = np.zeros(256, np.int32)
        self._steps: list[tuple[bytes, bytes]] = []
        waiting = dict(escapes)
        while waiting:
            # What a step writes must not be escaped by a later one.
            ready = [b for b, text in waiting.items() if not any(o in text for o in waiting if o != b)]
            if not ready:
                raise ValueError(f"escapes {sorted(waiting)} contain each other")
            self._steps.append((ready[0], waiting.pop(ready[0])))
        for byte, text in self._steps:
            self.added[byte[0]] = len(text) - 1

    def apply(self, text: bytes, among: Collection[int] | None = None) -> bytes:
        """A text with all its bytes escaped. `among` are those that it may hold, where that is known."""
        for byte, escape in self._steps:
            if among is None or byte[0] in among:
                text = text.replace(byte, escape)
        return text


class Scanner:
    """Finds the bytes of `specials` in the values of some kinds. `kinds` are the columns' own."""

    def __init__(self, kinds: Bytes, scanned: Sequence[Kind], specials: bytes) -> None:
        self._scanned = np.array(scanned, np.uint8)
        self._columns = np.flatnonzero(np.isin(kinds, self._scanned))
        self._is_special = np.zeros(256, np.bool_)
        self._is_special[list(specials)] = True
        # One comparison finds all control characters, and one more byte that a flip of bits makes the next
        # after them: a flip of the lowest five bits leaves controls among themselves.
        self._low = any(byte < _CONTROLS for byte in specials)
        near = [byte for byte in specials if self._low and _CONTROLS <= byte < 2 * _CONTROLS][:1]
        self._flip = near[0] ^ _CONTROLS if near else None
        self._others = [byte for byte in specials if byte >= _CONTROLS and byte not in near]
        self._exact = not self._low or bool(self._is_special[:_CONTROLS].all())
        self._mask = np.empty(0, np.bool_)
        self._spare = np.empty(_STEP, np.uint8)
        self._chosen: Values | None = None

    def scan(self, block: Block) -> Found:
        """What of a block is scanned, and where it holds special bytes."""
        if block.kinds is None:
            self._chosen = None
            spans = block.column_spans(self._columns)
        else:
            self._chosen = np.flatnonzero(np.isin(block.kinds, self._scanned))
            spans = block.some_spans(self._chosen)
        self._width = block.columns
        values = gather(block.data, spans)
        places = self._find(values.data)
        special = values.data.take(places)
        if not self._exact:
            wanted = np.flatnonzero(self._is_special.take(special))
            if len(wanted) < len(places):
                places, special = places.take(wanted), special.take(wanted)
        owner = np.searchsorted(values.bounds, places.astype(np.int32), side="right") - 1
        return Found(values, places, owner, special)

    def flat(self, scanned: Values) -> Values:
        """Flat indices in the block that was scanned last of scanned values, by their numbers."""
        if self._chosen is not None:
            return self._chosen[scanned]
        row, column = np.divmod(scanned, max(1, len(self._columns)))
        return row * self._width + self._columns[column]

    def mark(self, marks: Mask, scanned: Mask) -> None:
        """Set those of `marks` (one for each value of the block) whose scanned values are marked."""
        if self._chosen is not None:
            marks[self._chosen] = scanned
        else:
            by_row = marks.reshape(-1, self._width)
            for number, column in enumerate(self._columns.tolist()):
                by_row[:, column] = scanned[number :: len(self._columns)]

    def _find(self, data: Bytes) -> Values:
        """Where special bytes are, and, unless all is exact, control characters that are none."""
        size = len(data)
        words = -(-size // _WORD)
        if len(self._mask) < words * _WORD:
            self._mask = np.empty((words + words // 4) * _WORD, np.bool_)
        mask = self._mask[: words * _WORD]
        mask[size:] = False
        for start in range(0, size, _STEP):
            part = data[start : start + _STEP]
            found, flipped = mask[start : start + len(part)], self._spare[: len(part)]
            if self._flip is not None:
                np.bitwise_xor(part, self._flip, out=flipped)
                np.less_equal(flipped, _CONTROLS, out=found)
            elif self._low:
                np.less(part, _CONTROLS, out=found)
            else:
                found[:] = False
            spare = flipped.view(np.bool_)
            for byte in self._others:
                np.equal(part, byte, out=spare)
                np.bitwise_or(found, spare, out=found)
        # Eight at a time: almost all of them hold none.
        by_word = mask.view(np.uint64)
        hit = np.flatnonzero(by_word != 0)
        within = np.flatnonzero(by_word.take(hit).view(np.bool_))
        places: Values = (hit.take(within >> 3) << 3) + (within & 7)
        return places
