"""Which time zone this machine is in, by its name in the IANA database."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import InvalidValue
from core.model.schedule import zone_of

LOCALTIME = Path("/etc/localtime")


def local_zone() -> str:
    """The zone that TZ names, else the one that /etc/localtime is a link to (localtime(5)); UTC where neither
    tells: TZ may also be a rule without a name, and the file a copy."""
    named = os.environ.get("TZ")
    if named is None:
        _, _, named = os.path.realpath(LOCALTIME).partition("/zoneinfo/")
    name = named.removeprefix(":").removeprefix("posix/")
    try:
        zone_of(name)
    except InvalidValue:
        return "UTC"
    return name
