"""Where messages begin and end in what has come: each begins with a byte for its type and its length (32
bits, itself included). Source: "Message Formats" of the PostgreSQL manual's chapter on the protocol.

A message tells where the next one begins, so they can only be found one after the other: a quarter of what
rows with types cost here, when done one by one. So many begin at once, at places where rows seem to begin
(the type, and the number of columns that the first row has), and go on side by side, each up to the place
where the next one began. Only if each arrives exactly there do their ways make up the one from the beginning
to the end; otherwise (a value that looks like a row) it is gone once more, one by one.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

import numpy as np

from core.chunk import Bytes, Offsets

HEADER = 5
# How many go side by side, at least so many messages each: fewer pay less than they cost.
_WALKERS = 128
_LEAST = 8
_SAMPLE = 16
# A place to begin at is looked for in so many messages, by their mean size.
_LOOK = 4
_size = struct.Struct(">xI").unpack_from


def ends(buffer: Bytes, begin: int, filled: int) -> Offsets:
    """Where the messages end that lie wholly between `begin`, where the first one begins, and `filled`:
    int64, shape (messages,). Each end is where the next one begins. A difference of less than HEADER is a
    length that no message has."""
    first = _one_by_one(buffer, begin, filled, _SAMPLE)
    if len(first) < _SAMPLE:
        return first
    here = int(first[-1])
    mean = (here - begin) // _SAMPLE
    walkers = min(_WALKERS, (filled - here) // (_LEAST * max(mean, HEADER)))
    beside = _side_by_side(buffer, here, filled, walkers, mean) if walkers > 1 else None
    if beside is None:
        return np.concatenate([first, _one_by_one(buffer, here, filled)])
    return np.concatenate([first, beside, _one_by_one(buffer, int(beside[-1]), filled)])


def _one_by_one(buffer: Bytes, begin: int, filled: int, most: int | None = None) -> Offsets:
    view = buffer.data
    found: list[int] = []
    append, size = found.append, _size
    position, heads = begin, filled - HEADER  # what begins behind it hasn't its head yet
    while position <= heads:
        position += 1 + size(view, position)[0]
        if position > filled:
            break
        append(position)
        if most is not None and len(found) == most:
            break
    return np.fromiter(found, np.int64, len(found))


def _side_by_side(buffer: Bytes, begin: int, filled: int, walkers: int, mean: int) -> Offsets | None:
    """The ends of messages from `begin` to one not far from `filled`; None where the ways don't meet."""
    search = _row(bytes(buffer[begin + HEADER : begin + HEADER + 2])).search
    view, step, look = buffer.data, (filled - begin) // walkers, _LOOK * mean
    places = [begin]
    # Who has arrived goes on until all have: there must be room for that.
    for place in range(begin + step, filled - max(look, step // 2), step):
        found = search(view, place, place + look)
        if found is not None and found.start() > places[-1]:
            places.append(found.start())
    if len(places) < 2:
        return None
    goals = np.array(places[1:], np.int64)
    here = np.array(places[:-1], np.int64)
    # Read wherever a message may begin.
    sizes = np.ndarray((filled - HEADER + 1,), ">u4", buffer.data, offset=1, strides=(1,))
    ways = []
    # Most arrive after about as many steps as their way has messages of mean size.
    expected = int((goals - here).max()) // max(mean, 1)
    while True:
        try:
            here = here + sizes[here]
        except IndexError:
            # One that had arrived went on, and out of what there is.
            return None
        here += 1
        ways.append(here)
        if len(ways) >= expected and (here >= goals).all():
            break
        if len(ways) > 4 * (expected + _LEAST):
            return None
    table = np.array(ways).T
    within = table <= goals[:, None]
    if not np.array_equal(table[np.arange(len(goals)), within.sum(axis=1) - 1], goals):
        return None
    return table[within]


@lru_cache(maxsize=16)
def _row(count: bytes) -> re.Pattern[bytes]:
    """The head of a row of less than 16 MB with this number of columns, as it stands on the wire."""
    return re.compile(rb"d\0..." + re.escape(count), re.DOTALL)
