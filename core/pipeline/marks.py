"""Which column tells what is new of an object, and from where to where a run reads.

The order of the steps, and why a floor is safe, stands in `connectors.marks`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.base import Session, TableShape
from connectors.marks import MarkColumn, Marks, OpenTransactions
from core.errors import BrokenObject, InvalidValue, UsageError
from core.model.mark import (
    Distances,
    Mark,
    MarkKind,
    MarkPoint,
    MarkRange,
    NullMarks,
    Window,
    back,
    distances,
    greatest,
    least,
)
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectType

# What lies between taking a number and being listed as a transaction, and the grain of a server's times.
MARGIN = timedelta(seconds=2)
# A point this near needn't be waited for: what is looked at again since then is little.
NEAR = timedelta(seconds=60)
# Where the server doesn't tell of open transactions, or one is older than anything that is known.
BLIND = Distances(number=10_000, time=timedelta(hours=1))
# Programs give times by their own clocks, and before they commit.
CLOCKS = timedelta(seconds=60)
POINTS = 200

_UPDATED = ("updat", "modif", "chang", "touch", "mtime")
_MADE = ("creat", "insert", "added", "logged", "ctime", "_ts", "timestamp")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What tells what is new of an object; `column` None: nothing, all of its rows are taken every time."""

    shape: TableShape
    column: MarkColumn | None
    hazards: tuple[str, ...] = ()


def choose(
    session: Session, settings: ExportSettings, database: str, shape: TableShape, known: Mark | None
) -> Chosen | None:
    """The mark of an object as the settings name it, as its stored mark has it, or the most fitting one.
    None where all rows are asked for. Raises UsageError where there is none, or it can't be one."""
    if settings.window is Window.ALL:
        return None
    ref, held = shape.ref, settings.mark
    named = held.columns.get(ref.name, held.columns.get(str(ref)))
    if named == "":
        return Chosen(shape, None)
    if session.marks is None or ref.type is ObjectType.QUERY:
        raise UsageError(
            f"What is new of {ref} can't be told by a mark.",
            f"Take all of it every time (--mark '{ref.name}='), or leave it out.",
        )
    found = {column.name: column for column in session.marks.columns(database, shape)}
    if named is None and held.column is not None and held.column in found:
        named = held.column
    if named is None and known is not None:
        named = known.column
    column = found.get(named) if named is not None else proposed(found.values())
    if column is None:
        raise _unfit(ref, named, shape, found)
    if known is not None and known.column != column.name:
        raise UsageError(
            f"{ref} has been read by its mark {known.column!r}, and is to be read by {column.name!r} now.",
            f"Begin anew: offramp export mark {known.export} --forget {ref.name}",
        )
    return Chosen(shape, column, tuple(hazards(settings, column, known)))


def proposed(columns: Iterable[MarkColumn]) -> MarkColumn | None:
    """The most fitting one: a number that the server gives, a key that is one, a time that it sets with each
    change, one that is called so."""
    found = list(columns)

    def first(fits: Callable[[MarkColumn], bool]) -> MarkColumn | None:
        fitting = [column for column in found if fits(column)]
        return min(fitting, key=lambda c: (c.nullable, not c.indexed), default=None)

    def called(words: Iterable[str]) -> Callable[[MarkColumn], bool]:
        return lambda c: c.kind is MarkKind.TIME and any(word in c.name.lower() for word in words)

    return (
        first(lambda c: c.automatic)
        or first(lambda c: c.kind is MarkKind.NUMBER and c.unique and not c.nullable and "(" not in c.type)
        or first(lambda c: c.touched)
        or first(called(_UPDATED))
        or first(called(_MADE))
    )


def _unfit(
    ref: ObjectRef, named: str | None, shape: TableShape, found: Mapping[str, MarkColumn]
) -> UsageError:
    all_rows = f"or take all of it every time: --mark '{ref.name}='."
    if named is None:
        able = ", ".join(found) or "none"
        return UsageError(
            f"{ref} has no column that is plainly a mark (those that could be: {able}).",
            f"Name one: --mark {ref.name}=COLUMN; {all_rows}",
        )
    if any(column.name == named for column in shape.columns):
        return UsageError(
            f"Column {named!r} of {ref} can't be a mark: marks are whole numbers, decimals, dates and times.",
            f"Name another: --mark {ref.name}=COLUMN; {all_rows}",
        )
    return UsageError(
        f"{ref} has no column {named!r} among those that are exported.",
        f"Its mark must be one of them; {all_rows}",
    )


def hazards(settings: ExportSettings, column: MarkColumn, known: Mark | None) -> Iterable[str]:
    """Words about what may go wrong with a mark."""
    name = f"mark {column.name}"
    if not column.indexed:
        yield f"{name} has no index: each run reads the whole table to find what is new."
    if column.nullable:
        what = {
            NullMarks.FAIL: "the object fails while there are rows without it",
            NullMarks.SKIP: "rows without it are left out",
            NullMarks.EACH: "rows without it are exported by every run",
        }[settings.mark.nulls]
        yield f"{name} may be NULL: {what}."
    if column.coarse:
        yield f"{name} is coarse ({column.coarse}): each run looks again at rows with the newest value."
    elif not column.unique and known is None:
        yield f"{name} isn't unique: each run looks again at rows with the newest value."
    if column.kind is MarkKind.NUMBER and not column.touched:
        if not column.automatic:
            yield f"{name} isn't given by the server: a row with a smaller one than the last is missed."
        yield f"{name} stays when a row is changed: changed and deleted rows don't show."
    elif not column.touched:
        yield f"{name} isn't set by the server at each change: whoever writes must set it."
    yield from column.hazards


# How far to read


@dataclass(slots=True)
class Outlook:
    """What was asked before the point in time was fixed: of each object (`TYPE:NAME`) the chosen mark, how
    far it has been read, the newest value; and what may still be committed, by the kind of marks it matters
    to."""

    settings: ExportSettings
    chosen: Mapping[str, Chosen]
    known: Mapping[str, Mark]
    points: dict[str, MarkPoint] = field(default_factory=dict)
    opened: dict[MarkKind, OpenTransactions | None] = field(default_factory=dict)

    def look(
        self,
        session: Session,
        database: str,
        refs: Iterable[ObjectRef],
        *,
        check: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        """Ask for what must be known before the point in time of these is fixed. Waits for `MARGIN` where
        that makes the next run look at less again. Raises what `check` raises."""
        marks = session.marks
        newest: dict[str, str | None] = {}
        kinds: set[MarkKind] = set()
        for ref in refs:
            chosen = self.chosen.get(str(ref))
            if marks is None or chosen is None or chosen.column is None:
                continue
            check()
            newest[str(ref)] = marks.newest(database, chosen.shape, chosen.column)
            kinds.add(chosen.column.kind)
        if marks is None or marks.in_order or not newest:
            return
        for kind in sorted(kinds):
            opened = marks.open_transactions(kind)
            self.opened[kind] = opened
            if opened is None:
                log.warning(
                    "This account isn't told of open transactions: the next run looks again at %s.",
                    "the last hour" if kind is MarkKind.TIME else f"the last {BLIND.number:,} numbers",
                )
        told = [opened for opened in self.opened.values() if opened is not None]
        if not told:
            return
        now = max(opened.now for opened in told)
        self.points = {ref: MarkPoint(at=now, value=value) for ref, value in newest.items()}
        if any(now - self._last(ref) > NEAR for ref in newest):
            _wait(MARGIN.total_seconds(), check)
            for kind in sorted(kinds):
                self.opened[kind] = marks.open_transactions(kind)

    def _last(self, ref: str) -> datetime:
        """When the newest point of earlier runs was."""
        known = self.known.get(ref)
        points = known.points if known is not None else ()
        return max((point.at for point in points), default=datetime.min.replace(tzinfo=UTC))

    def range_of(self, session: Session, database: str, ref: ObjectRef) -> MarkRange | None:
        """From where to where to read, as of the session's point in time. None for all rows. Raises
        BrokenObject where the newest value can't be a mark."""
        chosen = self.chosen.get(str(ref))
        if chosen is None or chosen.column is None or session.marks is None:
            return None
        column, known = chosen.column, self.known.get(str(ref))
        try:
            newest = session.marks.newest(database, chosen.shape, column)
            high = greatest([newest, known.value if known else None], column.kind)
            low = known.floor if known else None
            floor, points = self._floor(session.marks, str(ref), column.kind, high)
            floor = greatest([low, floor], column.kind)
        except InvalidValue as error:
            raise BrokenObject(f"{ref}: mark {column.name!r}: {error.message}", error.hint) from None
        return MarkRange(
            column=column.name,
            kind=column.kind,
            moves=known.moves if known else 0,
            before=known.value if known else None,
            low=low,
            above=known.above if known else False,
            high=high,
            floor=floor,
            points=points,
            nulls=self.settings.mark.nulls is NullMarks.EACH and column.nullable,
        )

    def _floor(
        self, marks: Marks, ref: str, kind: MarkKind, high: str | None
    ) -> tuple[str | None, tuple[MarkPoint, ...]]:
        """From where the next run has to look again, before what is behind the last run's; and the points
        that later runs may choose from."""
        if high is None:
            point = self.points.get(ref)
            return None, (point,) if point is not None else ()
        wanted = distances(self.settings.mark.overlap)
        if wanted.time is None:
            wanted = Distances(wanted.number, CLOCKS)
        asked = back(high, kind, wanted)
        if marks.in_order:
            return asked, ()
        known, opened = self.known.get(ref), self.opened.get(kind)
        points = known.points if known is not None else ()
        if (point := self.points.get(ref)) is not None:
            points = (*points, point)
        if opened is None:
            return least([asked, back(high, kind, BLIND)], kind), ()
        safe = (min(opened.since, opened.now) if opened.since else opened.now) - MARGIN
        before = [point for point in points if point.at <= safe]
        kept = _thinned((*before[-1:], *(point for point in points if point.at > safe)))
        if before:
            return least([asked, before[-1].value], kind), kept
        # Something has been open for longer than anything is known: what an earlier run kept in mind stays.
        if known is not None and known.moves:
            return known.floor, kept
        newest = greatest([point.value for point in points], kind)
        return least([asked, back(newest if newest is not None else high, kind, BLIND)], kind), kept


def _thinned(points: tuple[MarkPoint, ...]) -> tuple[MarkPoint, ...]:
    """Every other one but the first, where there are many."""
    while len(points) > POINTS:
        points = (points[0], *points[1::2])
    return points


def _wait(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(0.1, left))


def conditions_of(
    marks: Marks, database: str, shape: TableShape, column: MarkColumn, held: MarkRange
) -> tuple[str | None, str]:
    """Predicates for what the next run won't meet again (None for nothing), and for what it will."""
    passed = None
    if held.floor is not None and held.floor != held.low:
        passed = marks.condition(database, shape, column, held.low, held.floor, above=held.above, below=True)
    low = held.floor if held.floor is not None else held.low
    above = held.above and low == held.low
    return passed, marks.condition(database, shape, column, low, held.high, above=above)
