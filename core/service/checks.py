"""Looking before and after: what a run would do, and whether files still are what was exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Conflict, NotFound
from core.model.settings import ExportSettings
from core.service.context import Context

if TYPE_CHECKING:
    from core.pipeline.preflight import Preflight
    from core.pipeline.verify import VerifyReport


class Checks:
    def __init__(self, context: Context) -> None:
        self._context = context

    def preflight(
        self, settings: ExportSettings, output: Path, *, sys_password: str | None = None
    ) -> Preflight:
        """What a task with these settings would find, without reading a row or writing a file. Raises
        NotFound, UsageError, SecretError, ConnectError, SourceError."""
        from core.pipeline.preflight import Scope, preflight  # noqa: PLC0415 - few commands need it

        connection = self._context.store.connections.get(settings.connection)
        source = self._context.source(connection, settings.sys_account, sys_password=sys_password)
        with source.connect() as session:
            return preflight(session, settings, output, Scope(default_database=connection.begins_in))

    def directory(self, number: int) -> Path:
        """Where a task's files are. Raises NotFound; Conflict where it has published none."""
        task = self._context.store.tasks.get(number)
        if not task.published:
            raise Conflict(f"Task {number} is {task.status}: there is nothing to verify.")
        return Path(task.output)

    def verify(self, directory: Path) -> VerifyReport:
        """Read the files back and compare them with the manifest beside them; needs no store. Raises
        NotFound, OutputDamaged where there is no manifest that can be read."""
        from core.pipeline.verify import verify  # noqa: PLC0415 - few commands need it

        return verify(directory)

    def verify_against_source(self, directory: Path) -> VerifyReport:
        """Compare the manifest with what the source holds now, through the connection of its name. Raises
        what `verify` does, and NotFound, SecretError, ConnectError, SourceError."""
        from core.pipeline import manifest as manifests  # noqa: PLC0415
        from core.pipeline.disk import Disk  # noqa: PLC0415
        from core.pipeline.verify import verify_against_source  # noqa: PLC0415

        manifest = manifests.load(Disk(directory), "")
        try:
            connection = self._context.store.connections.get(manifest.connection)
        except NotFound:
            raise NotFound(
                f"The files came from connection {manifest.connection!r}, which isn't there.",
                "Add it again: offramp connection add.",
            ) from None
        with self._context.source(connection).connect() as session:
            return verify_against_source(directory, session)
