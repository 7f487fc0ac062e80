"""Rows of a chunk as the values that SQLite's driver binds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.chunk import Kind, TextChunk

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows` are bound as they are; of the `raw` ones the second half says which values are bytes of a text
    that is no UTF-8."""

    rows: list[tuple[Value, ...]]
    raw: list[tuple[tuple[Value, ...], tuple[bool, ...]]]


def values_of(chunk: TextChunk, types: Sequence[str]) -> Rows:
    """By the `types` of a table that was made by rules (INTEGER, INT, REAL, TEXT, BLOB), or, where a type is
    none of these, by each value's own kind, which is how SQLite itself has them."""
    data = chunk.buffer.tobytes()
    columns: list[list[Value]] = []
    broken: dict[int, set[int]] = {}
    for number in range(chunk.columns):
        texts = _texts(chunk, data, number)
        column: list[Value]
        match types[number]:
            case "INTEGER" | "INT":
                column = [None if text is None else int(text) for text in texts]
            case "REAL":
                column = [None if text is None else float(text) for text in texts]
            case "BLOB":
                column = list(texts)
            case "TEXT":
                column = _decoded(texts, number, broken)
            case _:
                column = _by_kind(chunk, texts, number, broken)
        columns.append(column)
    rows: list[tuple[Value, ...]] = list(zip(*columns, strict=True))
    if not broken:
        return Rows(rows, [])
    raw = [
        (rows[row], tuple(number in numbers for number in range(chunk.columns)))
        for row, numbers in sorted(broken.items())
    ]
    return Rows([values for row, values in enumerate(rows) if row not in broken], raw)


def _texts(chunk: TextChunk, data: bytes, number: int) -> list[bytes | None]:
    starts, ends = chunk.starts[:, number].tolist(), chunk.ends[:, number].tolist()
    texts: list[bytes | None] = [data[begin:end] for begin, end in zip(starts, ends, strict=True)]
    if chunk.nulls is not None:
        for row in np.flatnonzero(chunk.nulls[:, number]).tolist():
            texts[row] = None
    return texts


def _decoded(texts: list[bytes | None], number: int, broken: dict[int, set[int]]) -> list[Value]:
    try:
        return [None if text is None else text.decode() for text in texts]
    except UnicodeDecodeError:
        return [_text(text, row, number, broken) for row, text in enumerate(texts)]


def _text(text: bytes | None, row: int, number: int, broken: dict[int, set[int]]) -> Value:
    if text is None:
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        broken.setdefault(row, set()).add(number)
        return text


def _by_kind(
    chunk: TextChunk, texts: list[bytes | None], number: int, broken: dict[int, set[int]]
) -> list[Value]:
    if chunk.kinds is None:
        raise TypeError("values of columns without a type need their kinds")
    kinds = chunk.kinds[:, number].tolist()
    values: list[Value] = []
    for row, (text, kind) in enumerate(zip(texts, kinds, strict=True)):
        if text is None or kind == Kind.BINARY:
            values.append(text)
        elif kind == Kind.NUMBER:
            values.append(_number(text))
        else:
            values.append(_text(text, row, number, broken))
    return values


def _number(text: bytes) -> int | float:
    """Integers have digits only; reals are told by their point, exponent or word (`1.0`, `1e+30`, `inf`)."""
    return int(text) if text.lstrip(b"-").isdigit() else float(text)
