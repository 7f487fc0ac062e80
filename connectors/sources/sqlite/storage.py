"""The types that values have in SQLite."""

from __future__ import annotations

from enum import StrEnum

from core.chunk import Kind


class Storage(StrEnum):
    """https://www.sqlite.org/datatype3.html#storage_classes_and_datatypes"""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BLOB = "blob"

    @property
    def kind(self) -> Kind:
        return {Storage.TEXT: Kind.TEXT, Storage.BLOB: Kind.BINARY}.get(self, Kind.NUMBER)
