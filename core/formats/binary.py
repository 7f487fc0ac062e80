"""Bytes as digits: hex and base64, for many values at once."""

from __future__ import annotations

from binascii import b2a_base64, hexlify

import numpy as np

from core.chunk import Bytes
from core.formats.block import Index, Packed, content, gather, take


def hex_values(data: Bytes, spans: Index, *, lower: bool = False) -> Packed:
    """The hex digits of each value, one after the other."""
    packed = gather(data, spans)
    digits = np.frombuffer(hexlify(packed.data.data), np.uint8)
    if not lower:
        digits = digits - (digits >= ord("a")) * np.uint8(ord("a") - ord("A"))
    return Packed(digits, 2 * packed.bounds)


def base64_values(data: Bytes, spans: Index) -> Packed:
    """The values in base64 (RFC 4648 §4, with padding, no line breaks)."""
    lengths = spans[:, 1] - spans[:, 0]
    missing = -lengths % 3
    # Three zeros at the front: literal n is n of them.
    padding = np.zeros(3, np.uint8)
    offsets = np.concatenate([np.array([0, 0, 1, 3], np.int32), spans.reshape(-1) + 3])
    index = np.empty(2 * len(spans), np.int32)
    index[0::2] = 4 + 2 * np.arange(len(spans))
    index[1::2] = missing
    padded = take(np.concatenate([padding, data]), offsets, index)
    # Each has a multiple of three bytes now: all at once are what each would be alone.
    text = np.frombuffer(bytearray(b2a_base64(content(padded), newline=False)), np.uint8)
    bounds = np.zeros(len(spans) + 1, np.int32)
    np.cumsum((lengths + missing) // 3 * 4, out=bounds[1:])
    for wanting in (1, 2):
        text[bounds[1:][missing >= wanting] - wanting] = ord("=")
    return Packed(text, bounds)
