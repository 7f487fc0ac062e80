"""What is checked of a Dask cluster before anything is read: that its workers can do what this machine can.

They have to be there, with the same Offramp and the source's driver, to get the passwords and into the
database, and to see the files where this machine sees them: that is shown by files which are written here and
read there, and the other way round, and removed again.
"""

from __future__ import annotations

import importlib.metadata
import platform
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.base import Session, Sharing
from connectors.elsewhere import Elsewhere, RemoteFiles
from core.cluster.client import open_client
from core.cluster.looking import SECONDS, Look, Looked, beside, look, not_shared, written
from core.cluster.width import MOST
from core.errors import (
    OfframpError,
    OutputError,
    PreflightFailed,
    SecretError,
    SnapshotUnavailable,
    Unreachable,
    UsageError,
    raised_again,
)
from core.model.cluster import scheduler_of
from core.model.connection import Connection
from core.model.secret import FileSecret, KeyringSecret, SecretRef
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency
from core.secrets import describe

if TYPE_CHECKING:
    from distributed import Client

PACKAGE = "offramp"
# How many machines try to get into the database: each is a session more on its server.
ENTERING = 4
# How long all workers together may take, who give up before that.
ANSWER_SECONDS = SECONDS + 15.0


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """Looks at the cluster that settings ask for. `elsewhere` is the way to a destination that isn't local,
    and `path` the task's directory there."""

    connection: Connection
    settings: ExportSettings
    elsewhere: Elsewhere | None = None
    path: str = ""

    def __call__(self, session: Session, directory: Path) -> list[str]:
        """Notes about the cluster. `session` is open on the source; `directory` is a local one that is there,
        in which a task without `elsewhere` builds. Raises what is wrong: UsageError, SnapshotUnavailable,
        SecretError, PreflightFailed, OutputError; Unreachable (transient) where scheduler or workers don't
        answer."""
        scheduler = scheduler_of(self.settings)
        if scheduler is None:
            return []
        check_source(session, self.settings, self.connection)
        check_secret(self.connection.secret, f"connection {self.connection.name!r}")
        if self.elsewhere is not None:
            check_secret(self.elsewhere.destination.secret, self.elsewhere.destination.whose)
        patience = float(self.connection.connect_timeout)
        with open_client(scheduler, "offramp-preflight", patience) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"]
            if not workers:
                raise Unreachable(
                    f"The Dask cluster at {scheduler} has no workers.", f"Start some: dask worker {scheduler}"
                )
            _check_versions(client)
            hosts: dict[str, str] = {}
            for address in sorted(workers):
                hosts.setdefault(workers[address]["host"], address)
            self._exchange(client, directory, tuple(hosts.values())[: self.connection.readers(ENTERING)])
            threads = sum(worker["nthreads"] for worker in workers.values())
            at_once = self.connection.readers(self.settings.files.parts or min(threads, MOST))
            return [
                f"Parts are read by the Dask cluster at {scheduler}: {_count(len(workers), 'worker')} with "
                f"{_count(threads, 'thread')} on {_count(len(hosts), 'machine')}, {at_once} at once."
            ]

    def _exchange(self, client: Client, directory: Path, enter: tuple[str, ...]) -> None:
        """Have each worker read what is written here, and read here what each has written."""
        content = secrets.token_hex(32)
        with _probes(self.elsewhere, self.path, directory) as probes:
            name = f".offramp-probe-{secrets.token_hex(8)}"
            probes.write(name, content)
            wanted = Look(
                connection=self.connection,
                destination=self.elsewhere.destination if self.elsewhere is not None else None,
                directory=probes.directory,
                name=name,
                content=content,
                enter=enter,
            )
            answers = _run(client, look, msgspec.json.encode(wanted))
            found = {
                address: msgspec.json.decode(said, type=Looked)
                for address, said in answers.items()
                if isinstance(said, bytes)
            }
            for answer in found.values():
                if answer.wrote is not None:
                    probes.seen(answer.wrote, content)
        broken = {address: said for address, said in answers.items() if address not in found}
        if broken:
            kind = type(next(iter(broken.values()))).__name__
            raise PreflightFailed(
                f"Offramp can't be used {_at(broken, answers)} ({kind}).",
                f"Install the same there: pip install '{PACKAGE}=={importlib.metadata.version(PACKAGE)}'.",
            )
        _raise_first(found)


def check_source(session: Session, settings: ExportSettings, connection: Connection) -> None:
    """Raises UsageError for a source that only this machine sees; SnapshotUnavailable where other sessions
    can't come to the same point in time."""
    if connection.path:
        raise UsageError(
            f"{connection.path} is a file on this machine: a cluster's workers can't read it.",
            "Use --engine local.",
        )
    if settings.consistency is not Consistency.PART and session.sharing is not Sharing.SNAPSHOT:
        raise SnapshotUnavailable(
            f"The workers of a Dask cluster can't read {session.server.product} as of one point in time.",
            "Use --consistency part, or --engine local.",
        )


def check_secret(ref: SecretRef | None, whose: str) -> None:
    """Raises SecretError where a password can only be had on this machine."""
    if isinstance(ref, FileSecret | KeyringSecret):
        raise SecretError(
            f"The password of {whose} is kept on this machine ({describe(ref)}); workers can't have it.",
            "Keep it in an environment variable that is set where they are started (--password-env), or "
            "behind a command that they can run (--password-command).",
        )


def _check_versions(client: Client) -> None:
    """Raises PreflightFailed where workers lack Offramp, or have another one, or another Python."""
    here = importlib.metadata.version(PACKAGE)
    # By functions of the standard library, which are there where Offramp isn't.
    versions = _run(client, importlib.metadata.version, PACKAGE)
    missing = [a for a, said in versions.items() if isinstance(said, importlib.metadata.PackageNotFoundError)]
    same = f"Install the same there: pip install '{PACKAGE}=={here}'."
    if missing:
        raise PreflightFailed(f"Offramp isn't installed {_at(missing, versions)}.", same)
    others = {address: str(said) for address, said in versions.items() if said != here}
    if others:
        there = ", ".join(sorted(set(others.values())))
        raise PreflightFailed(f"Offramp is {there} {_at(others, versions)}, and {here} here.", same)
    own = _minor(platform.python_version())
    pythons = _run(client, platform.python_version)
    apart = {address: _minor(said) for address, said in pythons.items() if _minor(said) != own}
    if apart:
        there = ", ".join(sorted(set(apart.values())))
        raise PreflightFailed(
            f"Python is {there} {_at(apart, pythons)}, and {own} here.", f"Start the workers by Python {own}."
        )


def _minor(version: object) -> str:
    return ".".join(str(version).split(".")[:2])


def _run(client: Client, function: Callable[..., object], *args: object) -> dict[str, Any]:
    """What a function gives on each worker, or the exception that it raises there, by address. Raises
    Unreachable."""
    try:
        found: dict[str, Any] = client.run(
            function, *args, on_error="return", callback_timeout=ANSWER_SECONDS
        )
    except (OSError, TimeoutError) as error:
        raise Unreachable(
            f"The workers of the Dask cluster don't answer ({type(error).__name__}).",
            "See its dashboard, or the log of the scheduler.",
        ) from error
    silent = {address: said for address, said in found.items() if isinstance(said, OSError | TimeoutError)}
    if silent:
        kind = type(next(iter(silent.values()))).__name__
        raise Unreachable(f"No answer comes ({kind}) {_at(silent, found)}.", "See the log of the workers.")
    return found


def _raise_first(found: Mapping[str, Looked]) -> None:
    """Raises what is wrong on most workers, and says on which."""
    groups: dict[str, dict[str, Looked]] = {}
    for address, answer in found.items():
        if answer.error is not None:
            groups.setdefault(answer.error.message, {})[address] = answer
    if not groups:
        return
    worst = max(groups.values(), key=len)
    said = next(iter(worst.values())).error
    if said is not None:
        error = raised_again(said)
        where = _at(worst, found)
        error.message = f"{where[0].upper()}{where[1:]}: {error.message}"
        raise error


def _at(some: Mapping[str, object] | list[str], known: Mapping[str, object]) -> str:
    """`on 2 of 4 workers of the Dask cluster (tcp://a:1, tcp://b:1)`."""
    names = ", ".join(sorted(some)[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
    which = f"all {len(known)}" if len(some) == len(known) else f"{len(some)} of {len(known)}"
    return f"on {which} workers of the Dask cluster ({names})" if len(known) > 1 else f"on the worker {names}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# Files that come and go


class _Probes:
    """In a local directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)
        self._names: list[str] = []

    def write(self, name: str, content: str) -> None:
        self._names.append(name)
        try:
            Path(self.directory, name).write_text(content)
        except OSError as error:
            raise OutputError(f"{self.directory} can't be written: {error.strerror}.") from None

    def seen(self, name: str, content: str) -> None:
        """What a worker says that it has written must be here. Raises OutputError."""
        self._names.append(name)
        try:
            found = Path(self.directory, name).read_text()
        except FileNotFoundError:
            found = ""
        except OSError as error:
            raise OutputError(
                f"What a worker writes in {self.directory} can't be read here: {error.strerror}.",
                "Run the workers under the same account.",
            ) from None
        if found != content:
            raise not_shared(self.directory)

    def close(self) -> None:
        for name in self._names:
            with suppress(OSError):
                Path(self.directory, name).unlink(missing_ok=True)


class _RemoteProbes:
    """Beside a directory of a destination."""

    def __init__(self, files: RemoteFiles, path: str) -> None:
        self._files = files
        self.directory = _above(files, path)
        self._names: list[str] = []

    def write(self, name: str, content: str) -> None:
        self._names.append(name)
        if not self.directory:
            self._files.make_directory("")
        with written(content) as source:
            self._files.put(beside(self.directory, name), source, lambda _: None)

    def seen(self, name: str, content: str) -> None:
        """Raises OutputError."""
        self._names.append(name)
        path = beside(self.directory, name)
        if self._files.status(path) is None or b"".join(self._files.read(path)) != content.encode():
            raise not_shared(self._files.where(self.directory))

    def close(self) -> None:
        for name in self._names:
            with suppress(OfframpError):
                self._files.remove(beside(self.directory, name))


def _above(files: RemoteFiles, path: str) -> str:
    """The directory in which that of the task is made; the nearest above it that is there, where directories
    have to be."""
    above = path.rpartition("/")[0]
    while files.renames and above and files.status(above) is None:
        above = above.rpartition("/")[0]
    return above


@contextmanager
def _probes(elsewhere: Elsewhere | None, path: str, directory: Path) -> Iterator[_Probes | _RemoteProbes]:
    """At its end they are removed."""
    if elsewhere is None:
        made = _Probes(directory)
        try:
            yield made
        finally:
            made.close()
        return
    with elsewhere.connect() as files:
        there = _RemoteProbes(files, path)
        try:
            yield there
        finally:
            there.close()
