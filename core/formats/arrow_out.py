"""What Arrow's writers write to, so that it can be taken piece after piece."""

from __future__ import annotations

import io

import pyarrow as pa

import core.lone_arrow  # noqa: F401 - before Arrow is given anything

_SMALL = 1 << 16
_BUFFER_BYTES = 1 << 20


class Pieces(io.RawIOBase):
    """A file that Arrow writes to, from which what was written is taken. `keeps`: what Arrow hands over as
    memory of its own is nobody else's and stays as it is, so that it needn't be copied."""

    def __init__(self, *, keeps: bool) -> None:
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._keeps = keeps

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        # What Arrow gives as bytes is a copy already.
        part: bytes | memoryview
        if isinstance(data, bytes):
            part = data
        else:
            part = memoryview(data)  # type: ignore[arg-type]
            if not self._keeps or len(part) < _SMALL:
                part = bytes(part)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def take(self) -> list[bytes | memoryview]:
        """In few pieces, without copying large ones."""
        taken: list[bytes | memoryview] = []
        small: list[bytes | memoryview] = []
        for part in self._parts:
            if len(part) < _SMALL:
                small.append(part)
                continue
            taken += [b"".join(small), part]
            small = []
        self._parts = []
        return [piece for piece in (*taken, b"".join(small)) if len(piece)]


def buffered(pieces: Pieces) -> pa.BufferedOutputStream:
    """A stream of Arrow's before it: each write to an object of Python's waits for the GIL, and Parquet's
    writer writes in small pieces."""
    return pa.BufferedOutputStream(pa.PythonFile(pieces, mode="w"), _BUFFER_BYTES)
