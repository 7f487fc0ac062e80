"""Passwords of what is saved: those of connections and of destinations are kept, and forgotten, alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core import secrets
from core.errors import OfframpError
from core.model.secret import KeyringSecret, SecretRef
from core.service.context import Context


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password to be kept: in the operating system's keyring, or in Offramp's own secrets file."""

    text: str
    in_keyring: bool = False

    def __repr__(self) -> str:
        return f"NewPassword(in_keyring={self.in_keyring})"


class Passwords:
    """The passwords of one kind of thing. `kind` is what stands before a name in the key of the secrets file,
    `keyring` what stands before it in the keyring."""

    def __init__(self, context: Context, kind: str, keyring: str = "") -> None:
        self._context = context
        self._kind = kind
        self._before = keyring

    def keep(self, name: str, password: NewPassword | SecretRef | None) -> SecretRef | None:
        """What refers to a password from now on; one that is to be kept, is. Raises SecretError."""
        if not isinstance(password, NewPassword):
            return password
        if password.in_keyring:
            return secrets.store_in_keyring(self._user(name), password.text)
        return self._context.keep_password(f"{self._kind}:{name}", password.text)

    @contextmanager
    def kept(self, name: str, password: NewPassword | SecretRef | None) -> Iterator[SecretRef | None]:
        """`keep` for something new: if it can't be stored within, the secrets file doesn't hold its password
        either."""
        secret = self.keep(name, password)
        try:
            yield secret
        except OfframpError:
            if isinstance(password, NewPassword) and not password.in_keyring:
                secrets.forget(self._context.locations, secret)
            raise

    def in_keyring(self, name: str) -> KeyringSecret:
        """The password that the keyring holds already. Raises SecretError where it holds none."""
        ref = KeyringSecret(user=self._user(name))
        secrets.resolve(ref, self._context.locations)
        return ref

    def forget(self, name: str, secret: SecretRef | None) -> None:
        """Forget the password of something that is removed. What stands in the keyring under another name is
        somebody else's."""
        if not isinstance(secret, KeyringSecret):
            self._context.forget_unused(secret)
        elif secret.user == self._user(name):
            secrets.forget(self._context.locations, secret)

    def _user(self, name: str) -> str:
        return self._before + name
