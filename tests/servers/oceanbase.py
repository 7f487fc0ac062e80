"""A private OceanBase server (seekdb, from the pylibseekdb wheel) on a socket.

The library starts the server as a process of its own; it lives as long as the instance that opened it. That
instance is held by a small child process, so that neither's end can hurt pytest.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from core.model.vocabulary import Mode
from tests.needs import missing
from tests.servers.family import MysqlFamilyServer

INSTALL = "pip install pylibseekdb"

# Says the socket on a line, then holds the server until its stdin ends. `-P`: nothing from the current directory.
_HOLDER = """
import json, sys
import pylibseekdb
instance = pylibseekdb.open(db_dir=sys.argv[1])
print(json.dumps(instance.connection_options()), flush=True)
sys.stdin.read()
instance.close()
"""


class OceanbaseServer(MysqlFamilyServer):
    """`user` is root without a password, and so is `admin()`."""

    product = "oceanbase"
    mode = Mode.OCEANBASE
    user = "root"
    password = ""

    def __init__(self, memory: str | None = None) -> None:
        """`memory` is what it may use for its caches and buffers ("4G"), where its own gigabyte isn't enough:
        how large a cache may become is settled when it starts, so that it is started twice."""
        if importlib.util.find_spec("pylibseekdb") is None:
            missing("OceanBase (pylibseekdb)", INSTALL)
        self._directory = Path(tempfile.mkdtemp(prefix="offramp-oceanbase-"))
        self._log = (self._directory / "holder.log").open("wb")
        self._start()
        if memory is not None:
            self.run(f"ALTER SYSTEM SET memory_budget = '{memory}'")
            self._end()
            self._start()
        self.run("SET GLOBAL max_allowed_packet = 1073741824")

    def _start(self) -> None:
        self._holder = subprocess.Popen(
            [sys.executable, "-P", "-c", _HOLDER, str(self._directory / "db")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        assert self._holder.stdout is not None
        line = self._holder.stdout.readline()
        if not line:
            raise RuntimeError((self._directory / "holder.log").read_text())
        self.socket = json.loads(line)["unix_socket"]

    @property
    def pid(self) -> int:
        """The process that serves, and holds the library."""
        return self._holder.pid

    def close(self) -> None:
        self._end()
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end(self) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._holder.send_signal(signal.SIGKILL)
            self._holder.wait()
