"""Looking before and after: what a run would do, and whether files still are what was exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Conflict, NotFound
from core.model.destination import is_local
from core.model.file_settings import check_remote
from core.model.settings import ExportSettings
from core.model.vocabulary import Engine, ObjectRef, TaskStatus
from core.service.context import Context
from core.service.tasks import default_name

if TYPE_CHECKING:
    from connectors.base import Session
    from core.model.connection import Connection
    from core.pipeline.into.there import Elsewhere
    from core.pipeline.layout import Names
    from core.pipeline.manifest import Manifest
    from core.pipeline.preflight import Preflight
    from core.pipeline.verify import VerifyReport


def _names(settings: ExportSettings, export: str, database: str = "") -> Names:
    from core.pipeline.layout import Names  # noqa: PLC0415 - few commands need it

    return Names(connection=settings.connection, database=database, export=export, made=datetime.now(UTC))


class Checks:
    def __init__(self, context: Context) -> None:
        self._context = context

    def preflight(
        self,
        settings: ExportSettings,
        output: Path | str,
        *,
        sys_password: str | None = None,
        name: str = "",
        export: str | None = None,
    ) -> Preflight:
        """What a task with these settings would find, without reading a row or writing a file (but those that
        show whether a cluster sees them, which are gone when this returns): a dump called `name`, or a run of
        the saved `export`. Raises NotFound, UsageError, SecretError, ConnectError,
        SourceError."""
        from core.pipeline.earlier import Run  # noqa: PLC0415 - few commands need it
        from core.pipeline.preflight import Scope, preflight  # noqa: PLC0415

        connection = self._context.store.connections.get(settings.connection)
        settings = self._context.placed(settings, str(output))
        source = self._context.source(connection, settings.sys_account, sys_password=sys_password)
        title = name or default_name(settings)
        scope = Scope(
            default_database=connection.begins_in,
            names=_names(settings, export or title),
            marks={mark.object: mark for mark in self._context.store.marks.of(export)} if export else {},
            run=Run(export, title, settings.connection, datetime.now(UTC)),
            connection=connection,
        )
        with source.connect() as session:
            if settings.into is None:
                place = self._context.resolved(str(output))
                scope = replace(scope, beyond=self._beyond(settings, connection, place))
                if is_local(place):
                    return preflight(session, settings, Path(place), scope)
                spool = self._context.numbers.spool_in(self._context.locations)
                scope = replace(scope, built_here=scope.beyond is None)
                away = replace(scope, inspect=lambda: self._inspect(place, settings))
                return preflight(session, settings, spool, away)
            from connectors.target_rules import family  # noqa: PLC0415
            from core.pipeline.into.checks import look  # noqa: PLC0415
            from core.pipeline.into.there import looked_at  # noqa: PLC0415

            with looked_at(self._elsewhere(settings.into.connection), settings.into) as there:
                return look(
                    session,
                    settings,
                    scope,
                    source=family(connection.mode),
                    connection=connection,
                    there=there,
                ).found

    def _beyond(
        self, settings: ExportSettings, connection: Connection, place: str
    ) -> Callable[[Session], list[str]] | None:
        """What looks at the cluster that reads the parts of a task which goes to a place, where one does."""
        if settings.engine is not Engine.DASK:
            return None
        from core.cluster.checks import ClusterCheck  # noqa: PLC0415 - few tasks need it
        from core.pipeline.place import builds_in  # noqa: PLC0415

        if not is_local(place):
            elsewhere, path = self._context.at(place)
            spool = self._context.locations.home
            return lambda session: ClusterCheck(connection, settings, elsewhere, path)(session, spool)
        here = builds_in(Path(place))
        return lambda session: ClusterCheck(connection, settings)(session, here)

    def _inspect(self, place: str, settings: ExportSettings) -> None:
        """Raises what would keep a task from sending its files to a place elsewhere."""
        from core.pipeline.remote_target import check_free  # noqa: PLC0415

        check_remote(settings.files)
        elsewhere, path = self._context.at(place)
        with elsewhere.connect() as files:
            check_free(files, path)

    def file_names(
        self, settings: ExportSettings, refs: Sequence[ObjectRef], *, database: str = "", name: str = ""
    ) -> list[str]:
        """What the files of these objects would be called, where the export or the dump is called `name`:
        what only a task will know stays in braces. Asks nobody. Raises InvalidValue."""
        from core.pipeline.layout import file_names  # noqa: PLC0415 - few screens need it

        found = file_names(settings, refs, _names(settings, name, database))
        return list(dict.fromkeys(path for ref in refs for path in found[ref]))

    def _elsewhere(self, name: str) -> Elsewhere:
        """The database that rows go into. Raises NotFound, SecretError, Unsupported."""
        from core.pipeline.into.there import Elsewhere  # noqa: PLC0415

        connection = self._context.store.connections.get(name)
        return Elsewhere.of(connection, self._context.password(connection))

    def verify_tables(self, number: int) -> VerifyReport:
        """Count the rows of the tables that a task has filled, and compare them with what it brought. Raises
        NotFound, Conflict, SecretError, ConnectError, SourceError."""
        from core.pipeline.into.verify import verify_tables  # noqa: PLC0415 - few commands need it

        task = self._context.store.tasks.get(number)
        into = task.settings.into
        if into is None or not task.published:
            raise Conflict(f"Task {number} has published no tables: there is nothing to verify.")
        objects = self._context.store.tasks.objects(number)
        files = self._context.store.tasks.files(number)
        return verify_tables(self._elsewhere(into.connection), into, objects, files)

    def directory(self, number: int) -> str:
        """The place of a task's files. Raises NotFound; Conflict where it has published none."""
        task = self._context.store.tasks.get(number)
        if not task.published:
            gone = "a later run has replaced its files" if task.status is TaskStatus.COMPLETED else ""
            raise Conflict(f"Task {number} is {task.status}: {gone or 'there is nothing to verify'}.")
        return task.output

    def verify(self, place: Path | str) -> VerifyReport:
        """Read the files back and compare them with the manifest beside them; in a local directory that needs
        no store. Raises NotFound, OutputDamaged where there is no manifest that can be read; what `preflight`
        raises of destinations."""
        from core.pipeline.verify import verify  # noqa: PLC0415 - few commands need it

        with self._context.published(str(place)) as files:
            return verify(files)

    def _settings_of(self, manifest: Manifest) -> ExportSettings | None:
        """Those of the task that made it, as the store has them; None where it isn't known here."""
        from core.pipeline.place import token_of  # noqa: PLC0415

        try:
            task = self._context.store.tasks.get(manifest.task)
        except NotFound:
            return None
        return task.settings if token_of(task) == manifest.token else None

    def verify_against_source(self, place: Path | str) -> VerifyReport:
        """Compare the manifest with what the source holds now, through the connection of its name. Raises
        what `verify` does, and NotFound, SecretError, ConnectError, SourceError."""
        from core.pipeline import manifest as manifests  # noqa: PLC0415
        from core.pipeline.verify import verify_against_source  # noqa: PLC0415

        with self._context.published(str(place)) as files:
            manifest = manifests.load(files, "")
            try:
                connection = self._context.store.connections.get(manifest.connection)
            except NotFound:
                raise NotFound(
                    f"The files came from connection {manifest.connection!r}, which isn't there.",
                    "Add it again: offramp connection add.",
                ) from None
            with self._context.source(connection).connect() as session:
                return verify_against_source(files, session, known=self._settings_of(manifest))
