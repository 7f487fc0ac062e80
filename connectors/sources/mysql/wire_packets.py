"""Where the packets in a buffer end: from header to header, one by one or many at once.

A packet is a header of four bytes (length of the payload in three, little-endian, and a sequence number)
and the payload. Source: "MySQL Packets" of the MySQL internals manual.
"""

from __future__ import annotations

import struct

import numpy as np

from core.chunk import Bytes, Offsets

HEADER = 4
MAX_PAYLOAD = 0xFFFFFF
PAD = 16  # what a buffer must have behind its filled part: a header that has come in part is read whole

# With larger or fewer packets, a look at every byte is dearer than a step for every packet.
_LEAP_SIZE = 128
_LEAP_PACKETS = 400
_LEAP_LONGEST = 255

header = struct.Struct("<I").unpack_from


def walk(buffer: Bytes, position: int, filled: int, usual_size: float) -> Offsets:
    """Where each packet that is complete in `buffer[position:filled]` ends. A header stands at `position`.

    `usual_size` is what packets have measured so far, in bytes: it decides how they are found, not which.
    """
    view = buffer.data
    leapt = None
    enough = max(usual_size * _LEAP_PACKETS, HEADER + _LEAP_LONGEST)
    if usual_size < _LEAP_SIZE and filled - position > enough:
        # Not where a long packet stands, which may be coming in by many pieces.
        first: int = header(view, position)[0] & MAX_PAYLOAD
        if first <= _LEAP_LONGEST:
            leapt = _leap(buffer, position, filled)
            position = int(leapt[-1])
    ends: list[int] = []
    # A step for every packet: with names that are near.
    append, read, front, size = ends.append, header, HEADER, MAX_PAYLOAD
    while True:
        # A header that hasn't come in full reads as anything: its packet then ends behind `filled` too.
        position += front + (read(view, position)[0] & size)
        if position > filled:
            break
        append(position)
    stepped = np.fromiter(ends, dtype=np.int64, count=len(ends))
    return stepped if leapt is None else np.concatenate((leapt, stepped))


def _leap(buffer: Bytes, position: int, filled: int) -> Offsets:
    """As many of the ends as can be had at once: those of payloads up to 255 bytes, from the front on. The
    first packet is such a one, and complete.

    Wherever two bytes are zero there may be the header of such a packet. If each of these places leads to
    the next, and the first is a header, all of them are.
    """
    region = buffer[position:filled]
    places = np.flatnonzero((region[1:-1] | region[2:]) == 0)
    ends = places + HEADER + region.take(places)
    # Zeros elsewhere (in values, or where a sequence number is zero) are almost never led to.
    reached = np.zeros(region.size + HEADER + _LEAP_LONGEST + 1, dtype=np.bool_)
    reached[0] = True
    reached[ends] = True
    led_to = reached.take(places)
    places, ends = places[led_to], ends[led_to]
    astray = np.flatnonzero(ends[:-1] != places[1:])
    if astray.size:
        ends = ends[: int(astray[0]) + 1]
    return ends[ends <= region.size] + position
