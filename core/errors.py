"""The tree of errors. Each says what happened, to which thing, and what to do about it.

OfframpError
├── UsageError                 what was asked makes no sense; nothing was done
│   ├── InvalidValue           a setting has a value that it can't have
│   └── InvalidDefinition      a definition file is wrong: names file, key and the nearest right spelling
├── NotFound                   no such connection, export, task, object or database
├── Conflict                   the thing exists already, is in use, or its status doesn't allow the action
├── StoreError
│   ├── StoreBusy              somebody else holds the store; trying again helps        (transient)
│   │   └── StoreOutdated      it must be migrated, and an older Offramp is still at work on it
│   ├── StoreDamaged           the store can't be read
│   ├── StoreFull              its disk is full: nothing more can be remembered until there is room
│   ├── StoreOnNetwork         its directory is on a network file system, whose locks can't be trusted
│   └── StoreTooNew            written by a newer Offramp
├── SecretError                a password can't be had: from its file, keyring, variable or command
├── ConnectError
│   ├── Unreachable            refused, silent, cut while connecting                     (transient)
│   ├── UnknownHost            the name service knows no such host
│   ├── LoginRefused           wrong user or password, or no right to enter
│   ├── TlsError               the TLS that was asked for can't be had
│   └── Unsupported            a server or protocol that no driver here speaks
├── SourceError
│   ├── ConnectionLost         cut, killed or timed out while reading                    (transient)
│   ├── SnapshotGone           the point in time is no longer kept by the server
│   ├── SnapshotUnavailable    the consistency that was asked for can't be had
│   ├── SchemaChanged          the object is not what it was when the task was planned
│   ├── NoPrivilege            the account may not read it
│   ├── BrokenObject           the object itself fails on the server (a view whose table is gone)
│   └── StatementFailed        any other error that the server answered with
├── DataError
│   ├── Unencodable            a character that the chosen encoding lacks
│   ├── InvalidText            bytes in a text column that are no text
│   ├── Unfitting              a value that its column's type in a typed format can't hold
│   └── ValueTooLarge          one value or row past the limit
├── OutputError
│   ├── NoSpace                the disk is full
│   ├── NotWritable            a directory or file that may not be written
│   ├── TargetExists           something foreign is where the output must go
│   ├── OutputDamaged          what was written isn't what is there now
│   └── DestinationLost        cut or silent while files went to a destination           (transient)
├── NotDelivered               nobody could be told of a task's end               (transient where said)
├── PreflightFailed            the checks before reading found what would make the task fail
├── Incomplete                 some objects failed; the others are published
├── LostClaim                  this attempt no longer owns its task: stop, publish nothing
└── Aborted                    somebody asked for it

Messages never carry secrets; data in them is quoted by `repr`-like escaping where they are made.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as it is stored and shown.

    `code` is the error's class in kebab case and stable; `message` what happened and to what;
    `hint` what to do; `transient` whether trying again may help by itself.
    """

    code: str
    message: str
    hint: str = ""
    transient: bool = False


class OfframpError(Exception):
    """Base of everything that Offramp says to a person. `message` what happened, `hint` what to do."""

    code: ClassVar[str] = "error"
    transient: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def info(self) -> ErrorInfo:
        return ErrorInfo(code=self.code, message=self.message, hint=self.hint, transient=self.transient)


def raised_again(info: ErrorInfo) -> OfframpError:
    """The error that another process told of, of the class it had there."""
    kinds = [OfframpError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    for kind in kinds:
        if kind.code == info.code:
            return kind(info.message, info.hint)
    return OfframpError(info.message, info.hint)


class UsageError(OfframpError):
    code = "usage"
    exit_status = 2


class InvalidValue(UsageError, ValueError):
    """Also a ValueError, so that msgspec adds the place in the document where it came up."""

    code = "invalid-value"


class InvalidDefinition(UsageError):
    code = "invalid-definition"


class NotFound(OfframpError):
    code = "not-found"
    exit_status = 3


class Conflict(OfframpError):
    code = "conflict"
    exit_status = 2


class StoreError(OfframpError):
    code = "store"


class StoreBusy(StoreError):
    code = "store-busy"
    transient = True
    exit_status = 75


class StoreOutdated(StoreBusy):
    code = "store-outdated"


class StoreDamaged(StoreError):
    code = "store-damaged"


class StoreFull(StoreError):
    code = "store-full"


class StoreOnNetwork(StoreError):
    code = "store-on-network"


class StoreTooNew(StoreError):
    code = "store-too-new"


class SecretError(OfframpError):
    code = "secret"


class ConnectError(OfframpError):
    code = "connect"


class Unreachable(ConnectError):
    code = "unreachable"
    transient = True


class UnknownHost(ConnectError):
    code = "unknown-host"


class LoginRefused(ConnectError):
    code = "login-refused"


class TlsError(ConnectError):
    code = "tls"


class Unsupported(ConnectError):
    code = "unsupported"


class SourceError(OfframpError):
    code = "source"


class ConnectionLost(SourceError):
    code = "connection-lost"
    transient = True


class SnapshotGone(SourceError):
    code = "snapshot-gone"


class SnapshotUnavailable(SourceError):
    code = "snapshot-unavailable"


class SchemaChanged(SourceError):
    code = "schema-changed"


class NoPrivilege(SourceError):
    code = "no-privilege"


class BrokenObject(SourceError):
    code = "broken-object"


class StatementFailed(SourceError):
    code = "statement-failed"


class DataError(OfframpError):
    code = "data"


class Unencodable(DataError):
    code = "unencodable"


class InvalidText(DataError):
    code = "invalid-text"


class Unfitting(DataError):
    code = "unfitting"


class ValueTooLarge(DataError):
    code = "value-too-large"


class OutputError(OfframpError):
    code = "output"


class NoSpace(OutputError):
    code = "no-space"


class NotWritable(OutputError):
    code = "not-writable"


class TargetExists(OutputError):
    code = "target-exists"


class OutputDamaged(OutputError):
    code = "output-damaged"


class DestinationLost(OutputError):
    code = "destination-lost"
    transient = True


class NotDelivered(OfframpError):
    """`again`: trying again may help."""

    code = "not-delivered"

    def __init__(self, message: str, hint: str = "", *, again: bool = False) -> None:
        super().__init__(message, hint)
        self.again = again


class PreflightFailed(OfframpError):
    code = "preflight-failed"


class Incomplete(OfframpError):
    code = "incomplete"


class LostClaim(OfframpError):
    code = "lost-claim"


class Aborted(OfframpError):
    code = "aborted"
    exit_status = 5
