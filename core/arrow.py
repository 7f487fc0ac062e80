"""Rows with types: what a source hands over that has values as Arrow has them, for files with types.

Only who reads for such files, or writes them, loads this: Arrow takes a while to load.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from core.logical import Holds, LogicalType

_MOST_DIGITS = 76
_SHORT_DIGITS = 38


def arrow_type(logical: LogicalType) -> pa.DataType:
    """The type of Arrow, and by its own rules of Parquet, for a logical type."""
    holds = logical.holds
    if holds is Holds.INTEGER:
        return getattr(pa, f"{'int' if logical.signed else 'uint'}{logical.bits}")()
    if holds is Holds.DECIMAL and 1 <= logical.precision <= _MOST_DIGITS:
        make = pa.decimal128 if logical.precision <= _SHORT_DIGITS else pa.decimal256
        return make(logical.precision, logical.scale)
    if holds is Holds.FLOAT:
        return pa.float32() if logical.bits == 32 else pa.float64()
    if holds is Holds.TIMESTAMP:
        return pa.timestamp("us", tz="UTC" if logical.utc else None)
    others = {
        Holds.DATE: pa.date32(),
        Holds.TIME: pa.time64("us"),
        Holds.BOOLEAN: pa.bool_(),
        Holds.BYTES: pa.binary(),
    }
    return others.get(holds, pa.string())


@dataclass(frozen=True, slots=True)
class ArrowChunk:
    """Rows as a record batch, its columns those of what is read, in order.

    A column is in its `arrow_type`, or `pa.string()` with the values as the server prints them, from which
    the format makes the type and finds what doesn't fit. So a column with such values (zero dates, dates
    before year 1, an infinity where the type has none) must come as text. Text need not be valid UTF-8. The
    arrays are the receiver's own: a source doesn't use their memory again.
    """

    batch: pa.RecordBatch

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)

    @property
    def size(self) -> int:
        """Bytes that the values take in memory."""
        return int(self.batch.nbytes)

    def between(self, begin: int, end: int) -> ArrowChunk:
        """Rows `begin` to `end`, as views."""
        if begin == 0 and end == self.rows:
            return self
        return ArrowChunk(self.batch.slice(begin, end - begin))
