"""No core dumps of processes that hold passwords.

A dump would be a file with everything that was in memory, made in a directory of the system's choosing. The
hard limit is set too, so that nothing here raises it again; programs that collect dumps by a pipe
(systemd-coredump, apport) heed it. Processes stay dumpable in the sense of prctl(2): a debugger of the same
user may look into one that hangs, as it could into that user's files.
"""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """For this process and those that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
