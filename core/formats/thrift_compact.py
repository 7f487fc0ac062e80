"""Thrift's compact protocol, read and written again without knowing what the fields mean.

What was read and not changed is written as it was, byte for byte.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_INTEGERS = (_I16, _I32, _I64)
_LONG = 15  # a list's length, or a field's distance, that is written apart


@dataclass
class Struct:
    """Values by their fields' numbers: int, bytes, `Struct` or `Items`; what needn't be known as bytes.
    `kinds` are their types on the wire."""

    values: dict[int, Any] = field(default_factory=dict)
    kinds: dict[int, int] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Any:
        return self.values[number]

    def __setitem__(self, number: int, value: Any) -> None:
        """Change a field that there is."""
        if number not in self.kinds:
            raise KeyError(number)
        self.values[number] = value

    def __contains__(self, number: int) -> bool:
        return number in self.values

    def drop(self, number: int) -> None:
        del self.values[number], self.kinds[number]


@dataclass
class Items:
    """A list or a set of values of one type."""

    kind: int
    values: list[Any]


def read(content: bytes, at: int = 0) -> tuple[Struct, int]:
    """The struct that begins there, and where it ends. Raises ValueError for a map, which Parquet hasn't."""
    found, number = Struct(), 0
    while content[at]:
        number, kind, at = _field(content, at, number)
        found.kinds[number] = kind
        if kind in (_TRUE, _FALSE):
            found.values[number] = b""
        else:
            found.values[number], at = _read(content, at, kind)
    return found, at + 1


def changed(content: bytes, at: int, number: int, change: Callable[[Struct], None]) -> bytes:
    """The struct that begins there, after `change` of each struct in its list `number`: one after the other,
    since all of them, read at once, take fifty times as much memory as their bytes."""
    out, last = bytearray(), 0
    while content[at]:
        begin = at
        last, kind, at = _field(content, at, last)
        if last != number:
            if kind not in (_TRUE, _FALSE):
                _, at = _read(content, at, kind)
            out += content[begin:at]
            continue
        size, _, at = _items(content, at)
        out += content[begin:at]
        for _ in range(size):
            item, at = read(content, at)
            change(item)
            out += written(item)
    out.append(0)
    return bytes(out)


def written(struct: Struct) -> bytes:
    """Its bytes."""
    out, last = bytearray(), 0
    for number, value in struct.values.items():
        kind = struct.kinds[number]
        if 0 < number - last <= _LONG:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            out += _as_varint(_unsigned(number))
        last = number
        out += value if kind in (_TRUE, _FALSE) else _written(value, kind)
    out.append(0)
    return bytes(out)


def _field(content: bytes, at: int, last: int) -> tuple[int, int, int]:
    """The number of the field that begins there, behind the field `last`, its type, and where its value
    begins."""
    head = content[at]
    if head >> 4:
        return last + (head >> 4), head & 15, at + 1
    raw, at = _varint(content, at + 1)
    return _signed(raw), head & 15, at


def _items(content: bytes, at: int) -> tuple[int, int, int]:
    """How many items the list that begins there has, their type, and where the first one begins."""
    head, at = content[at], at + 1
    if head >> 4 < _LONG:
        return head >> 4, head & 15, at
    size, at = _varint(content, at)
    return size, head & 15, at


def _read(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        raw, at = _varint(content, at)
        return _signed(raw), at
    if kind == _STRUCT:
        return read(content, at)
    if kind in (_LIST, _SET):
        size, of, at = _items(content, at)
        items = Items(of, [])
        for _ in range(size):
            item, at = _read(content, at, items.kind)
            items.values.append(item)
        return items, at
    if kind == _BINARY:
        size, at = _varint(content, at)
    elif kind == _DOUBLE:
        size = 8
    elif kind in (_TRUE, _FALSE, _BYTE):
        size = 1
    else:
        raise ValueError(f"type {kind} of Thrift's compact protocol")
    return content[at : at + size], at + size


def _written(value: Any, kind: int) -> bytes:
    if kind in _INTEGERS:
        return _as_varint(_unsigned(value))
    if kind == _STRUCT:
        return written(value)
    if kind in (_LIST, _SET):
        size = len(value.values)
        length = b"" if size < _LONG else _as_varint(size)
        head = bytes([min(size, _LONG) << 4 | value.kind])
        return head + length + b"".join(_written(item, value.kind) for item in value.values)
    content: bytes = value
    return _as_varint(len(content)) + content if kind == _BINARY else content


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _as_varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _signed(number: int) -> int:
    """Zigzag: 0, -1, 1, -2, …"""
    return number >> 1 ^ -(number & 1)


def _unsigned(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1
