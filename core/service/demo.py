"""The sample database, with a connection and exports to try things on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import Conflict
from core.model.connection import Connection
from core.model.settings import Export
from core.service.connections import Connections
from core.service.context import Context
from core.service.exports import Exports

DATABASE = "shop.sqlite3"
OUTPUT = "exports"


@dataclass(frozen=True, slots=True)
class Sample:
    connection: Connection
    exports: tuple[Export, ...]


class Demo:
    def __init__(self, context: Context, connections: Connections, exports: Exports) -> None:
        self._context = context
        self._connections = connections
        self._exports = exports

    def prepare(self, directory: Path) -> Sample:
        """Make the sample shop in `directory` (absolute), register the connection and its exports; what is
        there from an earlier time is used again. Raises Conflict where other things have these names or
        that file is something else, NotWritable."""
        from core.demo import demo_connection, demo_exports, make_shop  # noqa: PLC0415 - few need it

        database = directory / DATABASE
        connection = demo_connection(database)
        exports = tuple(demo_exports(directory / OUTPUT))
        self._refuse_foreign(connection, exports)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_shop(database)
        self._connections.replace(connection)
        known = {export.name for export in self._exports.list()}
        for export in exports:
            if export.name in known:
                self._exports.replace(export)
            else:
                self._exports.create(export)
        return Sample(connection, exports)

    def _refuse_foreign(self, connection: Connection, exports: tuple[Export, ...]) -> None:
        """A sample in another directory may be taken over; what a person made may not."""
        for known in self._connections.list():
            if known.name == connection.name and Path(known.path or "").name != DATABASE:
                raise Conflict(
                    f"There is a connection {known.name!r} that isn't the sample's.",
                    "Remove it, or try the sample with OFFRAMP_HOME set to another directory.",
                )
        names = {export.name for export in exports}
        for other in self._exports.list():
            if other.name in names and other.settings.connection != connection.name:
                raise Conflict(
                    f"There is an export {other.name!r} that isn't the sample's.",
                    "Remove it, or try the sample with OFFRAMP_HOME set to another directory.",
                )
