"""An object's state while it runs, in memory and in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from core.model.task import FileEntry, TaskObject
from core.pipeline.journal import Journal


class Tracked:
    """Holds the newest state of one object. Fields are those of `TaskObject`."""

    def __init__(self, journal: Journal, item: TaskObject) -> None:
        self._journal = journal
        self.item = item

    def set(self, **fields: Any) -> None:
        """Change fields; made durable by the next `save` or by whoever finishes the object."""
        self.item = replace(self.item, **fields)

    def save(self, files: Sequence[FileEntry] = (), /, **fields: Any) -> None:
        """Change fields durably, and note further finished files. Raises LostClaim, StoreError."""
        self.set(**fields)
        self._journal.update(self.item, files)

    def note(self, **fields: Any) -> None:
        """Change fields for whoever looks; a crash may forget it. Raises LostClaim."""
        self.set(**fields)
        self._journal.note(self.item)

    def begin_anew(self, **fields: Any) -> None:
        """Forget how far the data were read."""
        self.set(
            checkpoint=None,
            parts=(),
            snapshot=None,
            mark=None,
            processed_rows=0,
            processed_bytes=0,
            **fields,
        )
