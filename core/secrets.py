"""Passwords: where they are kept, and how a reference becomes one.

A reference (`core.model.secret`) may be stored and shown; a password is had from it where it is used, each
time anew, and goes nowhere else: no message here carries one, nor what a command printed.
"""

from __future__ import annotations

import fcntl
import os
import re
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import msgspec

from core.errors import SecretError
from core.locations import Locations
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret, KeyringSecret, SecretRef

KEYRING_SERVICE = "offramp"
COMMAND_SECONDS = 30.0
LONGEST_PASSWORD = 64 << 10
_MADE = re.compile(r":(?P<made>\d{8}T\d{6}Z):[0-9a-f]{8}$")


class _Kept(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The secrets file. Never in a message: its repr would show everything."""

    version: int = 1
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{len(self.secrets)} secrets>"


def resolve(ref: SecretRef | None, locations: Locations, *, seconds: float = COMMAND_SECONDS) -> str | None:
    """The password that `ref` leads to, None for no reference. A command has `seconds` to print it.
    Raises SecretError, which names the reference and never what it led to."""
    if ref is None:
        return None
    if isinstance(ref, FileSecret):
        kept = _read(locations.secrets).secrets
        if ref.key not in kept:
            raise SecretError(
                f"The secrets file has no password {ref.key!r}.", "Give it again: offramp connection add."
            )
        return kept[ref.key]
    if isinstance(ref, EnvironmentSecret):
        value = os.environ.get(ref.variable)
        if value is None:
            raise SecretError(
                f"Environment variable {ref.variable!r} with the password isn't set.",
                "It counts where it is used: for tasks that is the program that runs the engine "
                "(set it and start offramp --headless there).",
            )
        return value
    if isinstance(ref, CommandSecret):
        return _from_command(ref.command, seconds)
    return _from_keyring(ref.user)


def describe(ref: SecretRef | None) -> str:
    """A reference in words, for people."""
    if ref is None:
        return "none"
    if isinstance(ref, FileSecret):
        return "in the secrets file"
    if isinstance(ref, EnvironmentSecret):
        return f"environment variable {ref.variable}"
    if isinstance(ref, CommandSecret):
        return f"command: {ref.command}"
    return f"keyring: {KEYRING_SERVICE} / {ref.user}"


def store_password(locations: Locations, key: str, password: str) -> FileSecret:
    """Keep a password in the secrets file under `key`, instead of what was there. Raises SecretError."""
    with _locked(locations):
        kept = _read(locations.secrets)
        kept.secrets[key] = password
        _write(locations.secrets, kept)
    return FileSecret(key=key)


def store_in_keyring(user: str, password: str) -> KeyringSecret:
    """Keep a password in the operating system's keyring. Raises SecretError."""
    keyring = _keyring()
    try:
        keyring.set_password(KEYRING_SERVICE, user, password)
    except keyring.errors.KeyringError as error:
        raise _keyring_failed(error) from None
    return KeyringSecret(user=user)


def forget(locations: Locations, ref: SecretRef | None) -> None:
    """Remove what Offramp itself keeps behind a reference; nothing where it keeps nothing. Raises
    SecretError where the secrets file or the keyring can't be changed."""
    if isinstance(ref, FileSecret):
        if not locations.secrets.exists():
            return
        with _locked(locations):
            kept = _read(locations.secrets)
            if kept.secrets.pop(ref.key, None) is not None:
                _write(locations.secrets, kept)
    elif isinstance(ref, KeyringSecret):
        keyring = _keyring()
        try:
            with suppress(keyring.errors.PasswordDeleteError):  # it isn't there (any more)
                keyring.delete_password(KEYRING_SERVICE, ref.user)
        except keyring.errors.KeyringError as error:
            raise _keyring_failed(error) from None


def new_key(purpose: str, now: datetime) -> str:
    """A key that nothing else has, from which `sweep` reads how old it is."""
    return f"{purpose}:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}:{os.urandom(4).hex()}"


def sweep(locations: Locations, before: datetime, used: Callable[[], set[SecretRef | None]]) -> int:
    """Remove passwords with keys of `new_key` from before that time which nothing refers to; `used` tells
    what is referred to, and is asked only if there are any. Younger ones may belong to something that is
    being made just now. How many went. Raises SecretError."""
    limit = f"{before.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    old = {key for key in kept_keys(locations) if (found := _MADE.search(key)) and found["made"] < limit}
    gone = {key for key in old if FileSecret(key=key) not in used()} if old else old
    if gone:
        with _locked(locations):
            kept = _read(locations.secrets)
            kept.secrets = {key: value for key, value in kept.secrets.items() if key not in gone}
            _write(locations.secrets, kept)
    return len(gone)


def kept_keys(locations: Locations) -> tuple[str, ...]:
    """The keys of the secrets file, sorted. Raises SecretError."""
    return tuple(sorted(_read(locations.secrets).secrets))


def keyring_backend() -> str | None:
    """The name of the keyring that would be used, None where none works here."""
    try:
        backend = _keyring().get_keyring()
    except SecretError:
        return None
    return None if type(backend).__module__.endswith(".fail") else str(backend.name)


# The file


@contextmanager
def _locked(locations: Locations) -> Iterator[None]:
    """One writer at a time. The lock is a file of its own, since the secrets file itself is replaced."""
    locations.ensure()
    try:
        descriptor = os.open(locations.secrets_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SecretError(f"The secrets file can't be locked: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> _Kept:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return _Kept()
    except OSError as error:
        raise SecretError(f"Secrets file {str(path)!r} can't be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        _check_mode(path, descriptor)
        data = file.read()
    try:
        return msgspec.json.decode(data, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Not chained: the decoder's message or traceback could quote the file.
        raise SecretError(
            f"Secrets file {str(path)!r} is damaged.", "Move it away and give the passwords again."
        ) from None


def _check_mode(path: Path, descriptor: int) -> None:
    """Nobody but its owner may read the file: too wide a mode is put right, somebody else's is refused."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"Secrets file {str(path)!r} is not a file.")
    if status.st_uid not in (os.geteuid(), 0):
        raise SecretError(f"Secrets file {str(path)!r} belongs to somebody else.", "Use your own.")
    if status.st_mode & 0o077:
        try:
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise SecretError(
                f"Secrets file {str(path)!r} can be read by others, and that can't be changed: "
                f"{error.strerror}.",
                "Make it mode 0600.",
            ) from None


def _write(path: Path, kept: _Kept) -> None:
    """Replace the file at once and durably: a crash leaves the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with suppress(FileNotFoundError):
            fresh.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise SecretError(f"Secrets file {str(path)!r} can't be written: {error.strerror}.") from None


# A command


def _from_command(command: str, seconds: float) -> str:
    """The first line that a shell command prints. What it says on stderr is dropped: it may be the secret."""
    process = subprocess.Popen(  # noqa: S602 - a shell command is what the user gave, in their own words
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        output = _first_bytes(process, time.monotonic() + seconds)
    finally:
        if process.poll() is None:
            # Not reaped yet, so the group's number is still its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if output is None:
        raise SecretError(
            f"The password command didn't end within {seconds:g} s.",
            "It has no terminal: it must not ask for anything.",
        )
    if process.returncode != 0:
        how = f"status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise SecretError(f"The password command ended with {how}.", "Run it by hand to see why.")
    try:
        password = output.split(b"\n", 1)[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise SecretError("The password command printed something that is no UTF-8 text.") from None
    if not password:
        raise SecretError("The password command printed nothing.", "Its first line is the password.")
    return password


def _first_bytes(process: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """What the process prints, up to LONGEST_PASSWORD bytes, read to its end; None past the deadline."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    kept = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if not selector.select(min(left, 0.1)):
                if process.poll() is not None:
                    break  # an agent that it started may hold the pipe open for ever
                continue
            data = os.read(process.stdout.fileno(), LONGEST_PASSWORD)
            if not data:
                break
            kept = (kept + data)[:LONGEST_PASSWORD]
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    return kept


# The keyring


def _keyring() -> ModuleType:
    """The keyring package, which few people need. Raises SecretError where it isn't installed."""
    try:
        import keyring  # noqa: PLC0415
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        raise SecretError(
            "The package for the operating system's keyring isn't installed.",
            "pip install 'offramp[keyring]', or keep the password elsewhere.",
        ) from None
    module: ModuleType = keyring
    return module


def _from_keyring(user: str) -> str:
    keyring = _keyring()
    try:
        password: str | None = keyring.get_password(KEYRING_SERVICE, user)
    except keyring.errors.KeyringError as error:
        raise _keyring_failed(error) from None
    if password is None:
        raise SecretError(
            f"The keyring has no password for service {KEYRING_SERVICE!r}, user {user!r}.",
            f"Put it there: keyring set {KEYRING_SERVICE} '{user}'.",
        )
    return password


def _keyring_failed(error: Exception) -> SecretError:
    kind = type(error).__name__
    if kind == "NoKeyringError":
        return SecretError(
            "This machine has no keyring that works.", "Keep the password elsewhere: --password-ask."
        )
    return SecretError(f"The keyring refused ({kind}).", "Unlock it, or keep the password elsewhere.")
