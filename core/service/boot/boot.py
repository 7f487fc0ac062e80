"""Whether the engine starts after a reboot, and seeing to it that it does."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from core.errors import Conflict, InvalidValue, OfframpError
from core.locations import Locations
from core.model.secret import CommandSecret, EnvironmentSecret, KeyringSecret
from core.service.boot.crontab import Crontab
from core.service.boot.systemd import Systemd, is_wanted
from core.service.boot.way import Way, is_edited
from core.service.context import Context

WAYS: dict[str, type[Systemd] | type[Crontab]] = {"systemd": Systemd, "crontab": Crontab}


@dataclass(frozen=True, slots=True)
class State:
    """`way` is systemd or crontab, `place` where it keeps what it starts, `wanted` what ought to be there and
    `text` what is (None: nothing); `edited` whether somebody has changed it by hand, `enabled` whether it
    will start the engine, `active` whether it runs one now (None: can't be told); `notes` what is to be done
    or known."""

    way: str
    place: str
    wanted: str
    text: str | None
    edited: bool
    enabled: bool
    active: bool | None
    notes: tuple[str, ...]

    @property
    def installed(self) -> bool:
        return self.text is not None

    @property
    def current(self) -> bool:
        return self.text == self.wanted

    def difference(self) -> str:
        """From what is there to what ought to be, as a unified diff; nothing where both are the same."""
        lines = difflib.unified_diff(
            (self.text or "").splitlines(),
            self.wanted.splitlines(),
            "as it is",
            "as it would be",
            lineterm="",
        )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Change:
    """What was done: `made` whether anything was different before, `state` how it stands now."""

    made: bool
    state: State


class Boot:
    """`offramp service`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def state(self, way: str | None = None) -> State:
        """How things stand with `way`; None: the one that is installed, else the best that the machine has.
        Raises InvalidValue, Conflict, and OfframpError where neither way is to be had."""
        chosen = self._way(way)
        found = chosen.look()
        return State(
            way=chosen.name,
            place=chosen.place,
            wanted=chosen.wanted(),
            text=found.text,
            edited=found.text is not None and self._edited(chosen, found.text),
            enabled=found.enabled,
            active=found.active,
            notes=(*found.notes, *self._secrets()),
        )

    def install(self, way: str | None = None, *, overwrite: bool = False) -> Change:
        """Put it there and start it; the second time changes nothing. Raises Conflict where somebody has
        changed what is there, unless it is to be `overwritten`; what `state` raises; OfframpError where the
        system refuses."""
        before = self.state(way)
        if before.edited and not before.current and not overwrite:
            raise Conflict(
                f"{before.place} was changed by hand.",
                "See the difference with: offramp service install; overwrite it with --yes.",
            )
        self._context.locations.ensure()
        self._usable(before.way).put(before.wanted)
        after = self.state(before.way)
        return Change(before.text != after.text or before.enabled != after.enabled, after)

    def remove(self, way: str | None = None, *, overwrite: bool = False) -> Change:
        """Stop it and take it away; does nothing where it isn't there. Running tasks go on. Raises as
        `install` does."""
        before = self.state(way)
        if not before.installed:
            return Change(made=False, state=before)
        if before.edited and not overwrite:
            raise Conflict(f"{before.place} was changed by hand.", "Remove it all the same with --yes.")
        self._usable(before.way).take_away()
        return Change(made=True, state=self.state(before.way))

    def _way(self, name: str | None) -> Way:
        locations = self._context.locations
        if name is not None:
            if name not in WAYS:
                raise InvalidValue(f"{name!r} is no way to start a service.", f"Use {' or '.join(WAYS)}.")
            return WAYS[name](locations)
        usable = [kind(locations) for kind in WAYS.values() if kind.usable()]
        if not usable:
            raise OfframpError("Neither a user manager of systemd nor crontab is to be had here.", _INSTEAD)
        return next((way for way in usable if way.look().text is not None), usable[0])

    def _usable(self, name: str) -> Way:
        if not WAYS[name].usable():
            raise OfframpError(f"{_ABSENT[name]} here.", _INSTEAD)
        return self._way(name)

    @staticmethod
    def _edited(way: Way, text: str) -> bool:
        # A line of the crontab has no room for a seal: any other line than the wanted one counts.
        return is_edited(text) if isinstance(way, Systemd) else text != way.wanted()

    def _secrets(self) -> list[str]:
        """What passwords need that isn't there without a login."""
        notes = []
        for connection in self._context.store.connections.list():
            if isinstance(connection.secret, EnvironmentSecret):
                notes.append(
                    f"Connection {connection.name!r} takes its password from the environment variable "
                    f"{connection.secret.variable}, which a service doesn't have: keep it elsewhere "
                    "(--password-ask), or give the service the variable by a file of mode 0600."
                )
            elif isinstance(connection.secret, KeyringSecret):
                notes.append(
                    f"Connection {connection.name!r} takes its password from the keyring, which may be "
                    "locked until you log in."
                )
            elif isinstance(connection.secret, CommandSecret):
                notes.append(
                    f"Connection {connection.name!r} takes its password from a command: a service runs it "
                    "without a terminal and with a short PATH."
                )
        return notes


_ABSENT = {"systemd": "No user manager of systemd answers", "crontab": "There is no crontab"}
_INSTEAD = "Have whatever starts programs on this machine run: offramp --headless"


def starts_after_reboot(locations: Locations) -> bool:
    """Whether something of this user's starts the engine after a reboot: a quick look, by files alone where
    a unit is enabled, else by asking for the crontab. What can't be found out is no reason to warn: True."""
    if is_wanted(Systemd(locations).path):
        return True
    try:
        return Crontab.usable() and Crontab(locations).look().enabled
    except OfframpError:
        return True
