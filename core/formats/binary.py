"""Bytes as digits: hex and base64, for many values at once."""

from __future__ import annotations

from binascii import b2a_base64, hexlify

import numpy as np

from core.chunk import Bytes
from core.formats.block import Index, Packed, gather


def hex_values(data: Bytes, spans: Index, *, lower: bool = False) -> Packed:
    """The hex digits of each value, one after the other."""
    packed = gather(data, spans)
    digits = np.frombuffer(hexlify(packed.data.data), np.uint8)
    if not lower:
        digits = digits - (digits >= ord("a")) * np.uint8(ord("a") - ord("A"))
    return Packed(digits, 2 * packed.bounds)


def base64_values(data: Bytes, spans: Index) -> Packed:
    """The values in base64 (RFC 4648 §4, with padding, no line breaks)."""
    missing = -(spans[:, 1] - spans[:, 0]) % 3
    # Each with so many of the bytes behind it that it has a multiple of three: all at once are then what each
    # would be alone.
    wide = spans.copy()
    wide[:, 1] += missing
    if len(wide) and wide[-1, 1] > len(data):
        data = np.concatenate([data, np.zeros(2, np.uint8)])
    values = gather(data, wide)
    raw, ends = values.data.copy(), values.bounds[1:]
    some, two = np.flatnonzero(missing), np.flatnonzero(missing == 2)
    raw[ends[some] - 1] = 0
    raw[ends[two] - 2] = 0
    text = np.frombuffer(bytearray(b2a_base64(raw.data, newline=False)), np.uint8)
    bounds = values.bounds // 3 * 4
    ends = bounds[1:]
    text[ends[some] - 1] = ord("=")
    text[ends[two] - 2] = ord("=")
    return Packed(text, bounds)
