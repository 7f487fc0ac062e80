"""What a preflight found, in few words however many objects there are: the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import OfframpError
from core.model.settings import ExportSettings
from core.service import words
from tui.look import Glyphs
from tui.runs import Line, join, run, wrap

if TYPE_CHECKING:
    from core.pipeline.checked import CheckedObject
    from core.pipeline.preflight import Preflight

FEW = 6


@dataclass(frozen=True, slots=True)
class Findings:
    """`stops`: the task would fail before it reads. `failing` are objects that can't be read, `more` how many
    beyond the first few. `unknown`: the server has no estimate for some that are read."""

    stops: bool
    problems: tuple[str, ...]
    failing: tuple[str, ...]
    more: int
    hazards: tuple[str, ...]
    objects: str
    rows: int | None
    unknown: bool
    needed_bytes: int
    free_bytes: int | None
    server: str
    notes: tuple[str, ...]


def findings_of(found: Preflight, settings: ExportSettings) -> Findings:
    """To be made in a thread: it looks at every object."""
    failing = found.failing
    objects = words.count(len(found.objects), "object")
    if failing:
        objects = f"{len(found.objects) - len(failing)} of {objects}"
    return Findings(
        stops=_stops(found, settings),
        problems=tuple(f"{problem.message} {problem.hint}" for problem in found.problems),
        failing=tuple(
            f"{item.ref}: {item.problem.message}" if item.problem else str(item.ref) for item in failing[:FEW]
        ),
        more=max(0, len(failing) - FEW),
        hazards=found.hazards,
        objects=objects,
        rows=found.total_rows if settings.content.data else None,
        unknown=settings.content.data and _unknown(found, settings),
        needed_bytes=found.needed_bytes,
        free_bytes=found.free_bytes,
        server=f"{found.server.product} {found.server.version}",
        notes=(*found.notes, *_warnings(found.objects)),
    )


def _unknown(found: Preflight, settings: ExportSettings) -> bool:
    return any(item.rows is None and settings.takes_rows(item.ref) for item in found.objects)


def _stops(found: Preflight, settings: ExportSettings) -> bool:
    try:
        found.raise_for_problems(settings)
    except OfframpError:
        return True
    return False


def _warnings(objects: tuple[CheckedObject, ...]) -> Iterator[str]:
    said = [f"{item.ref}: {text}" for item in objects for text in item.warnings]
    yield from said[:FEW]
    if len(said) > FEW:
        yield f"And {len(said) - FEW:,} more notes; the manifest will have them all."


def preflight_lines(
    found: Findings | None, error: OfframpError | None, columns: int, glyphs: Glyphs
) -> Iterator[Line]:
    """Neither: it is being made."""
    if error is not None:
        yield from _marked(f"{error.message} {error.hint}", "bad", columns, glyphs.bad)
        return
    if found is None:
        yield run("Preflight: asking the server ...", "dim")
        return
    stops = found.stops
    for text in found.problems:
        yield from _marked(text, "bad", columns, glyphs.bad)
    for text in found.failing:
        yield from _marked(text, "bad" if stops else "warn", columns, glyphs.bad if stops else glyphs.warn)
    if found.more:
        yield run(f"  and {found.more:,} more that can't be read", "bad" if stops else "warn")
    for text in found.hazards:
        yield from _marked(text, "warn", columns, glyphs.warn)
    mark = " " if stops else glyphs.good
    yield from _marked(estimate(found, glyphs), "" if stops else "good", columns, mark)
    for text in found.notes:
        yield from _marked(text, "dim", columns, " ")


def estimate(found: Findings, glyphs: Glyphs) -> str:
    """`11 of 12 objects readable, ≈85,000,000 rows, 9.1 GB of 212 GB free; SQLite 3.40.1`."""
    pieces = [f"{found.objects} readable"]
    if found.rows is not None:
        known = f"{glyphs.about}{found.rows:,} rows"
        if found.unknown:
            known = f"{known} and others unknown" if found.rows else "rows unknown"
        pieces.append(known)
    free = f" of {words.size(found.free_bytes)} free" if found.free_bytes is not None else ""
    pieces.append(f"{glyphs.about}{words.size(found.needed_bytes)}{free}")
    return f"{', '.join(pieces)}; {found.server}"


def _marked(text: str, role: str, columns: int, mark: str) -> Iterator[Line]:
    for index, line in enumerate(wrap(text.strip(), max(10, columns - 2))):
        yield join(
            run(mark if index == 0 else " ", role), run(" "), run(line, "" if role == "good" else role)
        )
