"""Types of tables in MySQL, MariaDB and OceanBase. Source: "Data Types" of the MySQL 8.0 manual.

Texts of made tables compare by their bytes (utf8mb4_bin), so that none of two values of a key is lost that
the source tells apart.
"""

from __future__ import annotations

from connectors.base import SourceColumn
from connectors.sources.mysql.types import base
from connectors.target_rules import (
    Fit,
    Form,
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

_DECIMAL_DIGITS, _DECIMAL_SCALE = 65, 30
_KEY_CHARACTERS = 700  # of 3072 bytes that an index takes, with room for other columns
_INTEGERS = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}
_ROOMY = ("longtext", "mediumtext", "text", "tinytext")
# Types that not every server of the family has, as text.
_RARE = {"uuid": "varchar(36)", "inet6": "varchar(45)", "inet4": "varchar(15)"}


class MysqlRules(Rules):
    family = "mysql"

    def column(self, source: str, column: SourceColumn, *, key: bool) -> TargetColumn:
        binary = column.kind is Kind.BINARY
        if source == self.family:
            kind = _RARE.get(column.type.lower(), column.type)
            note = "" if kind == column.type else f"{column.name}: {column.type} is text there."
            return TargetColumn(column.name, kind, column.nullable, binary, note=note)
        kind, fit, form, note = self._type(column, key=key)
        return TargetColumn(column.name, kind, column.nullable, kind == "longblob", fit, form, note)

    def _type(  # noqa: PLR0911 - a rule each
        self, column: SourceColumn, *, key: bool
    ) -> tuple[str, Fit, Form, str]:
        logical = column.logical
        match logical.holds:
            case Holds.INTEGER:
                return _integer(logical), Fit.ANY, Form.KEEP, ""
            case Holds.DECIMAL if _fits_decimal(logical):
                return f"decimal({logical.precision},{logical.scale})", Fit.FINITE, Form.KEEP, ""
            case Holds.FLOAT:
                single = logical.bits == 32
                return "float" if single else "double", Fit.FINITE, Form.SINGLE if single else Form.KEEP, ""
            case Holds.DATE:
                return "date", Fit.DAY, Form.KEEP, ""
            case Holds.TIME:
                return "time(6)", Fit.ANY, Form.KEEP, ""
            case Holds.TIMESTAMP:
                note = f"{column.name}: {column.type} is a datetime in UTC." if logical.utc else ""
                return "datetime(6)", Fit.MOMENT, Form.BARE, note
            case Holds.BOOLEAN:
                return "tinyint(1)", Fit.ANY, Form.DIGIT, ""
            case Holds.BYTES:
                return "longblob", Fit.ANY, Form.KEEP, ""
        length = bounded_length(column.type)
        if column.type.lower() == "uuid":
            length = 36
        if key and length is not None and length <= _KEY_CHARACTERS:
            return f"varchar({length})", Fit.ANY, Form.KEEP, ""
        return "longtext", Fit.ANY, Form.KEEP, ""

    def can_be_key(self, column: TargetColumn) -> bool:
        return column.type not in (*_ROOMY, "longblob", "mediumblob", "blob", "tinyblob", "json", "geometry")

    def into(self, source: str, column: SourceColumn, there: SourceColumn) -> TargetColumn | Refused:
        if source == self.family and column.type == there.type:
            return TargetColumn(there.name, there.type, there.nullable, there.kind is Kind.BINARY)
        fit = self._fit(source, column, there)
        if fit is None:
            return refuse(column, there)
        binary, note, form = there.kind is Kind.BINARY, "", Form.KEEP
        if there.logical.holds is Holds.TIMESTAMP:
            form = Form.BARE
            if column.logical.utc != there.logical.utc:
                note = f"{column.name}: {column.type} is in UTC."
        if column.logical.holds is Holds.BOOLEAN:
            form = Form.DIGIT
        if source != self.family and there.logical == LogicalType(Holds.FLOAT, bits=32):
            form = Form.SINGLE
        return TargetColumn(there.name, there.type, there.nullable, binary, fit, form, note)

    def _fit(  # noqa: PLR0911 - a rule each
        self, source: str, column: SourceColumn, there: SourceColumn
    ) -> Fit | None:
        """What values must be looked for, None where the column can't take them."""
        outer, inner = there.logical, column.logical
        kind = there.type.lower()
        if kind in _ROOMY or kind.startswith("varchar("):
            return None if inner.holds is Holds.BYTES else Fit.ANY
        if kind == "tinyint(1)" and inner.holds is Holds.BOOLEAN:
            return Fit.ANY
        if base(kind) == "time" and inner.holds is Holds.TIME:
            return Fit.ANY if fraction_digits(self.family, kind) == 6 else None
        if Holds.TEXT in (outer.holds, inner.holds):
            return None
        if kind.startswith("timestamp") and source != self.family:
            return None  # it ends in 2038
        if not holds(outer, inner):
            return None
        timed = inner.holds in (Holds.TIME, Holds.TIMESTAMP)
        if timed and fraction_digits(self.family, there.type) < fraction_digits(source, column.type):
            return None
        if source == self.family:
            return Fit.ANY
        return {
            Holds.DATE: Fit.DAY,
            Holds.TIMESTAMP: Fit.MOMENT,
            Holds.FLOAT: Fit.FINITE,
            Holds.DECIMAL: Fit.FINITE,
        }.get(inner.holds, Fit.ANY)


def _integer(logical: LogicalType) -> str:
    return _INTEGERS[logical.bits] + ("" if logical.signed else " unsigned")


def _fits_decimal(logical: LogicalType) -> bool:
    return logical.precision <= _DECIMAL_DIGITS and logical.scale <= _DECIMAL_SCALE
