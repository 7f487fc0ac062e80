"""How many files, how large, how called and where, as it is typed, and the settings that it stands for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from core.errors import InvalidValue
from core.model.cluster import Default, check_scheduler
from core.model.file_settings import Directories, Empty, FileSettings, IfExists
from core.model.vocabulary import Engine
from tui.cli.values import size, size_text
from tui.screens.wizard.texts import number

if TYPE_CHECKING:
    from core.model.settings import Export, ExportSettings

OWN, LATEST, FIXED = "own", "latest", "fixed"
UNSAID = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """Empty limits are none; empty `parts`: as many as the settings file says. `engine` and `scheduler`:
    where parts are read, empty as destination or connection have it. `place`: each run has a
    directory of its `own`, with a link to the `latest`, or all have one `fixed`."""

    many: bool = False
    parts: str = ""
    engine: str = UNSAID
    scheduler: str = ""
    max_records: str = ""
    max_size: str = ""
    prefix: str = ""
    name: str = FileSettings().name
    directories: Directories = Directories.TYPES
    empty: Empty = Empty.FILE
    if_exists: IfExists = IfExists.FAIL
    place: str = OWN

    @classmethod
    def of(cls, files: FileSettings, place: str = OWN, default: Default | None = None) -> Filed:
        """`default` says where parts are read."""
        return cls(
            engine=str(default.engine) if default is not None and default.engine else UNSAID,
            scheduler=(default.dask_scheduler if default is not None else None) or "",
            many=not files.single,
            parts=_text(files.parts),
            max_records=_text(files.max_records),
            max_size=size_text(files.max_size) if files.max_size is not None else "",
            prefix=files.prefix,
            name=files.name,
            directories=files.directories,
            empty=files.empty,
            if_exists=files.if_exists,
            place=place,
        )

    def settings(self, base: FileSettings, *, data: bool, used: bool) -> FileSettings:
        """What doesn't apply stays as in `base`: `data` files are written, the place may be `used` already.
        Raises InvalidValue."""
        made = msgspec.structs.replace(base, prefix=self.prefix, directories=self.directories)
        if data:
            made = FileSettings(
                single=not self.many,
                parts=_limit(self.parts) if self.many else None,
                max_records=_limit(self.max_records),
                max_size=_bytes(self.max_size),
                prefix=self.prefix,
                name=self.name,
                directories=self.directories,
                empty=self.empty,
                if_exists=base.if_exists,
            )
        return msgspec.structs.replace(made, if_exists=self.if_exists) if used else made

    def engines(self, base: ExportSettings, *, applies: bool) -> dict[str, Any]:
        """The settings of where parts are read; where that isn't for this export to say (`applies`), as in
        `base`, but without a cluster. Raises InvalidValue."""
        if not applies:
            engine = None if base.engine is Engine.DASK else base.engine
            return {"engine": engine, "dask_scheduler": base.dask_scheduler}
        address = self.scheduler.strip() or None
        check_scheduler(address)
        return {"engine": Engine(self.engine) if self.engine else None, "dask_scheduler": address}

    @property
    def fixed(self) -> bool:
        return self.place == FIXED

    @property
    def latest(self) -> bool:
        return self.place == LATEST


PLAIN = Filed()
"""What the form begins with."""


def place_of(export: Export) -> str:
    return FIXED if export.fixed else LATEST if export.latest else OWN


def there(filed: Filed, *, used: bool) -> FileSettings:
    """What the form says of what is at the place already, and nothing else."""
    return FileSettings(if_exists=filed.if_exists if used else IfExists.FAIL)


def problems(filed: Filed, *, data: bool) -> Iterator[tuple[str, str]]:
    """What is wrong, by field."""
    plain = Filed(directories=filed.directories)
    trials = [("prefix", replace(plain, prefix=filed.prefix, name="{object}"))]
    if data:
        trials += [
            ("max_records", replace(plain, max_records=filed.max_records, name="{object}")),
            ("max_size", replace(plain, max_size=filed.max_size, name="{object}")),
            ("file_name", replace(plain, name=filed.name)),
        ]
        if filed.many:
            trials.append(("parts", replace(plain, many=True, parts=filed.parts, name="{object}")))
            yield "scheduler", _wrong(lambda: check_scheduler(filed.scheduler.strip() or None))
    for name, trial in trials:
        yield name, _wrong(lambda trial=trial: trial.settings(FileSettings(), data=True, used=False))  # type: ignore[misc]


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _limit(text: str) -> int | None:
    """Raises InvalidValue."""
    return (number(text) or None) if text.strip() else None


def _bytes(text: str) -> int | None:
    """Raises InvalidValue."""
    try:
        return (size(text) or None) if text.strip() else None
    except argparse.ArgumentTypeError as error:
        raise InvalidValue(f"{error}.") from None


def _wrong(build: Callable[[], object]) -> str:
    try:
        build()
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""
