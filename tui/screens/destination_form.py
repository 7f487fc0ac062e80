"""Adding a destination, and changing one. Its URL says which options there are."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidValue, OfframpError
from core.model.destination import CHOICES, OPTIONS, PATHS, Destination, check_name
from core.model.secret import CommandSecret, EnvironmentSecret, SecretRef
from core.service import Service
from core.service.passwords import NewPassword
from tui.screens import connection_fields as passwords
from tui.screens.engine_fields import ENGINE_FIELDS, ENGINE_IDS, engine_of, engine_start, engine_wrong
from tui.widgets.form import Field, Form

if TYPE_CHECKING:
    from tui.app import OfframpApp

NONE, TYPED, KEEP = passwords.NONE, passwords.TYPED, passwords.KEEP
USUAL = ""
OTHERS = "options"
_WAYS = {
    TYPED: "typed",
    passwords.VARIABLE: "variable",
    passwords.COMMAND: "command",
    passwords.KEYRING: "kept",
}
_LABELS = {"key": "Access key", "ca": "Authority", "kerb_ticket": "Kerberos ticket"}


class DestinationForm(Form):
    """Gives back True once the destination is saved. `destination` is what it is filled with; `edits`: it is
    that one which is changed. `taken` are the names of all there are."""

    def __init__(
        self,
        offramp: OfframpApp,
        destination: Destination | None = None,
        *,
        edits: bool = False,
        taken: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._offramp = offramp
        self._destination = destination
        self._edits = edits
        self._taken = frozenset(taken)
        self._saving = False
        self._fields = fields(edits=edits)
        name = destination.name if edits and destination is not None else ""
        self.title_text = f"Edit destination {name}" if name else "Add a destination"

    def fields(self) -> Sequence[Field]:
        return self._fields

    def start(self) -> Mapping[str, str]:
        return start(self._destination, edits=self._edits)

    def seen(self, values: Mapping[str, str]) -> set[str]:
        return seen(values)

    def wrong(self, values: Mapping[str, str]) -> dict[str, str]:
        return wrong(values, self._taken)

    def save(self, values: Mapping[str, str]) -> None:
        if self._saving:
            return
        self._saving = True
        old = self._destination if self._edits else None
        name = old.name if old is not None else values["name"]
        service = self._offramp.service
        self._offramp.call(
            lambda: _save(service, name, values, edits=self._edits),
            lambda _: self.dismiss(result=True),
            failed=self._failed,
        )

    def _failed(self, error: OfframpError) -> None:
        self._saving = False
        self.tell(str(error), "bad")


def fields(*, edits: bool) -> tuple[Field, ...]:
    """In the form's order. Editing, the name stays and the password may."""
    name = () if edits else (Field(id="name", label="Name", help="What exports call it: --to NAME."),)
    ways = ((NONE, "none"), *(way for way in passwords.PASSWORDS if way[0] != NONE))
    options = {key: text for known in OPTIONS.values() for key, text in known.items()}
    return (
        *name,
        Field(
            id="url",
            label="Place",
            help="s3://BUCKET/prefix, sftp://USER@HOST/path, ftp://, ftps://, hdfs://, or a directory.",
        ),
        Field(
            id="password",
            label="Password",
            help="Of the account; S3: the key's secret; SFTP with an identity: that file's passphrase.",
            choices=((KEEP, "as it is"), *ways) if edits else ways,
        ),
        *passwords.PASSWORD_FIELDS,
        *(
            Field(
                id=f"option-{key}",
                label=_LABELS.get(key, key.replace("_", " ").capitalize()),
                help=f"{text[0].upper()}{text[1:]}.",
                choices=((USUAL, "usual"), *((c, c) for c in CHOICES[key])) if key in CHOICES else (),
            )
            for key, text in options.items()
        ),
        Field(id=OTHERS, label="Options", help="Of its fsspec file system: KEY=VALUE 'OTHER=a value' …"),
        *ENGINE_FIELDS,
    )


def start(destination: Destination | None, *, edits: bool) -> dict[str, str]:
    """What stands in the form at first."""
    if destination is None:
        return {"password": NONE}
    texts = {"url": destination.url, "password": KEEP if edits else NONE}
    texts |= engine_start(destination)
    if edits:
        texts["name"] = destination.name
    known = OPTIONS.get(destination.scheme, {})
    texts |= {f"option-{key}": value for key, value in destination.options.items() if key in known}
    others = [f"{key}={value}" for key, value in destination.options.items() if key not in known]
    return texts | {OTHERS: shlex.join(others)}


def seen(values: Mapping[str, str]) -> set[str]:
    shown = {"name", "url", *ENGINE_IDS}
    url = values["url"].strip()
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if not scheme:
        return shown
    shown.add("password")
    if values["password"] in _WAYS:
        shown.add(_WAYS[values["password"]])
    return shown | ({f"option-{key}" for key in OPTIONS[scheme]} if scheme in OPTIONS else {OTHERS})


def wrong(values: Mapping[str, str], taken: Collection[str] = ()) -> dict[str, str]:
    """What is wrong, by field: the model's own rules."""
    found = engine_wrong(values)
    if "name" in values:
        _try(found, "name", lambda: check_name(values["name"]))
        if values["name"] in taken:
            found["name"] = f"There is a destination {values['name']} already."
    if not values["url"].strip():
        found["url"] = "A place is needed."
        return found
    _try(found, "url", lambda: Destination(name="", url=_url(values)))
    if "url" in found:
        return found
    shown = seen(values)
    for field in shown:
        if field.startswith("option-") and values[field].strip():
            key = field.removeprefix("option-")
            one = {key: _value(key, values[field])}
            _try(found, field, lambda one=one: Destination(name="", url=_url(values), options=one))
    if OTHERS in shown:
        _try(found, OTHERS, lambda: _others(values))
    for field, needed in (
        ("variable", "The name of an environment variable is needed."),
        ("command", "A command is needed."),
        ("typed", "The password is needed; choose none where there is none."),
    ):
        if field in shown and not values[field]:
            found[field] = needed
    return found


def _try(found: dict[str, str], field: str, build: Any) -> None:
    try:
        build()
    except InvalidValue as error:
        text = error.message.removeprefix(": ")
        found[field] = f"{text[:1].upper()}{text[1:]} {error.hint}".strip()


def _url(values: Mapping[str, str]) -> str:
    text = values["url"].strip()
    return text if "://" in text else str(Path.cwd() / Path(text).expanduser())


def _value(key: str, text: str) -> str:
    return str(Path.cwd() / Path(text.strip()).expanduser()) if key in PATHS else text.strip()


def _others(values: Mapping[str, str]) -> dict[str, str]:
    """Raises InvalidValue."""
    try:
        pieces = [piece.partition("=") for piece in shlex.split(values[OTHERS])]
    except ValueError as error:
        raise InvalidValue(f"The options can't be read: {error}.") from None
    if not all(key and equals for key, equals, _ in pieces):
        raise InvalidValue("Each option is written KEY=VALUE.")
    return {key: value for key, _, value in pieces}


def destination_of(values: Mapping[str, str], name: str) -> Destination:
    """Without its password. Raises InvalidValue."""
    shown = seen(values)
    options = {
        key: _value(key, values[field])
        for field in values
        if field in shown and (key := field.removeprefix("option-")) != field and values[field].strip()
    }
    if OTHERS in shown:
        options |= _others(values)
    return Destination(name=name, url=_url(values), options=options, **engine_of(values))


def password_of(values: Mapping[str, str]) -> NewPassword | SecretRef | None:
    """The password that was given, None for none and for the one that it has."""
    if "password" not in seen(values):
        return None
    match values["password"]:
        case passwords.TYPED:
            return NewPassword(values["typed"])
        case passwords.KEYRING if values["kept"]:
            return NewPassword(values["kept"], in_keyring=True)
        case passwords.VARIABLE:
            return EnvironmentSecret(variable=values["variable"])
        case passwords.COMMAND:
            return CommandSecret(command=values["command"])
        case _:
            return None


def _save(service: Service, name: str, values: Mapping[str, str], *, edits: bool) -> None:
    """Keep what the form says. Raises OfframpError."""
    made = destination_of(values, name)
    password = password_of(values)
    if values["password"] == passwords.KEYRING and password is None and not made.local:
        password = service.destinations.keyring_reference(name)
    if edits:
        service.destinations.replace(made, password, keep_password=values["password"] == KEEP)
    else:
        service.destinations.add(made, password)
