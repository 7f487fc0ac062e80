"""When an export runs by itself because there is new data: what is said of it, and what is known of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.errors import InvalidValue

LONGEST = 7 * 86_400


class Watch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All in seconds. `probe_every`: how often the source is asked whether anything has changed; `settle`:
    how long after a change a run begins, so that what belongs together comes together; `min_interval`: from
    the beginning of a run to that of the next at least. `paused` keeps it from running without forgetting
    it."""

    probe_every: int = 60
    settle: int = 10
    min_interval: int = 60
    paused: bool = False

    def __post_init__(self) -> None:
        for name, least in (("probe_every", 1), ("settle", 0), ("min_interval", 0)):
            value = getattr(self, name)
            if not least <= value <= LONGEST:
                raise InvalidValue(
                    f"{name.replace('_', ' ')} of {value} s can't be.",
                    f"Use {least} s to {LONGEST // 86_400} days.",
                )

    @property
    def running(self) -> Watch:
        """The same, not paused."""
        return msgspec.structs.replace(self, paused=False)


class WatchState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a watched source. `looked`: when it last answered; `seen`: the sign of change that it
    gave then, `exported` the one as of the last run that completed, `begun` as of the last that was started,
    at `started`, by task `task`. `changed`: since when something new is known. `failures` counts the looks
    that failed since one succeeded, `failed_runs` the runs, the last of them `failed_task`; `error` says
    why, in words."""

    looked: datetime | None = None
    seen: str | None = None
    exported: str | None = None
    begun: str | None = None
    started: datetime | None = None
    task: int | None = None
    changed: datetime | None = None
    failures: int = 0
    failed_runs: int = 0
    failed_task: int | None = None
    error: str = ""
