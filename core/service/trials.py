"""What is kept of trying a connection or a destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.model.trees import utc_text

if TYPE_CHECKING:
    from connectors.base import TestStep


def recorded(
    steps: Iterator[TestStep],
    more: Iterator[TestStep] | None,
    keep: Callable[[dict[str, object]], None],
) -> Iterator[TestStep]:
    """The steps of a test as they come, and those of `more` if all of them went well; after the last one its
    outcome is kept: when, whether all went well, and the steps."""
    seen: list[TestStep] = []
    for run in (steps, more):
        if run is None or not all(step.ok for step in seen):
            continue
        for step in run:
            seen.append(step)
            yield step
    keep(
        {
            "when": utc_text(datetime.now(UTC)),
            "ok": bool(seen) and all(step.ok for step in seen),
            "steps": [{"name": s.name, "ok": s.ok, "detail": s.detail} for s in seen],
        }
    )
