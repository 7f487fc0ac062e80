"""What S3 and those who speak like it answer where something is wrong, in words that say what to do."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, NoCredentialsError, ProfileNotFound

from connectors.destinations.filesystem import explain_system_error, lost, said
from core.errors import (
    ConnectError,
    LoginRefused,
    NotWritable,
    OutputDamaged,
    OutputError,
    TlsError,
    UnknownHost,
    Unreachable,
)
from core.model.destination import Destination

_LOGIN = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
)
_TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict")
# What answers a request that a server of this kind hasn't learnt.
_NOT_KNOWN = ("NotImplemented", "501", "XNotImplemented")


class Absent(OutputError):
    """There is no such object."""


class Taken(OutputError):
    """The condition that nothing is there doesn't hold."""


class NotKnown(OutputError):
    """The server hasn't learnt the request."""


def explained(  # noqa: PLR0911 - one for each kind
    error: Exception, where: str, bucket: str, destination: Destination
) -> OutputError:
    """What an error met at `where` means."""
    code = _code(error)
    if code in _TAKEN:
        return Taken(f"Something else is at {where}.", "Take it away, or choose another place.")
    if code in _NOT_KNOWN:
        return NotKnown(f"{where}: the server doesn't know the request: {said(error)}.")
    if code == "NoSuchBucket":
        return OutputError(f"There is no bucket {bucket!r}.", "Make it, or give the right name or region.")
    if code in ("NoSuchKey", "404") or isinstance(error, FileNotFoundError):
        return Absent(f"{where} isn't there.", "Retry: what is missing is sent again.")
    if code in ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"):
        return OutputDamaged(
            f"{where} was sent, and something else arrived: {said(error)}.", "Retry sends it again."
        )
    if code in ("AccessDenied", "403", "AllAccessDisabled", *_LOGIN):
        return NotWritable(
            f"The server refuses {where}: {said(error)}.",
            "Give the key the rights s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and "
            "s3:AbortMultipartUpload there.",
        )
    passing = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "503", "500")
    if code in passing or (not code and isinstance(error, BotoCoreError | TimeoutError)):
        return lost(where, destination, said(error))
    return explain_system_error(error, where, destination)


def refused(  # noqa: PLR0911 - one for each kind
    error: Exception, bucket: str, destination: Destination
) -> ConnectError | OutputError:
    """What an error means that was met while getting in."""
    code = _code(error)
    cause = error.__cause__ or error
    where = destination.options.get("endpoint", "Amazon S3")
    if isinstance(error, ProfileNotFound):
        return ConnectError(f"{said(error)}.", "Check the option profile.")
    if code in _LOGIN or isinstance(error, NoCredentialsError):
        return LoginRefused(
            f"{where} refuses the key: {said(error)}.",
            "Give --option key=ID and its secret as the password, or --option anonymous=yes.",
        )
    if code in ("NoSuchBucket", "404") or isinstance(error, FileNotFoundError):
        return OutputError(
            f"There is no bucket {bucket!r} at {where}.", "Make it, or give the right name or region."
        )
    if code in ("AccessDenied", "403"):
        return NotWritable(
            f"Bucket {bucket!r} may not be looked into with this key: {said(error)}.",
            "Give it the right s3:ListBucket.",
        )
    if "SSL" in type(cause).__name__ or "certificate" in str(error).lower():
        return TlsError(
            f"{where} can't prove who it is: {said(error)}.",
            "Give the authority that signed its certificate: --option ca=FILE.",
        )
    if "Name or service not known" in str(error) or "getaddrinfo" in str(error):
        return UnknownHost(f"The host of {where} is unknown: {said(error)}.", "Check the option endpoint.")
    return Unreachable(f"{where} doesn't answer: {said(error)}.", "Check endpoint and region.")


def _code(error: Exception) -> str:
    """The code that the server answered with: s3fs turns boto's errors into the system's."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
