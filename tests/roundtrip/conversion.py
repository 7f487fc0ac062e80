"""The conversion that the head of a file asks for, done as it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

_TOLD = re.compile(r"convert the file first, (.* FILE > FILE\.utf8)\n")


def convert_as_told(directory: Path) -> int:
    """Run the command that each SQL file names in its head, and put what comes out in the file's place.
    Gives how many files there were; fails where a head names none."""
    manifest = json.loads((directory / "manifest.json").read_text())
    paths = [directory / path for path in manifest["load"]]
    for path in paths:
        head = path.read_bytes()[:2000].replace(b"\0", b"").decode("latin-1")
        told = _TOLD.search(head)
        assert told, head[:200]
        name = shlex.quote(path.name)
        command = told[1].replace("FILE.utf8", f"{name}.utf8").replace("FILE", name)
        subprocess.run(["sh", "-c", command], cwd=path.parent, check=True)
        (path.parent / f"{path.name}.utf8").replace(path)
    return len(paths)
