"""Where a password comes from. A reference may be stored and shown; what it leads to may not."""

from __future__ import annotations

import msgspec


class FileSecret(msgspec.Struct, frozen=True, tag="file", tag_field="kind", forbid_unknown_fields=True):
    """Kept in Offramp's own secrets file (mode 0600) under `key`."""

    key: str


class EnvironmentSecret(msgspec.Struct, frozen=True, tag="env", tag_field="kind", forbid_unknown_fields=True):
    """Read from an environment variable of the program that runs the engine."""

    variable: str


class CommandSecret(msgspec.Struct, frozen=True, tag="command", tag_field="kind", forbid_unknown_fields=True):
    """The first line that a shell command prints, run anew at each connect."""

    command: str


class KeyringSecret(msgspec.Struct, frozen=True, tag="keyring", tag_field="kind", forbid_unknown_fields=True):
    """Kept in the operating system's keyring under service `offramp` and `user`."""

    user: str


SecretRef = FileSecret | EnvironmentSecret | CommandSecret | KeyringSecret
