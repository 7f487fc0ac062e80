"""Where a host keeps Offramp's files when the home isn't fit for that: on a network file system.

The home then holds `hosts.json`, which names a local directory for each host that has one:

{"version": 1, "hosts": {"<machine-id>": {"name": "jump1", "home": "/var/tmp/offramp-ann"}}}
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from core.errors import StoreError

FILE = "hosts.json"
_MACHINE_ID = Path("/etc/machine-id")


def this_host() -> str:
    """What tells this machine from others: its machine-id(5), else its name."""
    try:
        found = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or platform.node() or "localhost"


def remembered(home: Path) -> Path | None:
    """The directory that stands for `home` on this host; None where none was chosen. Raises StoreError
    where the file that says so can't be read."""
    path = home / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from None
    entry = _hosts(path, text).get(this_host())
    return None if entry is None else Path(entry["home"])


def remember(home: Path, directory: Path) -> None:
    """From now on `directory` stands for `home` on this host; other hosts keep theirs. Raises StoreError."""
    path = home / FILE
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        hosts = _hosts(path, text) if text else {}
        hosts[this_host()] = {"name": platform.node(), "home": str(directory)}
        draft = path.with_name(f"{FILE}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "hosts": hosts}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{str(path)!r} can't be written: {error}.", "Check rights and space there."
        ) from None


def _hosts(path: Path, text: str) -> dict[str, dict[str, str]]:
    try:
        tree = json.loads(text)
        hosts = tree["hosts"]
        if tree["version"] == 1 and all(Path(entry["home"]).is_absolute() for entry in hosts.values()):
            return dict(hosts)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise _unreadable(path, "it isn't what Offramp writes there")


def _unreadable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{str(path)!r}, which names each host's own directory, can't be read: {why}.",
        "Mend it, or move it away and choose this host's directory again.",
    )
