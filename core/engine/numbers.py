"""The engine's numbers, all in seconds but where said otherwise."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from core.store.retry import Backoff


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """`lease`: how long a silent engine is believed in; `renew`: how often one speaks, give or take
    `renew_jitter` of it; `distrust`: how much earlier than others it stops believing in itself.
    `claim`: how long a claimed task waits for its worker to take hold; `grace`: how long a worker has to
    end by itself. `tick` and `idle_tick`: how often the engine looks whether anything has changed, with and
    without a task in a slot; `idle_look`: how often it looks at the queue though nothing has. `idle`: an
    engine in the background ends after so long without anything to do; `soon`: draining waits for tasks
    scheduled within that time. `patience`: how long the store's lock is waited for. `housekeeping`: how
    often old tasks and logs are looked for; `keep_tasks` and `keep_logs`: how long they are kept after a
    task's end, None for always.
    """

    lease: float = 15.0
    renew: float = 5.0
    renew_jitter: float = 0.2
    distrust: float = 2.0
    claim: float = 30.0
    grace: float = 15.0
    tick: float = 0.25
    idle_tick: float = 0.5
    idle_look: float = 2.0
    idle: float = 600.0
    soon: float = 60.0
    patience: float = 3.0
    housekeeping: float = 3600.0
    keep_tasks: timedelta | None = timedelta(days=30)
    keep_logs: timedelta | None = timedelta(days=14)
    backoff: Backoff = Backoff()
