"""The engine's numbers, all in seconds but where said otherwise: their defaults, and as the settings file has
them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec

from core import preferences
from core.locations import Locations
from core.preferences import Preferences
from core.store.retry import Backoff
from core.tasklog import LONGEST


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """`lease`: how long a silent engine is believed in; `renew`: how often one speaks, give or take
    `renew_jitter` of it; `distrust`: how much earlier than others it stops believing in itself.
    `claim`: how long a claimed task waits for its worker to take hold; `grace`: how long a worker has to
    end by itself. `tick` and `idle_tick`: how often the engine looks whether anything has changed, with and
    without a task in a slot; `look` and `idle_look`: how often it looks at everything though nothing has,
    likewise, since time passes. `idle`: an engine in the background ends after so long without anything to
    do; `soon`: draining waits for tasks scheduled within that time. `patience`: how long the store's lock is
    waited for. `housekeeping`: how often old tasks and logs are looked for; `missed`: a periodic run that
    came due while nothing served is made up for within that time, and is only noted later; `keep_tasks` and
    `keep_logs`: how long they are kept after a task's end, `keep_history` what became of runs of saved
    exports, None for always. `progress`: how often a worker stores its progress; `log_bytes`: up to which
    size a task's log is kept whole. `part_processes`: how many processes read parts of an object at once,
    where its export doesn't say. `notify`: who is told of the end of tasks whose exports don't say. `spool`
    is the directory in which output is built that goes elsewhere, None for the home's own.
    """

    lease: float = 15.0
    renew: float = 5.0
    renew_jitter: float = 0.2
    distrust: float = 2.0
    claim: float = 30.0
    grace: float = 15.0
    tick: float = 0.25
    idle_tick: float = 0.5
    look: float = 1.0
    idle_look: float = 2.0
    idle: float = 600.0
    soon: float = 60.0
    patience: float = 3.0
    housekeeping: float = 3600.0
    missed: timedelta = timedelta(hours=24)
    keep_tasks: timedelta | None = timedelta(days=30)
    keep_logs: timedelta | None = timedelta(days=14)
    keep_history: timedelta | None = timedelta(days=365)
    backoff: Backoff = Backoff()
    progress: float = 1.0
    log_bytes: int = LONGEST
    part_processes: int = 4
    notify: tuple[str, ...] = ()
    spool: str | None = None

    def spool_in(self, locations: Locations) -> Path:
        """Where output is built that goes elsewhere: the directory that was chosen, else the home's own."""
        return Path(self.spool) if self.spool is not None else locations.spool


def configured(locations: Locations) -> Numbers:
    """The numbers as the settings file has them. Raises InvalidDefinition."""
    return chosen(preferences.load(locations))


def chosen(settings: Preferences) -> Numbers:
    """The numbers that a person has set, else the defaults."""
    engine, retry = settings.engine, settings.retry
    return Numbers(
        lease=engine.lease_seconds,
        renew=engine.renew_seconds,
        distrust=engine.distrust_seconds,
        claim=engine.claim_seconds,
        grace=engine.abort_grace_seconds,
        idle=engine.idle_minutes * 60,
        missed=timedelta(hours=engine.missed_hours),
        progress=engine.progress_seconds,
        log_bytes=engine.log_mib << 20,
        part_processes=engine.part_processes,
        notify=settings.notify,
        spool=settings.spool,
        keep_tasks=timedelta(days=settings.keep_tasks_days) if settings.keep_tasks_days else None,
        keep_logs=timedelta(days=settings.keep_logs_days) if settings.keep_logs_days else None,
        keep_history=timedelta(days=settings.keep_history_days) if settings.keep_history_days else None,
        backoff=Backoff(
            first=retry.first_seconds,
            factor=retry.factor,
            longest=retry.longest_minutes * 60,
            jitter=retry.jitter_percent / 100,
        ),
    )
