"""What a test needs of the machine: skipped with the line that installs it, and failed in CI."""

from __future__ import annotations

import os
import shutil

import pytest

# What a tool is called, and the line that brings it.
INSTALL = {
    "sshfs": "apt-get install sshfs",
    "sqlite3": "apt-get install sqlite3",
    "sshd": "apt-get install openssh-server",
    "ssh": "apt-get install openssh-client",
    "tmux": "apt-get install tmux",
    "cc": "apt-get install gcc libc6-dev",
    "systemctl": "apt-get install systemd",
    "crontab": "apt-get install cron",
    "cron": "apt-get install cron",
}
# Daemons are not on everybody's path.
PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")


def missing(what: str, install: str) -> None:
    """Skip the test, or fail it where a missing server must not pass unseen (CI)."""
    words = f"{what} is not installed: {install}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


def tool(name: str) -> str:
    """The path of a tool named in `INSTALL`; the test is skipped, or fails, without it."""
    found = shutil.which(name, path=PATH)
    if found is None:
        missing(name, INSTALL[name])
    return str(found)
