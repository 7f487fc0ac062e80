"""The tables `[engine]` and `[retry]` of the settings file: how long engine and workers wait for what.

[engine]
lease_seconds = 15            # an engine that has been silent for so long is taken over
renew_seconds = 5             # how often one says that it lives (a fifth of that earlier or later)
distrust_seconds = 2          # how much earlier than others it stops believing in itself
claim_seconds = 30            # a task whose worker hasn't begun by then goes back to the queue
abort_grace_seconds = 15      # a worker that was asked to end has so long before it is killed
idle_minutes = 10             # an engine in the background ends after so long without anything to do
missed_hours = 24             # a periodic run that nobody served is made up for within that time
progress_seconds = 1          # how often a worker stores its progress
log_mib = 256                 # a task's log is kept whole up to this size
part_processes = 4            # processes that read parts of an object at once (many files), where an
                              # export doesn't say; by default no more than there are processors

[retry]                       # the pauses before errors that pass are tried again
first_seconds = 30            # the first pause
factor = 4                    # each one is so many times the one before,
longest_minutes = 30          # but no longer than that,
jitter_percent = 20           # and longer or shorter by up to so much of itself
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import msgspec

from core.errors import InvalidValue


def _within(limits: Mapping[str, tuple[float, float]], values: msgspec.Struct, table: str) -> None:
    """Raises InvalidValue for the first value that is outside of its limits."""
    for key, (least, most) in limits.items():
        value = getattr(values, key)
        # TOML knows inf and nan.
        if not isfinite(value) or not least <= value <= most:
            raise InvalidValue(f"{table}.{key} {value:g} is not between {least:g} and {most:g}.")


class EnginePreferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[engine]`, as this module's head explains it; the units are in the names."""

    lease_seconds: float = 15.0
    renew_seconds: float = 5.0
    distrust_seconds: float = 2.0
    claim_seconds: float = 30.0
    abort_grace_seconds: float = 15.0
    idle_minutes: float = 10.0
    missed_hours: float = 24.0
    progress_seconds: float = 1.0
    log_mib: int = 256
    part_processes: int = 4

    LIMITS = {
        "lease_seconds": (1, 3600),
        "renew_seconds": (0.1, 1200),
        "distrust_seconds": (0.1, 600),
        "claim_seconds": (1, 3600),
        "abort_grace_seconds": (0, 3600),
        "idle_minutes": (0.01, 10080),
        "missed_hours": (0, 8784),
        "progress_seconds": (0.1, 60),
        "log_mib": (32, 65536),
        "part_processes": (1, 64),
    }

    def __post_init__(self) -> None:
        _within(self.LIMITS, self, "engine")
        # The jitter makes a renewal up to a fifth later; one that is missed must not cost the lease.
        if self.lease_seconds - self.distrust_seconds < 2 * self.renew_seconds:
            raise InvalidValue(
                f"engine.renew_seconds {self.renew_seconds:g} is too long for a lease of "
                f"{self.lease_seconds:g} s that is distrusted {self.distrust_seconds:g} s early.",
                "What is left of the lease then must be at least twice as long as renew_seconds.",
            )


class RetryPreferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[retry]`, as this module's head explains it. How often is a setting of each export."""

    first_seconds: float = 30.0
    factor: float = 4.0
    longest_minutes: float = 30.0
    jitter_percent: float = 20.0

    LIMITS = {
        "first_seconds": (0.1, 86400),
        "factor": (1, 100),
        "longest_minutes": (0.01, 1440),
        "jitter_percent": (0, 90),
    }

    def __post_init__(self) -> None:
        _within(self.LIMITS, self, "retry")
        if self.longest_minutes * 60 < self.first_seconds:
            raise InvalidValue(
                f"retry.longest_minutes {self.longest_minutes:g} is shorter than the first pause of "
                f"{self.first_seconds:g} s.",
                "Make it longer, or first_seconds shorter.",
            )
