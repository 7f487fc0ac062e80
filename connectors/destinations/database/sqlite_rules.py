"""Types of tables in SQLite, where any value may have any type and a column's affinity may change one: text
in a column of numbers becomes a number. Source: https://www.sqlite.org/datatype3.html."""

from __future__ import annotations

from connectors.base import SourceColumn
from connectors.target_rules import Fit, Form, Refused, Rules, TargetColumn, refuse
from core.chunk import Kind
from core.logical import Holds


def affinity(declared: str) -> str:
    """By the five rules of section 3.1."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(part in upper for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


class SqliteRules(Rules):
    family = "sqlite"

    def column(self, source: str, column: SourceColumn, *, key: bool) -> TargetColumn:
        if source == self.family:
            return TargetColumn(column.name, column.type, column.nullable, by_value=True)
        kind, fit, form, note = self._type(source, column)
        # An INTEGER PRIMARY KEY would be the rowid: of another table's keys it need not be made one.
        return TargetColumn(
            column.name, "INT" if key and kind == "INTEGER" else kind, column.nullable, kind == "BLOB", fit,
            form, note,
        )  # fmt: skip

    def _type(self, source: str, column: SourceColumn) -> tuple[str, Fit, Form, str]:
        logical = column.logical
        match logical.holds:
            case Holds.INTEGER if logical.signed or logical.bits < 64:
                return "INTEGER", Fit.ANY, Form.KEEP, ""
            case Holds.INTEGER | Holds.DECIMAL:
                return (
                    "TEXT",
                    Fit.ANY,
                    Form.KEEP,
                    f"{column.name}: {column.type} is text there, every digit kept.",
                )
            case Holds.FLOAT:
                return "REAL", Fit.NUMBER if source != "mysql" else Fit.ANY, Form.KEEP, ""
            case Holds.BOOLEAN:
                return "INTEGER", Fit.ANY, Form.DIGIT, ""
            case Holds.BYTES:
                return "BLOB", Fit.ANY, Form.KEEP, ""
        return "TEXT", Fit.ANY, Form.KEEP, ""

    def can_be_key(self, column: TargetColumn) -> bool:
        return True

    def into(self, source: str, column: SourceColumn, there: SourceColumn) -> TargetColumn | Refused:
        takes = affinity(there.type)
        if source == self.family:
            kept = takes in ("BLOB", affinity(column.type))
            return (
                TargetColumn(there.name, there.type, there.nullable, by_value=True)
                if kept
                else refuse(column, there)
            )
        made = self.column(source, column, key=False)
        binary = column.kind is Kind.BINARY or made.type == "BLOB"
        wanted = {"INTEGER": ("INTEGER", "NUMERIC"), "REAL": ("REAL",), "TEXT": ("TEXT",), "BLOB": ()}[
            made.type
        ]
        if takes != "BLOB" and takes not in wanted and not binary:
            return refuse(column, there)
        # What the value is made of stands in the made type: the declared one says nothing about it.
        return TargetColumn(there.name, made.type, there.nullable, binary, made.fit, made.form, made.note)
