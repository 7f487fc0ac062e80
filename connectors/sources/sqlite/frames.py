"""What a session and the process that reads beside it say to each other (`companion_process`).

To the process goes a line of JSON with the file (`Order`), then a command in each line. From it come frames:
`HEADER` (what it is, a number, the length of what follows), then that: words for FAILED, a record batch of
Arrow's IPC format for ROWS, whose number is that of the rows in it; for all else it is the command's, 0 where
the file couldn't be opened. Behind PLACED, which is like ROWS, nothing follows: what would is in memory that
both see (`shared`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from connectors.sources.sqlite.storage import Storage

HEADER = struct.Struct("<BIQ")
BEGUN, ENDED, ROWS, DONE, FAILED, FOUND, PLACED = range(7)
ARROW_TYPES = {
    Storage.INTEGER: pa.int64(),
    Storage.REAL: pa.float64(),
    Storage.TEXT: pa.string(),
    Storage.BLOB: pa.binary(),
}


# Text is read as the bytes that it is (`uniform`).
READ_TYPES = {**ARROW_TYPES, Storage.TEXT: pa.binary()}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The file, as a URI. `shared`: the descriptors of `Places`."""

    uri: str
    shared: tuple[int, int] | None


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin a read transaction."""

    number: int


class End(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let go of it."""

    number: int


class Read(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Carry out a statement of `uniform.statement`. `typed`: numbers as such, else as they are written, as
    bytes like all the rest. `batch_rows` are received at once, the first time those that aren't the table's;
    a frame has at most `frame_bytes`, or a row."""

    number: int
    statement: str
    storages: tuple[Storage, ...]
    typed: bool
    batch_rows: int
    frame_bytes: int


class Look(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Whether a statement gives a row (FOUND) or none (DONE)."""

    number: int
    statement: str


Command = Begin | End | Read | Look


def schema_of(storages: Sequence[Storage], *, typed: bool) -> pa.Schema:
    """Of the record batches in frames; columns are called by their numbers."""
    kinds = [ARROW_TYPES[storage] if typed else pa.binary() for storage in storages]
    return pa.schema([pa.field(str(number), kind) for number, kind in enumerate(kinds)])
