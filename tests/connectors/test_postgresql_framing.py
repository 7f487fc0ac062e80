"""Messages found side by side are those that are found one by one, whatever their values look like."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import numpy as np
import pytest

from connectors.sources.postgresql import framing
from core.chunk import Bytes

COLUMNS = 3
LOOKS_LIKE_A_ROW = b"d" + struct.pack(">ih", 60, COLUMNS) + b"x" * 50


def row(value: bytes) -> bytes:
    content = struct.pack(">hiiii", COLUMNS, -1, -1, len(value), 0)[:-4] + value
    return b"d" + struct.pack(">i", 4 + len(content)) + content


def plain(rnd: random.Random) -> bytes:
    return row(rnd.randbytes(rnd.randrange(400)))


def hostile(rnd: random.Random) -> bytes:
    return row(LOOKS_LIKE_A_ROW * rnd.randrange(1, 6)) if rnd.random() < 0.01 else plain(rnd)


def one_kind(_: random.Random) -> bytes:
    return row(b"abc")


def uneven(rnd: random.Random) -> bytes:
    return row(rnd.randbytes(int(10 ** (rnd.random() * 4.5))))


def asides(rnd: random.Random) -> bytes:
    return b"N" + struct.pack(">i", 9) + b"words" if rnd.random() < 0.02 else plain(rnd)


Kind = Callable[[random.Random], bytes]
KINDS = [plain, hostile, one_kind, uneven, asides]


def messages(kind: Kind, rnd: random.Random) -> tuple[Bytes, list[int]]:
    """About 300 kB of them, and where each ends."""
    parts, size = [], 0
    while size < 300_000:
        parts.append(kind(rnd))
        size += len(parts[-1])
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([len(part) for part in parts]).tolist()


@pytest.fixture(params=range(3))
def rnd(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_that_are_found_one_by_one(kind: Kind, rnd: random.Random) -> None:
    data, edges = messages(kind, rnd)
    for filled in (len(data), edges[-2] + 1, edges[-2] + 4, edges[-2] + 5, edges[3], 4, 0):
        buffer = data.copy()
        # What came before, and isn't to be looked at.
        buffer[filled:] = np.frombuffer(rnd.randbytes(len(data) - filled), np.uint8)
        for begin in (0, edges[0]):
            wanted = [edge for edge in edges if begin < edge <= filled]
            assert framing.ends(buffer, begin, filled).tolist() == wanted


def test_most_of_them_are_found_side_by_side(rnd: random.Random) -> None:
    data, edges = messages(plain, rnd)
    found = framing._side_by_side(data, edges[0], len(data), 64, len(data) // len(edges))
    assert found is not None
    assert len(found) > 0.9 * len(edges)


def test_what_looks_like_a_row_within_a_value_isnt_taken_for_one(rnd: random.Random) -> None:
    data, edges = messages(lambda _: row(LOOKS_LIKE_A_ROW), rnd)
    assert framing._side_by_side(data, edges[0], len(data), 64, len(data) // len(edges)) is None
    assert framing.ends(data, 0, len(data)).tolist() == edges


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\0\0\0\3", b"\xff\xff\xff\xff"])
def test_a_length_that_no_message_has_ends_them_or_shows(length: bytes, rnd: random.Random) -> None:
    data, edges = messages(plain, rnd)
    buffer, bad = data.copy(), len(edges) // 2
    begin = edges[bad - 1]
    buffer[begin + 1 : begin + 5] = np.frombuffer(length, np.uint8)
    found = framing.ends(buffer, 0, len(buffer))
    assert found[:bad].tolist() == edges[:bad]
    assert len(found) == bad or found[bad] - found[bad - 1] < framing.HEADER
