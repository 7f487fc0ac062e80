"""The registry of sources: which class speaks to which kind of database.

Sources are found by the mode's name through the entry-point group `offramp.sources`, so that nothing of
the core names one, others can bring their own, and no driver is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import Unsupported
from core.model.vocabulary import SOURCES

if TYPE_CHECKING:
    from connectors.base import Credentials, Source
    from connectors.elsewhere import Elsewhere
    from connectors.targets import Target
    from core.model.connection import Connection
    from core.model.destination import Destination
    from core.model.settings import SysAccount

TARGETS = "offramp.targets"
DESTINATIONS = "offramp.destinations"
OTHER = "other"


def source_class(mode: str) -> type[Source]:
    """The source for a mode. Raises Unsupported where none is installed or its driver is missing."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - most commands contact no database

    found = {entry.name: entry for entry in entry_points(group=SOURCES)}
    if mode not in found:
        raise Unsupported(
            f"No connector for {mode} is installed.",
            f"Installed: {', '.join(sorted(found)) or 'none; install offramp again'}.",
        )
    try:
        loaded: type[Source] = found[mode].load()
    except ImportError as error:
        raise Unsupported(
            f"The connector for {mode} can't be loaded: {error}.", "Install what is missing."
        ) from error
    return loaded


def open_source(
    connection: Connection,
    credentials: Credentials,
    *,
    sys_account: SysAccount | None = None,
    program: str = "offramp",
) -> Source:
    """The source behind a connection; contacts nobody. Raises Unsupported."""
    kind = source_class(connection.mode)
    return kind(connection, credentials, sys_account=sys_account, program=program)


def open_destination(destination: Destination, password: str | None) -> Elsewhere:
    """The way to a destination that isn't local; contacts nobody. Schemes that nothing is registered for are
    fsspec's. Raises Unsupported where what is needed isn't installed."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - most tasks are local

    found = {entry.name: entry for entry in entry_points(group=DESTINATIONS)}
    scheme = destination.scheme
    entry = found.get(scheme) or found.get(OTHER)
    if entry is None:
        raise Unsupported(f"No connector for {scheme} is installed.", "Install offramp again.")
    try:
        kind: type[Elsewhere] = entry.load()
    except ImportError as error:
        raise Unsupported(
            f"What {scheme}:// destinations need isn't installed: {error}.",
            f"pip install 'offramp[{scheme}]'.",
        ) from error
    return kind(destination, password)


def open_target(
    connection: Connection, credentials: Credentials, database: str, *, program: str = "offramp"
) -> Target:
    """What writes into a database behind a connection; contacts nobody. Raises Unsupported where rows can't
    go into databases of its kind."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - most commands contact no database

    found = {entry.name: entry for entry in entry_points(group=TARGETS)}
    if connection.mode not in found:
        raise Unsupported(
            f"Rows can't go into {connection.mode.label}.",
            f"They can go into: {', '.join(sorted(found)) or 'nothing; install offramp again'}.",
        )
    kind: type[Target] = found[connection.mode].load()
    return kind(connection, credentials, database, program=program)
