"""What starts the engine after a reboot: a unit of systemd's user manager, or a line of the crontab.

Whoever asks deals with a `Boot` (`boot.py`) only; `systemd.py` and `crontab.py` are the two ways.
"""

from core.service.boot.boot import Boot, Change, State, starts_after_reboot

__all__ = ["Boot", "Change", "State", "starts_after_reboot"]
