"""The checks before rows go into another database: those of any task, and what is done to each table
there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.structs import replace as replaced

from connectors.base import Session
from connectors.targets import Definition, Step, TableJob, Work
from core.errors import OfframpError, OutputDamaged, UsageError
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Mode, ObjectRef, ObjectType, SchemaFlavour
from core.pipeline.checked import CheckedObject
from core.pipeline.into.steps import Made, Wanted, describes, step_of
from core.pipeline.into.there import There
from core.pipeline.points import ended_after
from core.pipeline.preflight import Preflight, Scope, preflight
from core.pipeline.record import Recorded, record
from core.pipeline.resolve import in_order

_WORDS = {
    Work.CREATE: "is made there",
    Work.APPEND: "takes the rows beside its own",
    Work.ROWS: "takes the rows in the place of its own",
    Work.TABLE: "gives way to a new one",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What the checks found. `steps` are those of objects without a problem, by object."""

    found: Preflight
    steps: dict[ObjectRef, Made]

    def in_order(self) -> list[tuple[ObjectRef, Step]]:
        """Each step after those that it needs."""
        return [(i.ref, self.steps[i.ref].step) for i in self.found.objects if i.ref in self.steps]


def definition_settings(settings: ExportSettings, product: str, there: There) -> ExportSettings:
    """Between servers of the MySQL family that aren't the same, definitions are asked for without what only
    one of them knows."""
    if there.family != "mysql" or product == there.product:
        return settings
    return replaced(settings, schema=replaced(settings.schema, flavour=SchemaFlavour.MYSQL))


def look(
    session: Session,
    settings: ExportSettings,
    scope: Scope,
    *,
    source: str,
    connection: Connection,
    there: There,
) -> Looked:
    """Everything that can be checked without reading a row or writing there. `source` is the family of the
    source behind `connection`. Raises what `preflight` raises."""
    settings = definition_settings(settings, session.server.product, there)
    found = preflight(session, settings, Path(), scope)
    problems = list(found.problems)
    if _same(connection, there) and found.database == there.database:
        problems.append(
            UsageError(
                f"Rows of {found.database!r} would go into {found.database!r} itself.",
                "Name another database.",
            )
        )
        return Looked(replace(found, problems=tuple(problems)), {})
    checked: list[CheckedObject] = []
    steps: dict[ObjectRef, Made] = {}
    with _point_for_settling(session, source, there):
        for number, item in enumerate(found.objects):
            scope.check()
            if _stays_behind(settings, source, there, item.ref):
                continue
            if item.problem is not None:
                checked.append(item)
                continue
            try:
                recorded = record(session, settings, found.database, item.ref)
                wanted = wanted_of(
                    session, settings, recorded, number, source=source, database=found.database, there=there
                )
                made = step_of(settings, source, found.database, there, wanted)
            except OfframpError as error:
                if error.transient:
                    raise
                checked.append(replace(item, problem=error))
                continue
            steps[item.ref] = made
            checked.append(replace(item, warnings=(*item.warnings, *made.notes), files=()))
    checked = _by_foreign_keys(there, checked, steps)
    found = replace(
        found,
        objects=tuple(checked),
        problems=tuple(problems),
        notes=(*found.notes, *_notes(settings, there, steps)),
        hazards=(*found.hazards, *_hazards(there, steps)),
    )
    return Looked(found, steps)


def _by_foreign_keys(
    there: There, checked: list[CheckedObject], steps: dict[ObjectRef, Made]
) -> list[CheckedObject]:
    """The objects in an order in which rows find the rows there that they refer to, and the steps of tables
    that are linked so marked."""

    def known(name: str) -> str:
        return name.casefold() if there.folds else name

    jobs = {known(m.step.name): ref for ref, m in steps.items() if isinstance(m.step, TableJob)}
    needs: dict[ObjectRef, tuple[ObjectRef, ...]] = {item.ref: item.needs for item in checked}
    for name, ref in jobs.items():
        step = steps[ref].step
        if isinstance(step, TableJob) and not step.work.makes:
            parents = {known(parent) for parent in there.parents(step.name)} - {name}
            inner = [jobs[parent] for parent in parents if parent in jobs]
            needs[ref] = (*needs[ref], *inner)
            for linked in (ref, *inner) if inner else ():
                made = steps[linked]
                if isinstance(made.step, TableJob):
                    steps[linked] = replace(made, step=replace(made.step, linked=True))
    by_ref = {item.ref: item for item in checked}
    return [by_ref[ref] for ref in in_order(needs)]


def _stays_behind(settings: ExportSettings, source: str, there: There, ref: ObjectRef) -> bool:
    """An index of a table that is made by rules, where nobody asked for that index."""
    return ref.type is ObjectType.INDEX and settings.all_objects and source != there.family


def wanted_of(
    session: Session,
    settings: ExportSettings,
    recorded: Recorded,
    number: int,
    *,
    source: str,
    database: str,
    there: There,
) -> Wanted:
    """An object of the source. Within a point in time where the source has to look at values."""
    rows = settings.takes_rows(recorded.ref)
    shape = recorded.shape
    if shape is not None and rows and _settles(source, there):
        shape = session.settle(database, shape)
    return Wanted(number, recorded.ref, shape, recorded.ddl, rows)


def _settles(source: str, there: There) -> bool:
    """Whether types are a matter of values: where each has its own, and goes to where a column has one."""
    return source == Mode.SQLITE and there.family != Mode.SQLITE


@contextmanager
def _point_for_settling(session: Session, source: str, there: There) -> Iterator[None]:
    if not _settles(source, there):
        yield
        return
    session.begin()
    with ended_after(session):
        yield


def _same(connection: Connection, there: There) -> bool:
    """Whether both connections lead to the same server, as far as their settings tell."""
    other = there.connection
    places = [
        (c.path, c.host, c.port, c.unix_socket, c.database if c.mode is Mode.POSTGRESQL else None)
        for c in (connection, other)
    ]
    return places[0] == places[1]


def _notes(settings: ExportSettings, there: There, steps: dict[ObjectRef, Made]) -> Iterator[str]:
    if settings.into is None:
        return
    yield f"Rows go into {describes(settings.into, there)}."
    counts: dict[Work, list[str]] = {}
    for made in steps.values():
        if isinstance(made.step, TableJob):
            counts.setdefault(made.step.work, []).append(made.step.name)
    for work, names in counts.items():
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield f"Each of these {_WORDS[work]}: {listed}." if len(names) > 1 else f"{listed} {_WORDS[work]}."
    by_rules = [
        m.step.name
        for m in steps.values()
        if isinstance(m.step, TableJob) and m.step.work.makes and m.step.ddl is None
    ]
    if by_rules and settings.content.schema:
        yield (
            "Tables are made by the rules for types: columns, NOT NULL and primary key; other indexes,"
            " defaults and foreign keys stay behind."
        )


def _hazards(there: There, steps: dict[ObjectRef, Made]) -> Iterator[str]:
    """What others there will notice."""
    works = {made.step.work for made in steps.values() if isinstance(made.step, TableJob)}
    replaced_objects = any(isinstance(made.step, Definition) and made.step.replace for made in steps.values())
    if Work.TABLE in works or replaced_objects:
        if there.family == "postgresql":
            yield "Who uses the tables that give way waits until all rows are there: they are dropped first."
        else:
            yield "Triggers of tables that give way go with them, and rights where the server says so."
    if there.family == "sqlite" and there.session is not None:
        yield "Programs that write to the file wait until all rows are there."


def check_rows_kept(ref: ObjectRef, read: int, there: int) -> None:
    """Raises OutputDamaged where not every row that was read is there."""
    if read != there:
        raise OutputDamaged(
            f"{ref}: {read} rows were read and {there} are there.",
            "A trigger or a rule of the table may leave rows out: nothing of this task was published.",
        )
