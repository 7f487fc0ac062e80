"""Lines that fetch a task's files from another machine, as a shell there takes them."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.locations import HOME_VARIABLE

# Where a shell that nobody logs in to, such as the one that ssh starts for a command, looks for programs.
USUAL = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True)
class Host:
    """`name` of this machine for lines to copy; `told`: by the settings file, so that it is known to be what
    others call it."""

    name: str
    told: bool


def host_of(ssh_host: str | None) -> Host:
    """`ssh_host` is the preference of that name."""
    return Host(ssh_host or socket.gethostname(), told=ssh_host is not None)


def ssh_line(host: Host, task: int, environment: Mapping[str, str] = os.environ) -> str:
    """Streams the files and unpacks them where the line is run. A home of one's own goes along: a shell that
    ssh starts for one command may know neither that variable nor where programs were installed."""
    command = f"{shlex.quote(_program())} download {task} --to -"
    if home := environment.get(HOME_VARIABLE):
        path = str(Path(home).expanduser().absolute())
        command = f"{HOME_VARIABLE}={shlex.quote(path)} {command}"
    # The shell over there takes the line apart once more.
    whole = command if shlex.join(shlex.split(command)) == command else shlex.quote(command)
    return f"ssh {shlex.quote(host.name)} {whole} | tar x"


def rsync_line(host: Host, directory: str) -> str:
    """Copies the directory into the one where the line is run, and goes on where it was cut off. `-s` keeps
    the shell over there from taking the path apart (rsync 3.0)."""
    return f"rsync -a -s --partial {shlex.quote(f'{host.name}:{directory}')} ."


def _program() -> str:
    """This command as it is called: by its name where every shell finds it, else by its path."""
    here = Path(sys.argv[0]).absolute()
    return str(here) if here.name == "offramp" and str(here.parent) not in USUAL else "offramp"
