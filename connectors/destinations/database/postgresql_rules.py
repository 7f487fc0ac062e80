"""Types of tables in PostgreSQL. Source: "Data Types" of the manual; years of date and timestamp reach
further than anybody's, so only dates that no calendar has are looked for."""

from __future__ import annotations

from connectors.base import SourceColumn
from connectors.target_rules import (
    Fit,
    Refused,
    Rules,
    TargetColumn,
    bounded_length,
    fraction_digits,
    holds,
    refuse,
)
from core.chunk import Kind
from core.logical import Holds, LogicalType

_MOST_DIGITS = 1000
_PLAIN_TEXT = ("text", "character varying", "varchar")
# Kinds of text that both sides name alike and that keep any value as it was written.
_SAME_NAME = ("json", "uuid")


class PostgresqlRules(Rules):
    family = "postgresql"

    def column(self, source: str, column: SourceColumn, *, key: bool) -> TargetColumn:
        del key
        if source == self.family:
            own = "." not in column.type
            note = "" if own else f"{column.name}: {column.type} is text there."
            binary = column.kind is Kind.BINARY
            return TargetColumn(
                column.name, column.type if own else "text", column.nullable, binary, note=note
            )
        kind, fit, note = self._type(column)
        return TargetColumn(column.name, kind, column.nullable, kind == "bytea", fit, note=note)

    def _type(self, column: SourceColumn) -> tuple[str, Fit, str]:
        logical = column.logical
        match logical.holds:
            case Holds.INTEGER:
                kind = _integer(logical)
                note = (
                    "" if logical.signed or logical.bits < 64 else f"{column.name}: {column.type} is {kind}."
                )
                return kind, Fit.ANY, note
            case Holds.DECIMAL if logical.precision <= _MOST_DIGITS:
                return f"numeric({logical.precision},{logical.scale})", Fit.ANY, ""
            case Holds.BYTES:
                return "bytea", Fit.ANY, ""
            case Holds.TEXT | Holds.DECIMAL:
                named = column.type.lower()
                return (named, Fit.ANY, "") if named in _SAME_NAME else ("text", Fit.NO_NUL, "")
        return _OTHERS[logical.holds, logical.bits if logical.holds is Holds.FLOAT else 64, logical.utc]

    def can_be_key(self, column: TargetColumn) -> bool:
        return column.type not in ("json", "xml")

    def into(self, source: str, column: SourceColumn, there: SourceColumn) -> TargetColumn | Refused:
        same = source == self.family and column.type == there.type
        fit = Fit.ANY if same else self._fit(source, column, there)
        if fit is None:
            return refuse(column, there)
        note = ""
        if column.logical.utc != there.logical.utc and there.logical.holds is Holds.TIMESTAMP:
            note = f"{column.name}: {column.type} is in UTC."
        binary = there.kind is Kind.BINARY
        return TargetColumn(there.name, there.type, there.nullable, binary, fit, note=note)

    def _fit(  # noqa: PLR0911 - a rule each
        self, source: str, column: SourceColumn, there: SourceColumn
    ) -> Fit | None:
        """What values must be looked for, None where the column can't take them."""
        outer, inner = there.logical, column.logical
        foreign = source != self.family
        if there.type in _PLAIN_TEXT or bounded_length(there.type) is not None:
            padded = there.type.startswith("character(")
            plain = inner.holds is not Holds.BYTES and not padded
            return (Fit.NO_NUL if foreign else Fit.ANY) if plain else None
        if there.type in _SAME_NAME and column.type.lower() == there.type:
            return Fit.ANY
        if there.type == "numeric" and inner.holds in (Holds.INTEGER, Holds.DECIMAL):
            return Fit.ANY
        if Holds.TEXT in (outer.holds, inner.holds):
            return None
        if not holds(outer, inner):
            return None
        if inner.holds in (Holds.TIME, Holds.TIMESTAMP) and fraction_digits(
            self.family, there.type
        ) < fraction_digits(source, column.type):
            return None
        if not foreign:
            return Fit.ANY
        return {Holds.DATE: Fit.DAY, Holds.TIMESTAMP: Fit.MOMENT}.get(inner.holds, Fit.ANY)


def _integer(logical: LogicalType) -> str:
    bits = logical.bits if logical.signed else logical.bits + 1
    sizes = ((16, "smallint"), (32, "integer"), (64, "bigint"))
    return next((kind for limit, kind in sizes if bits <= limit), "numeric(20)")


_OTHERS = {
    (Holds.FLOAT, 32, False): ("real", Fit.ANY, ""),
    (Holds.FLOAT, 64, False): ("double precision", Fit.ANY, ""),
    (Holds.DATE, 64, False): ("date", Fit.DAY, ""),
    (Holds.TIME, 64, False): ("time(6)", Fit.ANY, ""),
    (Holds.TIMESTAMP, 64, False): ("timestamp(6)", Fit.MOMENT, ""),
    (Holds.TIMESTAMP, 64, True): ("timestamp(6) with time zone", Fit.MOMENT, ""),
    (Holds.BOOLEAN, 64, False): ("boolean", Fit.ANY, ""),
}
