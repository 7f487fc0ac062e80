"""The one object through which a face asks for anything."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from core.locations import Locations
from core.service.context import Context

if TYPE_CHECKING:
    from core.preferences import Preferences
    from core.service.boot import Boot
    from core.service.checks import Checks
    from core.service.connections import Connections
    from core.service.demo import Demo
    from core.service.destinations import Destinations
    from core.service.doctor import Finding
    from core.service.downloads import Downloads
    from core.service.exports import Exports
    from core.service.marks import MarksOfExports
    from core.service.notices import Notices
    from core.service.overview import Overview
    from core.service.saved import Saved
    from core.service.tasks import Tasks
    from core.service.upkeep import Upkeep


class Service:
    """Everything that a face may ask, typed, without printing. Its parts are loaded and the store is opened
    when they are first used; any thread may use it. Every call may raise StoreError and its kinds.

    connections  add, list, show, test, remove, browse      downloads  copies and streams of what a task made
    exports      create, edit, list, show, apply, run       checks     preflight, verify
    destinations add, list, show, test, edit, remove; what a place that was typed means
    tasks        dump, list, show, log, abort, retry, …     demo       the sample database
    overview     has anything changed, who serves, a window of the list
    notices      who was told of tasks' ends, and trying it
    boot         what starts the engine after a reboot
    saved        exports with their runs, connections with who uses them, directories with their room
    marks        how far exports of new rows have read, what the next run would, moving them
    upkeep       the store as a file: checks, backups, another place
    """

    def __init__(self, locations: Locations | None = None) -> None:
        self._context = Context(locations or Locations.default())

    @property
    def locations(self) -> Locations:
        return self._context.locations

    @property
    def preferences(self) -> Preferences:
        return self._context.preferences

    @cached_property
    def connections(self) -> Connections:
        from core.service.connections import Connections  # noqa: PLC0415

        return Connections(self._context)

    @cached_property
    def destinations(self) -> Destinations:
        from core.service.destinations import Destinations  # noqa: PLC0415

        return Destinations(self._context)

    @cached_property
    def exports(self) -> Exports:
        from core.service.exports import Exports  # noqa: PLC0415

        return Exports(self._context)

    @cached_property
    def marks(self) -> MarksOfExports:
        from core.service.marks import MarksOfExports  # noqa: PLC0415

        return MarksOfExports(self._context)

    @cached_property
    def tasks(self) -> Tasks:
        from core.service.tasks import Tasks  # noqa: PLC0415

        return Tasks(self._context)

    @cached_property
    def overview(self) -> Overview:
        from core.service.overview import Overview  # noqa: PLC0415

        return Overview(self._context)

    @cached_property
    def saved(self) -> Saved:
        from core.service.saved import Saved  # noqa: PLC0415

        return Saved(self._context)

    @cached_property
    def downloads(self) -> Downloads:
        from core.service.downloads import Downloads  # noqa: PLC0415

        return Downloads(self._context)

    @cached_property
    def checks(self) -> Checks:
        from core.service.checks import Checks  # noqa: PLC0415

        return Checks(self._context)

    @cached_property
    def demo(self) -> Demo:
        from core.service.demo import Demo  # noqa: PLC0415

        return Demo(self._context, self.connections, self.exports)

    @cached_property
    def notices(self) -> Notices:
        from core.service.notices import Notices  # noqa: PLC0415

        return Notices(self._context)

    @cached_property
    def boot(self) -> Boot:
        from core.service.boot import Boot  # noqa: PLC0415

        return Boot(self._context)

    @cached_property
    def upkeep(self) -> Upkeep:
        from core.service.upkeep import Upkeep  # noqa: PLC0415

        return Upkeep(self._context)

    def doctor(self) -> list[Finding]:
        """Look at everything that Offramp stands on. Raises nothing: what is wrong is a finding."""
        from core.service.doctor import examine  # noqa: PLC0415

        return examine(self._context)

    def close(self) -> None:
        self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
