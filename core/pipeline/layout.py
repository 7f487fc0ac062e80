"""Where each file of a task stands in its directory: `TABLE/orders-schema.sql`, `TABLE/orders.csv`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from core import formats
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectType
from core.pipeline.names import file_names

MERGED = "schema.sql"
LOAD = "load.sql"


class Layout:
    """The paths of a task's files, which depend on all its objects: names that some file system can't tell
    apart are told apart here."""

    def __init__(self, settings: ExportSettings, refs: Iterable[ObjectRef]) -> None:
        self._suffix = formats.data_suffix(settings)
        names: dict[ObjectType, list[str]] = defaultdict(list)
        for ref in refs:
            names[ref.type].append(ref.name)
        self._stems = {kind: file_names(group) for kind, group in names.items()}

    def schema(self, ref: ObjectRef) -> str:
        return f"{self._stem(ref)}-schema.sql"

    def foreign_keys(self, ref: ObjectRef) -> str:
        return f"{self._stem(ref)}-foreign-keys.sql"

    def data(self, ref: ObjectRef) -> str:
        return f"{self._stem(ref)}{self._suffix}"

    def _stem(self, ref: ObjectRef) -> str:
        return f"{ref.type}/{self._stems[ref.type][ref.name]}"
