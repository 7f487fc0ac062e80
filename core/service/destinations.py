"""Destinations: add, list, show, test, edit, remove; and what a place leads to."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core import secrets
from core.errors import Conflict, NotFound
from core.model.destination import OPTIONS, Destination, below, check_place, is_local, leaves, place_of
from core.model.secret import KeyringSecret, SecretRef
from core.model.spelling import nearest
from core.service.context import Context
from core.service.passwords import NewPassword, Passwords
from core.service.saved import SavedDestination, room_of
from core.service.trials import recorded

if TYPE_CHECKING:
    from connectors.base import TestStep

# As scp and rsync write a place on another host.
_SSH = re.compile(r"[^/@\s]+@[^/@:\s]+:")


class Destinations:
    def __init__(self, context: Context) -> None:
        self._context = context
        # Connections' passwords stand in the keyring under their bare names.
        self._passwords = Passwords(context, "destination", keyring="destination ")

    def add(self, destination: Destination, password: NewPassword | SecretRef | None = None) -> Destination:
        """Keep a destination, and its password where that is to be kept; contacts nobody. Gives back what was
        stored. Raises Conflict where the name is taken, SecretError."""
        if any(known.name == destination.name for known in self.list()):
            raise Conflict(
                f"Destination {destination.name!r} exists already.",
                f"Change it: offramp destination edit {destination.name}. Or use another name.",
            )
        with self._passwords.kept(destination.name, password) as secret:
            made = msgspec.structs.replace(destination, secret=secret)
            self._context.store.destinations.add(made)
        return made

    def replace(
        self,
        destination: Destination,
        password: NewPassword | SecretRef | None = None,
        *,
        keep_password: bool = True,
    ) -> Destination:
        """Put a destination in the place of the one of its name. Without a `password` it keeps the one that
        it had, or none if `keep_password` is off. Raises NotFound, SecretError."""
        old = self.get(destination.name)
        kept = old.secret if keep_password and not destination.local else None
        secret = self._passwords.keep(destination.name, password) or kept
        made = msgspec.structs.replace(destination, secret=secret)
        self._context.store.destinations.replace(made)
        if made.secret != old.secret:
            self._context.forget_unused(old.secret)
        return made

    def keyring_reference(self, name: str) -> KeyringSecret:
        """The password that the keyring holds for a destination already. Raises SecretError where it holds
        none."""
        return self._passwords.in_keyring(name)

    def list(self) -> list[Destination]:
        """All, by name."""
        return self._context.store.destinations.list()

    def get(self, name: str) -> Destination:
        """Raises NotFound, naming what comes near."""
        try:
            return self._context.store.destinations.get(name)
        except NotFound as error:
            close = nearest(name, [known.name for known in self.list()])
            if close:
                error.hint = f"Did you mean {close}?"
            raise

    def show(self, name: str) -> SavedDestination:
        """Raises NotFound."""
        return self._saved(self.get(name), self._context.store.destinations.tests().get(name))

    def all(self) -> tuple[SavedDestination, ...]:
        """All with what is known around them, by name."""
        tests = self._context.store.destinations.tests()
        return tuple(self._saved(found, tests.get(found.name)) for found in self.list())

    def _saved(self, destination: Destination, test: dict[str, object] | None) -> SavedDestination:
        store = self._context.store.destinations
        return SavedDestination(
            destination=destination,
            password=secrets.describe(destination.secret),
            last_test=test,
            exports=store.exports(destination.name),
            tasks=store.tasks(destination.name),
        )

    def test(self, name: str) -> Iterator[TestStep]:
        """Try a destination step by step: get in, look, write a file, read it back, remove it; and keep the
        outcome. Raises NotFound, SecretError, Unsupported before the first step."""
        destination = self.get(name)
        if destination.local:
            return self._recorded(name, _test_directory(Path(destination.url)))
        elsewhere = self._context.elsewhere(destination)
        return self._recorded(name, elsewhere.test(Path(tempfile.gettempdir())))

    def _recorded(self, name: str, steps: Iterator[TestStep]) -> Iterator[TestStep]:
        return recorded(steps, None, partial(self._context.store.destinations.record_test, name))

    def remove(self, name: str) -> None:
        """Forget a destination and the password that Offramp keeps for it; files stay. Raises NotFound;
        Conflict while exports or tasks that haven't ended use it, naming them."""
        secret = self.get(name).secret
        self._context.store.destinations.remove(name)
        self._passwords.forget(name, secret)

    # Places

    def place(self, text: str, here: Path) -> str:
        """The stored form of a place as people type it: a URL, a destination's name, NAME:path, or a path
        from `here`. A name that is a destination's is that, whatever stands here: `./NAME` is the directory,
        and so is `./NAME:path`, which is never taken for one by itself. Raises InvalidValue, NotFound."""
        names = [known.name for known in self.list()]
        if text in names:
            return f"{text}:"
        if leaves(text):
            check_place(text)
            name = place_of(text).name
            if not name or name in names:
                return text
            raise NotFound(f"There is no destination {name!r}.", _instead(text, nearest(name, names)))
        if _SSH.match(text):
            raise NotFound(f"There is no destination {text.partition(':')[0]!r}.", _instead(text, None))
        return os.path.abspath(here / text)  # noqa: PTH100 - symlinks stay as they were written

    def for_task(self, place: str, name: str, now: datetime) -> str:
        """The place for one task's files. A destination alone is the place of many: there the task gets a
        directory of its own, after its name and the time."""
        if not place.endswith(":") or not leaves(place):
            return place
        slug = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "export"
        return f"{place}{slug}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    def url(self, place: str) -> str:
        """Where a stored place is, as a URL or an absolute path. Raises InvalidValue, NotFound."""
        if is_local(place):
            return place
        found = place_of(place)
        if not found.name:
            return place
        url = self.get(found.name).url
        return below(url, *found.path.split("/")) if found.path else url


def _instead(text: str, close: str | None) -> str:
    """What somebody may have meant by a place below a destination that isn't there."""
    name, _, path = text.partition(":")
    path = path.strip("/")
    if close:
        return f"Did you mean {close}?"
    if "@" in name:
        return f"Over SSH, from the server's root: sftp://{name}/{path}"
    if name in OPTIONS:
        return f"Did you mean {name}://{path}?"
    return f"See: offramp destination list. The directory of that name here is ./{text}"


def _test_directory(directory: Path) -> Iterator[TestStep]:
    """A local directory has no server: is it there, and may it be written?"""
    from connectors.base import TestStep  # noqa: PLC0415 - brings numpy

    found = room_of(directory)
    if found.problem:
        yield TestStep("write", ok=False, detail=f"{directory}: {found.problem}.")
        return
    there = "is there" if found.exists else "will be made"
    yield TestStep("write", ok=True, detail=f"{directory} {there}, {found.free >> 20:,} MiB are free")
