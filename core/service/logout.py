"""What systemd does with a user's processes when they log out.

logind.conf(5): `KillUserProcesses` in the section [Login], with `KillOnlyUsers` and `KillExcludeUsers`; a
main file and drop-ins, which are taken in the order of their names from all directories together, one of
the same name in a directory of higher rank hiding the others. loginctl(1): who lingers is spared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Of falling rank: systemd's own order for its configuration.
_RANKS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd")
_TRUE = frozenset({"yes", "y", "true", "t", "on", "1"})
_SETTING = re.compile(r"\s*(#?)\s*(KillUserProcesses|KillOnlyUsers|KillExcludeUsers)\s*=\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class LogOut:
    """`kills`: whether the user's processes are ended when they log out; `lingers`: whether they have been
    spared; `source` is the file that says so, None for systemd's default."""

    kills: bool
    lingers: bool
    source: Path | None

    @property
    def harmless(self) -> bool:
        return self.lingers or not self.kills


def log_out(user: str, root: Path = Path("/")) -> LogOut | None:
    """As configured below `root`; None where systemd doesn't run."""
    if not (root / "run/systemd/system").exists():
        return None
    kills, source = False, None
    only: list[str] = []
    spared = ["root"]
    for file in _files(root):
        for key, value, default in _settings(file):
            match key:
                case "KillUserProcesses" if default:
                    # The main file shows in a comment what was chosen when systemd was built.
                    kills = value.lower() in _TRUE
                case "KillUserProcesses":
                    kills, source = value.lower() in _TRUE, file
                case "KillOnlyUsers" if not default:
                    only = only + value.split() if value else []
                case "KillExcludeUsers" if not default:
                    spared = spared + value.split() if value else []
    affected = kills and user not in spared and (not only or user in only)
    lingers = (root / "var/lib/systemd/linger" / user).exists()
    return LogOut(affected, lingers, source)


def _files(root: Path) -> list[Path]:
    """The main file of the highest rank, then the drop-ins by their names."""
    mains = (root / rank / "logind.conf" for rank in _RANKS)
    found = [file for file in mains if file.is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for rank in reversed(_RANKS):
        for file in (root / rank / "logind.conf.d").glob("*.conf"):
            drop_ins[file.name] = file
    return found + [drop_ins[name] for name in sorted(drop_ins)]


def _settings(file: Path) -> list[tuple[str, str, bool]]:
    """Key, value, and whether it only shows the default."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return []
    section, found = "", []
    for line in lines:
        if line.strip().startswith("["):
            section = line.strip()
        elif section == "[Login]" and (match := _SETTING.fullmatch(line)):
            found.append((match[2], match[3], bool(match[1])))
    return found
