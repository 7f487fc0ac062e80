"""The checks before anything is read: rights, space, target, consistency, time. Also what a dry run shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.base import ServerInfo, Session
from core import formats
from core.errors import (
    OfframpError,
    PreflightFailed,
    SnapshotUnavailable,
    SourceError,
    UsageError,
)
from core.model.connection import Connection
from core.model.format_settings import SqlRows
from core.model.mark import Mark
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, Format, ObjectRef, OnError
from core.pipeline import cutting
from core.pipeline.checked import CheckedObject, check_objects, listed
from core.pipeline.earlier import Run
from core.pipeline.layout import Names, file_names
from core.pipeline.resolve import resolve_database, resolve_objects
from core.pipeline.room import look_for_room

MOST_HAZARDS = 20
_SUBQUERY = re.compile(r"\bSELECT\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the checks found. `objects` stand in the order in which they will run.

    `needed_bytes` is the estimate of the output, `free_bytes` what the file system has (None where it can't
    be told yet). `notes` are facts to know, `hazards` what may go wrong, `problems` what will make the task
    fail before it reads; what concerns one object only stands at that object.
    """

    database: str
    server: ServerInfo
    objects: tuple[CheckedObject, ...]
    needed_bytes: int
    free_bytes: int | None
    notes: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    problems: tuple[OfframpError, ...] = ()

    @property
    def total_rows(self) -> int:
        """Rows of all objects by the estimates, those without one counted as none."""
        return sum(item.rows or 0 for item in self.objects)

    @property
    def rows_known(self) -> bool:
        """Whether any object has an estimate; `total_rows` means nothing otherwise."""
        return any(item.rows is not None for item in self.objects)

    @property
    def total_bytes(self) -> int:
        return sum(item.bytes or 0 for item in self.objects)

    @property
    def failing(self) -> tuple[CheckedObject, ...]:
        return tuple(item for item in self.objects if item.problem is not None)

    def raise_for_problems(self, settings: ExportSettings) -> None:
        """Raises what makes the whole task fail: the problem itself where it is one, else PreflightFailed
        naming all. Objects that will fail count only where the first failure ends the task, or where
        nothing else is left."""
        found = [problem.message for problem in self.problems]
        if len(self.problems) == 1:
            raise self.problems[0]
        if found:
            raise PreflightFailed(" ".join(found), " ".join(p.hint for p in self.problems).strip())
        failing = self.failing
        if not failing or (settings.on_error is OnError.CONTINUE and len(failing) < len(self.objects)):
            return
        words = " ".join(f"{item.ref}: {item.problem.message}" for item in failing[:5] if item.problem)
        more = f" And {len(failing) - 5} more." if len(failing) > 5 else ""
        hint = failing[0].problem.hint if failing[0].problem else ""
        if settings.on_error is OnError.ABORT and len(failing) < len(self.objects):
            hint = f"{hint} Or exclude what can't be read, or use --on-error continue.".strip()
        raise PreflightFailed(
            f"{len(failing)} of {len(self.objects)} objects can't be exported. {words}{more}", hint
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a preflight looks at beyond the settings. `refs`: only these objects, where a task goes on;
    `target_known`: the output directory is the task's own already; `on_disk`: bytes that it has written;
    `marks`: how far its export has read each object (`TYPE:NAME`). Before there is a task, `names` is what
    its files are to be called after, and `run` who may find an earlier run's output at the target.
    `inspect` looks at a target elsewhere and raises what is wrong there; the directory is the spool then.
    `beyond` looks at the machines that parts are read on beside this one: it gives notes, and raises what is
    wrong. `built_here`: the files are all built in the output directory or the spool, before they go anywhere
    else. `connection` leads to the source, where more than one session may be opened."""

    default_database: str | None = None
    refs: tuple[ObjectRef, ...] | None = None
    target_known: bool = False
    on_disk: int = 0
    check: Callable[[], None] = field(default=lambda: None)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    names: Names | None = None
    run: Run | None = None
    inspect: Callable[[], None] | None = None
    beyond: Callable[[Session], Iterable[str]] | None = None
    built_here: bool = True
    connection: Connection | None = None


def preflight(
    session: Session, settings: ExportSettings, output: Path, scope: Scope | None = None
) -> Preflight:
    """Check everything that can be checked without reading a row. Raises NotFound and UsageError where the
    settings mean nothing there, ConnectionLost, and whatever `scope.check` raises; all else is in the
    result."""
    scope = scope or Scope()
    hazards: list[str] = []
    if scope.refs is None:
        resolved = resolve_objects(session, settings, scope.default_database)
        database, wanted = resolved.database, resolved.objects
        hazards += [f"The exclusion {pattern} takes nothing away." for pattern in map(str, resolved.unused)]
    else:
        database = resolve_database(session, settings, scope.default_database)
        wanted = listed(session, database, scope.refs)
    checked = check_objects(session, settings, database, wanted, marks=scope.marks, check=scope.check)
    hazards += _mark_hazards(checked)
    notes = [*session.server.notes]
    if settings.into is None:
        notes += formats.notes(settings, session.dialect)
    problems: list[OfframpError] = []
    if settings.schema.privileges and not session.dialect.grants:
        problems.append(
            UsageError(
                f"Privileges of {session.server.product} aren't exported.", "Leave --schema-privileges out."
            )
        )
    has_data = any(settings.takes_rows(item.ref) for item in checked)
    if settings.into is None and _wants_copy(settings) and not session.dialect.copies:
        problems.append(
            UsageError(
                f"SQL of {session.server.product} has no rows behind COPY: its client can't load them.",
                "Use --sql-rows insert.",
            )
        )
    try:
        notes += session.check_consistency(settings.consistency, settings.lock, has_data)
    except SourceError as error:
        if error.transient:
            raise
        problems.append(error)
    try:
        notes += scope.beyond(session) if scope.beyond is not None else ()
    except OfframpError as error:
        if error.transient:
            raise
        problems.append(error)
    notes += cutting.words(session, settings, checked, scope.connection)
    problems += _apart_in_time(session, settings, checked)
    if settings.content.data and any(
        item.ref.type.has_data and not settings.takes_rows(item.ref) for item in checked
    ):
        notes.append("Of views the schema is exported, not the rows: as INSERTs they couldn't be loaded.")
    if has_data:
        hazards += _time_hazards(session, settings, checked)
    needed = max(0, sum(item.output_bytes for item in checked) - scope.on_disk)
    room_for = needed if scope.built_here else 0
    free: int | None = None
    if settings.into is None:
        known = scope.target_known or scope.inspect is not None
        problems += _wrong_elsewhere(scope.inspect)
        room = look_for_room(output, room_for, settings.files.if_exists, scope.run, known=known)
        free = room.free
        hazards += [room.hazard] if room.hazard else []
        problems += [room.problem] if room.problem else []
        checked = _named(settings, checked, database, scope, problems)
    return Preflight(
        database=database,
        server=session.server,
        objects=tuple(checked),
        needed_bytes=needed,
        free_bytes=free,
        notes=tuple(notes),
        hazards=tuple(hazards),
        problems=tuple(problems),
    )


def _named(
    settings: ExportSettings,
    checked: list[CheckedObject],
    database: str,
    scope: Scope,
    problems: list[OfframpError],
) -> list[CheckedObject]:
    """The same objects, each with what its files will be called, as far as somebody wants to know."""
    if scope.names is None:
        return checked
    try:
        called = file_names(settings, [i.ref for i in checked], replace(scope.names, database=database))
    except OfframpError as error:
        problems.append(error)
        return checked
    return [replace(item, files=called[item.ref]) for item in checked]


def _wants_copy(settings: ExportSettings) -> bool:
    return settings.content.data and settings.format is Format.SQL and settings.sql.rows is SqlRows.COPY


def _mark_hazards(checked: Iterable[CheckedObject]) -> list[str]:
    """Words about the marks of objects, of the first ones where there are many."""
    found = [f"{i.ref}: {text}" for i in checked if i.chosen is not None for text in i.chosen.hazards]
    more = [f"And {len(found) - MOST_HAZARDS} more about marks."] if len(found) > MOST_HAZARDS else []
    return found[:MOST_HAZARDS] + more


def _apart_in_time(
    session: Session, settings: ExportSettings, checked: Iterable[CheckedObject]
) -> Iterable[OfframpError]:
    """What can't be read as of the point in time that everything is to be of."""
    if settings.consistency is not Consistency.TASK or session.queries_join_snapshot:
        return
    apart = [
        item.ref
        for item in checked
        if not item.ref.type.stored or _SUBQUERY.search(settings.where_of(item.ref) or "")
    ]
    if apart:
        what = ", ".join(map(str, apart[:5])) + (f" and {len(apart) - 5} more" if len(apart) > 5 else "")
        yield SnapshotUnavailable(
            f"{session.server.product} reads queries, and what conditions look up, as of now, not as of the "
            f"task's point in time: {what}.",
            "Use --consistency object, or export the tables themselves.",
        )


def _wrong_elsewhere(inspect: Callable[[], None] | None) -> list[OfframpError]:
    try:
        if inspect is not None:
            inspect()
    except OfframpError as error:
        return [error]
    return []


def _time_hazards(
    session: Session, settings: ExportSettings, checked: Iterable[CheckedObject]
) -> Iterable[str]:
    """Words where reading may take longer than the server keeps a snapshot."""
    life = session.snapshot_life()
    if life is None or settings.consistency is Consistency.PART:
        return
    if settings.consistency is Consistency.TASK:
        seconds, what = sum(item.seconds for item in checked), "everything"
    else:
        slowest = max(checked, key=lambda item: item.seconds)
        seconds, what = slowest.seconds, str(slowest.ref)
    if seconds > life:
        yield (
            f"Reading {what} as of one point in time may take {seconds / 60:.0f} min, and the server keeps a "
            f"snapshot for {life / 60:.0f} min: raise that limit first, or choose --consistency part."
        )
