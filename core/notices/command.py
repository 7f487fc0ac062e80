"""A shell command that gets the task as JSON on its standard input."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from typing import Any

from core.errors import NotDelivered

SECONDS = 60.0
_SAID = 300  # characters of what it printed that are shown


def run(line: str, data: bytes, task: dict[str, Any], seconds: float = SECONDS) -> str:
    """Run `line` in a shell at the root directory. OFFRAMP_TASK, OFFRAMP_NAME and OFFRAMP_STATUS are in its
    environment too. Raises NotDelivered where it can't be run, ends with another status than 0, or doesn't
    end; then its process group is killed."""
    environment = {
        **os.environ,
        "OFFRAMP_TASK": str(task["id"]),
        "OFFRAMP_NAME": str(task["name"]),
        "OFFRAMP_STATUS": str(task["status"]),
    }
    # Files and no pipes: neither a command that doesn't read nor what it leaves running can hold anybody up.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write(data)
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S602 - a shell command is what the user gave, in their own words
                line,
                shell=True,
                stdin=given,
                stdout=printed,
                stderr=printed,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise NotDelivered(
                f"The command can't be started: {error.strerror or error}.", again=True
            ) from None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            # Not reaped yet, so the group's number is still its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise NotDelivered(
                f"The command didn't end within {seconds:g} s.", "What takes long goes into the background."
            ) from None
        said = _last_words(printed)
    if status:
        how = f"status {status}" if status > 0 else f"signal {-status}"
        raise NotDelivered(f"The command ended with {how}{said}.", again=True)
    return f"the command ended well{said}"


def _last_words(printed: Any) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - 4 * _SAID))
    text = printed.read().decode("utf-8", "replace").strip()
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[-_SAID:]
    return f": {line.rstrip('.')}" if line else ""
