"""The work area of an encoder: a block's bytes behind the literals that go between its values.

Every value has a class (bare, quoted, bytes, …), and what stands between two values depends on both classes
and on whether a row ends there. Literals are numbered so that this is a sum for K classes,
`kind * K * K + left * K + right`: giving one value another class is an addition to the two numbers around it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.chunk import Bytes
from core.formats.block import BLOCK_BYTES, Block, Index, Packed, Values, content, take

# The kinds of literals that every format has: within a row, behind a row before the next, before the first
# row of a block, behind its last.
WITHIN, BETWEEN, LEAD, LAST = range(4)
# What is kept to be joined, unless a block and its additions are larger.
_MOST_ROOM = 2 * BLOCK_BYTES


class Joiner:
    """Joins the values of blocks of one number of columns with literals.

    `literals[kind][left][right]` stand between values, of the kinds above and others as the format needs
    them; `singles` may stand in place of a value. `classes` are the columns' own. `within` are the kinds of
    what stands behind each column but the last, where that differs by column; else it is `WITHIN`.
    """

    def __init__(
        self,
        literals: Sequence[Sequence[Sequence[bytes]]],
        singles: Sequence[bytes],
        classes: Sequence[int],
        within: Sequence[int] | None = None,
    ) -> None:
        flat = [text for kind in literals for row in kind for text in row]
        self._first_single = len(flat)
        flat += singles
        self._width = len(literals[0])
        self._literals = len(flat)
        self._literal_offsets = np.cumsum([0, *map(len, flat)]).astype(np.int32)
        self._head = int(self._literal_offsets[-1])
        self._room = bytearray(b"".join(flat))
        self._classes = np.array(classes, np.int32)
        # What stands behind each column is of this kind, as the first literal of that kind.
        kinds = [*(within or [WITHIN] * (len(classes) - 1)), BETWEEN]
        self._behind = np.array(kinds, np.int32) * (self._width * self._width)
        # Bytes of literals in a row whose values are all of their columns' classes.
        usual = self._classes * self._width + np.roll(self._classes, -1) + self._behind
        self._around = int(np.diff(self._literal_offsets)[usual].sum())
        self._pattern: Index = np.empty(0, np.int32)
        self._index: Index = self._pattern

    def load(self, block: Block, classes: npt.NDArray[np.int32] | None) -> None:
        """Begin with a block, its values in place and of these classes (None: the columns' own)."""
        self._block = block
        self._extras: list[Packed] = []
        self._extra_values = 0
        count, k = len(block.spans), self._width
        if len(self._pattern) < 2 * count:
            self._grow_pattern(block.rows + block.rows // 4)
        # Elements: literal, value, literal, value, …, literal.
        index = np.empty(2 * count + 1, np.int32)
        index[1:] = self._pattern[: 2 * count]
        own = self._classes
        if classes is not None:
            own = classes
            slots = index[2::2]
            slots[:] = classes * k
            slots[:-1] += classes[1:]
            slots.reshape(-1, block.columns)[:] += self._behind
        index[0] = LEAD * k * k + own[0]
        index[-1] = LAST * k * k + own[-1] * k
        self._index = index

    def _grow_pattern(self, rows: int) -> None:
        k, columns = self._width, len(self._classes)
        between = self._classes * k + np.roll(self._classes, -1) + self._behind
        pattern = np.empty((rows * columns, 2), np.int32)
        first = self._literals + 1
        pattern[:, 0] = np.arange(first, first + 2 * rows * columns, 2)
        pattern[:, 1] = np.tile(between, rows)
        self._pattern = pattern.ravel()

    def shift_class(self, values: Values, by: int | Index) -> None:
        """Raise the class of these values (flat, each once) by so much."""
        before, behind = self._index[0::2], self._index[2::2]
        before[values] += by
        behind[values] += by * self._width

    def set_kind(self, rows: Values, kind: int) -> None:
        """Give what follows these rows (not the block's last) another kind than `BETWEEN`."""
        step = (kind - BETWEEN) * self._width * self._width
        self._index[2 * self._block.columns * (rows + 1)] += step

    def use_single(self, values: Values, single: int) -> None:
        """Put a single in place of these values."""
        self._index[1::2][values] = self._first_single + single

    def use_extra(self, values: Values, extra: Packed) -> None:
        """Put others in place of these values."""
        # Between two extras, and before the first, is an empty element.
        first = self._literals + 2 * len(self._block.spans) + 2 + self._extra_values
        self._index[1::2][values] = np.arange(first, first + len(extra), dtype=np.int32)
        self._extra_values += len(extra) + 1
        self._extras.append(extra)

    def join(self) -> pa.Buffer:
        """The bytes of the block's rows."""
        block, head, literals = self._block, self._head, self._literals
        parts: list[Bytes] = [block.data, *(extra.data for extra in self._extras)]
        size = head + sum(map(len, parts))
        values = 2 * len(block.spans)
        offsets = np.empty(literals + values + 3 + self._extra_values, np.int32)
        # Arrow makes room for as many elements as are taken, of the mean length of all there are, and moves
        # what it has where that isn't enough. The last one, which nobody takes, is as long as it must be.
        expected = (size + block.rows * self._around) * len(offsets) // len(self._index)
        last = max(size, min(expected, _MOST_ROOM))
        if len(self._room) < last:
            grown = bytearray(last + last // 4)
            grown[:head] = self._room[:head]
            self._room = grown
        room = np.frombuffer(self._room, np.uint8)
        offsets[: literals + 1] = self._literal_offsets
        np.add(block.spans.reshape(-1), head, out=offsets[literals + 1 : literals + 1 + values])
        place, at = head, literals + 1 + values
        for part, extra in zip(parts, [None, *self._extras], strict=True):
            room[place : place + len(part)] = part
            if extra is not None:
                np.add(extra.bounds, place, out=offsets[at + 1 : at + 1 + len(extra.bounds)])
                at += len(extra.bounds)
            place += len(part)
        offsets[literals + 1 + values] = head + len(block.data)
        offsets[-1] = last
        return content(take(self._room, offsets, self._index))
