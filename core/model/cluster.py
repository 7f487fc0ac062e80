"""Where the parts of objects are read: by processes of this machine, or by the workers of a Dask cluster.

An export says it (`engine`, `dask_scheduler`); where it doesn't, its destination does, else its connection,
else it is this machine. A scheduler's address is written as Dask writes it, `tcp://HOST:8786`: see "Dask
Distributed: Communications" (distributed.dask.org/en/stable/communications.html).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import msgspec

from core.errors import InvalidValue, UsageError
from core.model.vocabulary import Engine

if TYPE_CHECKING:
    from core.model.settings import ExportSettings

SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
_ADDRESS = re.compile(
    rf"(?:{'|'.join(SCHEMES)})://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{{1,5}}))?"
)


class Default(Protocol):
    """What may say where the parts of exports are read that don't say it themselves: a connection, a
    destination."""

    @property
    def engine(self) -> Engine | None: ...

    @property
    def dask_scheduler(self) -> str | None: ...


def check_scheduler(address: str | None, whose: str = "") -> None:
    """Raises InvalidValue where this is no address of a scheduler; None is none. `whose` stands before the
    words."""
    if address is None:
        return
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise InvalidValue(
            f"{whose}{address!r} is no address of a Dask scheduler.",
            "Write tcp://HOST:8786 or tls://HOST:8786.",
        )


def check_dask(settings: ExportSettings) -> None:
    """Raises InvalidValue where settings that ask for Dask ask for what a cluster can't do."""
    if settings.into is not None:
        raise InvalidValue(
            "Rows that go into another database are read by this machine, not by a Dask cluster.",
            "Use --engine local.",
        )
    if not settings.content.data:
        raise InvalidValue(
            "A Dask cluster reads rows only, and the content is schema only.", "Use --engine local."
        )
    if settings.files.single:
        raise InvalidValue(
            "A Dask cluster makes many files of an object; a single file is written in order, here.",
            "Add --many-files, or use --engine local.",
        )


def may_use_dask(settings: ExportSettings) -> bool:
    """Whether parts of this export's objects could be read by a cluster."""
    return settings.into is None and settings.content.data and not settings.files.single


def with_defaults(settings: ExportSettings, *defaults: Default | None) -> ExportSettings:
    """The settings with engine and scheduler as the first of `defaults` says that says it, where they say
    nothing themselves; an engine only where a cluster could be of use."""
    there = [default for default in defaults if default is not None]
    engine = settings.engine
    if engine is None and may_use_dask(settings):
        engine = next((default.engine for default in there if default.engine is not None), None)
    if engine is not Engine.DASK:
        return settings if engine is settings.engine else msgspec.structs.replace(settings, engine=engine)
    addresses = [settings.dask_scheduler, *(default.dask_scheduler for default in there)]
    scheduler = next((address for address in addresses if address is not None), None)
    return msgspec.structs.replace(settings, engine=engine, dask_scheduler=scheduler)


def scheduler_of(settings: ExportSettings) -> str | None:
    """The address of the scheduler that settings ask for, None where this machine reads. Raises UsageError
    where a cluster is asked for and nobody has said which."""
    if settings.engine is not Engine.DASK:
        return None
    if settings.dask_scheduler is None:
        raise UsageError(
            "Parts are to be read by a Dask cluster, and neither the export nor its destination nor its "
            "connection says where its scheduler is.",
            "Add --dask-scheduler tcp://HOST:8786.",
        )
    return settings.dask_scheduler


def words_of(engine: Engine | None, scheduler: str | None) -> str:
    """`Dask, tcp://host:8786`, `Dask`, `this machine`; what says nothing but an address is told with it."""
    if engine is Engine.LOCAL:
        return "this machine"
    if engine is Engine.DASK:
        return f"Dask, {scheduler}" if scheduler else "Dask"
    return f"{scheduler} where Dask is asked for" if scheduler else ""
