"""Reading only what is new of one object: its parts, and what of them passes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from msgspec.structs import replace

from connectors.base import ReadRequest, Session, TableShape
from connectors.marks import MarkColumn, Marks
from core.chunk import TextChunk
from core.errors import BrokenObject
from core.model.mark import MarkRange, NullMarks
from core.model.settings import ExportSettings
from core.model.task import PartPlan
from core.pipeline.journal import Journal
from core.pipeline.marks import Outlook, conditions_of
from core.pipeline.repeats import Sieve
from core.pipeline.tracked import Tracked

WITHOUT = "rows without a mark"


def both(*terms: str | None) -> str | None:
    """One condition of several, those that are None left out. Each ends with its line, so that a comment in
    it reaches no further."""
    given = [term for term in terms if term is not None]
    return " AND ".join(f"({term}\n)" for term in given) if len(given) > 1 else given[0] if given else None


class Reading(Protocol):
    """What reading an object needs, wherever its rows go."""

    @property
    def session(self) -> Session: ...
    @property
    def settings(self) -> ExportSettings: ...
    @property
    def database(self) -> str: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def log(self) -> logging.Logger: ...
    @property
    def outlook(self) -> Outlook | None: ...


class Fresh:
    """What a run reads of an object whose marks lie within `range`."""

    def __init__(self, ctx: Reading, tracked: Tracked, column: MarkColumn, marks: Marks) -> None:
        self._ctx = ctx
        self._tracked = tracked
        self._column = column
        self._marks = marks

    @classmethod
    def of(cls, ctx: Reading, tracked: Tracked, shape: TableShape) -> Self | None:
        """None where all rows of the object are read. An object that goes on keeps its range, unless its mark
        has been moved since. Within the point in time. Raises BrokenObject."""
        outlook, marks, ref = ctx.outlook, ctx.session.marks, str(shape.ref)
        chosen = outlook.chosen.get(ref) if outlook is not None else None
        if outlook is None or marks is None or chosen is None or chosen.column is None:
            return None
        known = outlook.known.get(ref)
        held = tracked.item.mark
        if tracked.item.begun and (held is None or held.moves != (known.moves if known else 0)):
            tracked.begin_anew()
        made = cls(ctx, tracked, chosen.column, marks)
        if not tracked.item.begun:
            tracked.set(mark=outlook.range_of(ctx.session, ctx.database, shape.ref))
            made._look_for_missing(shape)
        return made

    @property
    def range(self) -> MarkRange:
        held = self._tracked.item.mark
        assert held is not None  # noqa: S101 - set by `of`
        return held

    def _look_for_missing(self, shape: TableShape) -> None:
        """Rows without a mark, as the settings have it."""
        policy = self._ctx.settings.mark.nulls
        if not self._column.nullable or policy is NullMarks.EACH:
            return
        where = self._ctx.settings.where_of(shape.ref)
        missing = self._marks.missing(shape, self._column)
        count = self._marks.ahead(
            self._ctx.database, shape, self._column, both(where, missing) or missing
        ).rows
        if not count:
            return
        words = f"{count} rows have no value in {self._column.name!r}, which is the mark"
        if policy is NullMarks.FAIL:
            raise BrokenObject(
                f"{shape.ref}: {words}: they would never be exported.",
                "Use another column, or --null-marks skip (leave them out) or each (export them every time).",
            )
        self._tracked.set(warnings=(*self._tracked.item.warnings, f"{words}: they were left out."))

    def parts(self, shape: TableShape, rows_per_part: int | None) -> tuple[PartPlan, ...]:
        """What to read: first what the next run won't meet again, cut into parts where `rows_per_part` is
        given; rows without a mark; last what is to be remembered."""
        ctx = self._ctx
        passed, last = conditions_of(self._marks, ctx.database, shape, self._column, self.range)
        parts: list[PartPlan] = []
        if passed is not None:
            parts += [replace(part, where=passed) for part in self._cut(shape, rows_per_part, passed)]
        if self.range.nulls:
            missing = self._marks.missing(shape, self._column)
            parts.append(PartPlan(number=0, where=missing, label=WITHOUT))
        parts.append(PartPlan(number=0, where=last, remember=True, label="what is newest"))
        return tuple(replace(part, number=number) for number, part in enumerate(parts))

    def _cut(self, shape: TableShape, rows_per_part: int | None, passed: str) -> Sequence[PartPlan]:
        # Rows that are the same in all that is exported must meet in one part, to be counted.
        named = {each.name for each in shape.columns}
        if rows_per_part is None or not shape.key or not named.issuperset(shape.key):
            return [PartPlan(number=0)]
        where = self._ctx.settings.where_of(shape.ref)
        return self._ctx.session.split(self._ctx.database, shape, rows_per_part, both(where, passed))

    def sifts(self, request: ReadRequest) -> bool:
        """Whether the rows of a part are looked at one by one."""
        return request.part.remember or self._repeats(request)

    def _repeats(self, request: ReadRequest) -> bool:
        """Whether some of a part's rows may have been exported already. Those without a mark aren't kept in
        mind."""
        outlook = self._ctx.outlook
        known = outlook.known.get(str(request.shape.ref)) if outlook is not None else None
        return known is not None and known.remembered > 0 and request.part.label != WITHOUT

    def passing(self, request: ReadRequest, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        """The rows of a part without those that an earlier run has exported. At its end, what the next run
        is to know is in the journal, and `MarkRange.repeated` set."""
        ref, part = str(request.shape.ref), request.part
        seen = self._ctx.journal.seen(ref) if self._repeats(request) else b""
        sieve = Sieve(seen, remembering=part.remember, what=ref)
        yield from sieve.passing(chunks)
        if part.remember:
            self._ctx.journal.remember(ref, sieve.remembered)
        if sieve.repeated:
            repeated = self.range.repeated + sieve.repeated
            self._tracked.set(mark=replace(self.range, repeated=repeated))
            self._ctx.log.info("%s: %d rows had been exported already", ref, sieve.repeated)
