"""Into which files the rows of an object go, and what these are called: defaults and rules."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from core.errors import InvalidValue
from core.model.name_template import check_beginning, check_text, parse_template


class Directories(StrEnum):
    """TYPES: a directory for each type of objects (`TABLE/orders.csv`). OBJECTS: one for each object in that
    (`TABLE/orders/orders.csv`), as readers of data sets of many files want it. FLAT: none (`orders.csv`)."""

    TYPES = "types"
    OBJECTS = "objects"
    FLAT = "flat"


class Empty(StrEnum):
    """What a table without rows leaves: a data file without rows (with its header), or none."""

    FILE = "file"
    NONE = "none"


class IfExists(StrEnum):
    """What a fixed directory that isn't empty means. FAIL: nothing is done. NEW: the next free name beside it
    (`nightly-2`). REPLACE: what an earlier run of the same export wrote there, known by its manifest, gives
    way in one step; anything else there is foreign and fails."""

    FAIL = "fail"
    NEW = "new"
    REPLACE = "replace"


class FileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`single`: one file for each object, its parts read in order; otherwise each part becomes a file and up
    to `parts` of them are made at once, in processes of their own (None: as many as the settings say).
    `max_records` (rows) and `max_size` (bytes before compression) bound a file, at row boundaries: one row
    alone may be larger. `prefix` stands before the name of each object's files, `name` is the template of
    data files' names (`core.model.name_template`); where there are several for an object and it has no
    {part}, `-{part:05}` is added.
    """

    single: bool = True
    parts: int | None = None
    max_records: int | None = None
    max_size: int | None = None
    prefix: str = ""
    name: str = "{object}"
    directories: Directories = Directories.TYPES
    empty: Empty = Empty.FILE
    if_exists: IfExists = IfExists.FAIL

    def __post_init__(self) -> None:
        for words, value in (("parts", self.parts), ("records", self.max_records), ("bytes", self.max_size)):
            if value is not None and value < 1:
                raise InvalidValue(f"At most {value} {words} can't be: use 1 or more.")
        if self.single and self.parts is not None:
            raise InvalidValue(
                "Parts at once need many files: a single file is written in order.", "Add --many-files."
            )
        if self.prefix:
            check_text(self.prefix, "The prefix of file names")
            check_beginning(self.prefix, "The prefix of file names")
        fields = {piece.field for piece in parse_template(self.name)}
        if "object" not in fields and self.directories is not Directories.OBJECTS:
            raise InvalidValue(
                f"Files of several objects would be called the same by the template {self.name!r}.",
                "Add {object}, or give each object its own directory (--directories objects).",
            )

    @property
    def several(self) -> bool:
        """Whether an object may have more than one data file."""
        return not self.single or self.max_records is not None or self.max_size is not None


def check_remote(files: FileSettings, *, latest: bool = False) -> None:
    """Raises InvalidValue for what only a local file system can do, where files go elsewhere."""
    if latest:
        raise InvalidValue("A link to the latest run can only be made on a local file system.")
    if files.if_exists is not IfExists.FAIL:
        raise InvalidValue(
            f"What is there can be met by {files.if_exists} on a local file system only.",
            "Use --if-exists fail for a URL or a destination elsewhere.",
        )
