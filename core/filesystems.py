"""Which file system holds a directory, and whether locks there can be trusted.

Linux tells in /proc/self/mountinfo (proc(5)). The names there say more than statfs(2), whose f_type is the
same for every file system in user space. Elsewhere nothing is told, and only trying locks says anything.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

# Locks over a network are not to be relied on (https://www.sqlite.org/howtocorrupt.html, 2.1), and on
# several hosts at once a store would have several engines that see nothing of each other's locks.
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smb2", "smbfs", "9p", "afs", "ncpfs", "coda", "ceph", "lustre", "gpfs"}
    | {"beegfs", "panfs", "pvfs2", "orangefs", "glusterfs", "gfs", "gfs2", "ocfs2", "davfs", "vboxsf"}
)
_NETWORK_IN_USER_SPACE = frozenset(
    {"sshfs", "glusterfs", "s3fs", "rclone", "gcsfuse", "curlftpfs", "davfs2", "ceph", "ceph-fuse"}
    | {"cephfs", "smbnetfs", "gvfsd-fuse", "juicefs", "mfs", "moosefs", "goofys", "mount-s3", "blobfuse"}
    | {"blobfuse2", "nfs", "fuse-nfs", "hdfs", "beegfs", "vmhgfs-fuse", "kbfs", "ipfs", "quobyte", "afp"}
)
_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class FileSystem:
    """`kind` as the system names it (`ext4`, `nfs4`, `fuse.sshfs`), mounted at `point`."""

    kind: str
    point: str

    @property
    def network(self) -> bool:
        """Whether other machines may have the same files."""
        name = self.kind.partition(".")[2]
        return self.kind in _NETWORK or (self.kind.startswith("fuse.") and name in _NETWORK_IN_USER_SPACE)

    @property
    def in_memory(self) -> bool:
        """Whether what it holds is gone after a restart."""
        return self.kind in _MEMORY


def file_system(directory: Path) -> FileSystem | None:
    """The file system of a directory, or of what of its path exists; None where the system doesn't tell."""
    place = Path(os.path.realpath(directory))
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
        device = place.stat().st_dev
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    best: tuple[bool, int, FileSystem] | None = None
    for line in lines:
        # proc(5): id, parent, major:minor, root, mount point, options, optional fields, "-", type, …
        fields = line.split(" ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if place.is_relative_to(point):
            # Some (btrfs) tell another device of a file than of its mount; then the nearest mount counts.
            # Of two at one place the later hides the earlier.
            found = FileSystem(fields[fields.index("-") + 1], point)
            rank = (fields[2] == wanted, len(point))
            if best is None or rank >= best[:2]:
                best = (*rank, found)
    return best[2] if best is not None else None
