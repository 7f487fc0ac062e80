"""The store as a file: where it is, whether it is sound, its backups, and the way back from one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import NotFound
from core.filesystems import file_system
from core.locations import Locations
from core.service.context import Context

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup beside the store: its file, when it was made (UTC), its length in bytes."""

    path: Path
    made: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class StoreFile:
    """`bytes` is None where there is no store; `origin` the home that this host's own stands for; `kind` the
    file system's, None where the system doesn't tell. Backups are the newest first."""

    path: Path
    bytes: int | None
    origin: Path | None
    kind: str | None
    backups: tuple[KeptBackup, ...]


class Upkeep:
    """Works on stores that can't be opened, too."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def show(self) -> StoreFile:
        """Looks at names and lengths only."""
        from core.store.backups import backups  # noqa: PLC0415 - comes with the store

        locations = self._context.locations
        path, found = locations.store, file_system(locations.home)
        return StoreFile(
            path,
            path.stat().st_size if path.exists() else None,
            locations.origin,
            found.kind if found is not None else None,
            tuple(KeptBackup(b.path, b.made, b.bytes) for b in backups(path)),
        )

    def check(self) -> None:
        """Read all of the store, its indexes and what each row means. Raises StoreDamaged."""
        self._context.store.check_thoroughly()

    def back_up(self, to: Path | None) -> Path:
        """Make a backup now, as the new file `to` or beside the store; gives its path. Raises StoreError."""
        from core.store.backups import back_up  # noqa: PLC0415

        return back_up(self._context.store.locations.store, to=to)

    def restore(self, backup: Path | None, *, empty: bool = False) -> tuple[Path | None, Path | None]:
        """Put a backup (None: the newest beside the store) in the store's place, or an `empty` store. Gives
        the backup's path and where what was there is kept now. Raises NotFound, StoreError and its kinds."""
        from core.store.backups import backups, restore  # noqa: PLC0415

        locations = self._context.locations
        if backup is None and not empty:
            found = backups(locations.store)
            if not found:
                raise NotFound(
                    f"There is no backup beside {str(locations.store)!r}.",
                    "Name one: offramp store restore FILE; or begin anew: offramp store restore --empty.",
                )
            backup = found[0].path
        self._context.close()
        return backup, restore(locations, None if empty else backup, patience=PATIENCE)

    def move(self, directory: Path) -> Locations:
        """Keep this host's files in `directory` from now on (`core.store.moving`). Raises as `move` there."""
        from core.store.moving import move  # noqa: PLC0415

        self._context.close()
        return move(Locations.usual(), directory, patience=PATIENCE)

    def proposal(self) -> Path | None:
        """A local directory for that, None where none of the usual ones can be had."""
        from core.store.moving import proposal  # noqa: PLC0415

        return proposal()

    def require_local(self) -> None:
        """Raises StoreOnNetwork where the home is on a network file system."""
        from core.store.opening import refuse_network  # noqa: PLC0415

        refuse_network(self._context.locations.home)
