"""What was looked into before a task reads, in its log."""

from __future__ import annotations

import logging

from core.model.settings import ExportSettings
from core.pipeline.preflight import Preflight


def tell(found: Preflight, settings: ExportSettings, objects: int, log: logging.Logger) -> None:
    """Write down what was found, and how many objects there are. Raises what keeps the task from beginning,
    after all that can't be read was named."""
    for text in found.notes:
        log.info("%s", text)
    for text in found.hazards:
        log.warning("%s", text)
    for item in found.failing:
        log.error("%s: %s", item.ref, item.problem)
    found.raise_for_problems(settings)
    rows = f", about {found.total_rows} rows" if found.rows_known else ""
    log.info("%d object%s%s", objects, "" if objects == 1 else "s", rows)
