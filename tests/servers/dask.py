"""A Dask cluster on loopback: a scheduler and workers, each a process of `dask` as people start them.

Workers run without a nanny, so that one that is killed stays away until another is started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from distributed import Client

import core
from tests.servers.mariadb import end_with_parent

START_SECONDS = 90
# An interpreter that has no packages but those of `without`.
BARE = (sys.executable, "-S", "-P")


def without(directory: Path, *names: str, offramp: bool) -> dict[str, str]:
    """The environment of an interpreter (-S) that has all that is installed here, but for these."""
    packages = directory / "packages"
    packages.mkdir(parents=True)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        name = path.name.lower()
        if not name.startswith(("__editable__", *names)) and (offramp or not name.startswith("offramp")):
            (packages / path.name).symlink_to(path)
    places = [str(packages), *([str(Path(core.__file__).parents[1])] if offramp else [])]
    return {"PYTHONPATH": os.pathsep.join(places)}


class DaskCluster:
    """`address` is the scheduler's. What processes print stands in `directory`. `environment` is that of the
    workers beside the suite's own; `python` is how they are started. Use as a context, or `close` it."""

    def __init__(
        self,
        directory: Path,
        workers: int = 2,
        *,
        environment: Mapping[str, str] | None = None,
        nthreads: int = 1,
        python: Sequence[str] = (sys.executable, "-P"),
        protocol: str = "tcp",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._environment = {**os.environ, **(environment or {})}
        self._nthreads = nthreads
        self._python = tuple(python)
        self._made = 0
        self.workers: list[subprocess.Popen[bytes]] = []
        told = directory / "scheduler.json"
        self.scheduler = self._start(
            "scheduler",
            (sys.executable, "-P"),
            "--host", "127.0.0.1", "--port", "0", "--protocol", protocol, "--no-dashboard", "--no-show",
            "--scheduler-file", str(told),
        )  # fmt: skip
        try:
            self.address = self._address(told)
            for _ in range(workers):
                self.add_worker(wait=False)
            self.wait(workers)
        except BaseException:
            self.close()
            raise

    def _start(self, name: str, python: Sequence[str], *args: str) -> subprocess.Popen[bytes]:
        command = (*python, "-m", "dask", name.partition("-")[0], *args)
        with (self.directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env=self._environment,
                preexec_fn=end_with_parent,  # noqa: PLW1509
            )  # fmt: skip

    def _address(self, told: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while self.scheduler.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, KeyError):
                return str(json.loads(told.read_text())["address"])
            time.sleep(0.05)
        raise RuntimeError(f"The scheduler didn't start:\n{self.log()}")

    def add_worker(
        self,
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
        python: Sequence[str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start one more; with `wait` it is known to the scheduler when this returns."""
        self._made += 1
        before = dict(self._environment)
        self._environment |= environment or {}
        try:
            made = self._start(
                f"worker-{self._made}",
                python or self._python,
                self.address, "--nworkers", "1", "--nthreads", str(self._nthreads), "--no-nanny",
                "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0", "--name", f"w{self._made}",
                "--local-directory", str(self.directory / f"scratch-{self._made}"), "--death-timeout", "60",
            )  # fmt: skip
        finally:
            self._environment = before
        self.workers.append(made)
        if wait:
            self.wait(sum(worker.poll() is None for worker in self.workers))
        return made

    def wait(self, workers: int, seconds: float = START_SECONDS) -> None:
        """Until the scheduler knows exactly so many workers."""
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while (known := len(client.scheduler_info(n_workers=-1)["workers"])) != workers:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{known} workers instead of {workers}:\n{self.log()}")
                time.sleep(0.05)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Dask's own, to look what there is; it isn't set as anybody's default."""
        with Client(self.address, set_as_default=False, timeout=START_SECONDS) as client:
            yield client

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """As by `kill -9`; it counts no more from then on."""
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def stop_scheduler(self, sig: signal.Signals = signal.SIGKILL) -> None:
        self.scheduler.send_signal(sig)
        self.scheduler.wait(30)

    def log(self) -> str:
        """What all of them have printed."""
        return "\n".join(
            f"{path.name}:\n{path.read_text(errors='replace')}"
            for path in sorted(self.directory.glob("*.log"))
        )

    def close(self) -> None:
        """End all by their ids: asked, workers wait for a scheduler that goes as well."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
