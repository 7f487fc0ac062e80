"""How a task runs: one attempt, from its claim to its outcome in the journal."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import Source
from core import faults
from core.errors import Aborted, ErrorInfo, LostClaim, OfframpError, StoreError
from core.faults import Point
from core.pipeline import states
from core.pipeline.attempt import Attempt
from core.pipeline.cancel import Cancel
from core.pipeline.crew import Processes
from core.pipeline.crews import Beyond, Crews
from core.pipeline.disk import Disk
from core.pipeline.journal import Journal
from core.pipeline.reading import incomplete

if TYPE_CHECKING:
    from core.pipeline.delivery import Delivery
    from core.pipeline.into.attempt import IntoAttempt
    from core.pipeline.into.there import Elsewhere


def run_task(
    journal: Journal,
    source: Source,
    *,
    log: logging.Logger,
    cancel: Cancel,
    disk: Callable[[Path], Disk] = Disk,
    crews: Crews = Processes(),  # noqa: B008 - frozen
    delivery: Delivery | None = None,
    beyond: Beyond | None = None,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Run one attempt of the journal's task and tell the journal how it ended.

    What earlier attempts have left is used where that gives the same result. `cancel` may be requested from
    any thread. `disk` makes the file seam for a root directory; `crews` makes those who read parts of an
    object at once, `beyond` looks at them before; `delivery` is the way to a destination elsewhere,
    `elsewhere` that to the database that rows go into, where they do. Raises LostClaim and StoreError only:
    then nothing is published any more, and the journal can't be told.
    """
    attempt: Attempt | IntoAttempt | None = None
    try:
        if elsewhere is not None:
            from core.pipeline.into.attempt import IntoAttempt  # noqa: PLC0415 - few tasks need it

            attempt = IntoAttempt(journal, source, elsewhere, log, cancel)
        else:
            attempt = Attempt(
                journal, source, log, cancel, disk, crews=crews, delivery=delivery, beyond=beyond
            )
        manifest = attempt.run()
    except (LostClaim, StoreError):
        raise
    except OfframpError as error:
        aborted = isinstance(error, Aborted) or (
            cancel.requested and not (attempt is not None and attempt.forward)
        )
        failure = Aborted("Aborted on request.") if aborted else error
        _end(journal, attempt, failure.info(), log)
    except Exception as error:
        # The one place that keeps a bug from passing for a lost worker, which would be tried again.
        log.error("Unexpected: %s", type(error).__name__, exc_info=True)
        _end(journal, attempt, _internal(error), log)
    else:
        failure_after = incomplete(manifest)
        faults.reached(Point.FINISH_NEXT)
        journal.finish(
            failure_after.info() if failure_after else None,
            published=True,
            files=[entry for entry in manifest.files if entry.object is None],
        )
        faults.reached(Point.FINISHED)
        if failure_after is None:
            log.info("completed")
        else:
            log.error("%s", failure_after)


def _end(
    journal: Journal, attempt: Attempt | IntoAttempt | None, error: ErrorInfo, log: logging.Logger
) -> None:
    """The end of an attempt that didn't publish."""
    aborted = error.code == Aborted.code
    if attempt is not None:
        if aborted:
            objects = [item if item.done else states.killed(item) for item in journal.objects()]
            journal.plan(objects, journal.task().snapshot)
        attempt.clean_up(keep_useful=not aborted)
        faults.reached(Point.CLEANED)
    log.log(logging.WARNING if aborted else logging.ERROR, "%s", f"{error.message} {error.hint}".rstrip())
    journal.finish(error, published=attempt is not None and attempt.published)


def _internal(error: Exception) -> ErrorInfo:
    """Words for a bug. Its own message may hold anything, a password too, so only its place is told."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return ErrorInfo(
        code="internal",
        message=f"Offramp itself failed: {type(error).__name__}{place}.",
        hint="Please report it, with the task's log.",
    )
