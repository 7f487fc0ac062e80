"""Amazon S3 and what speaks like it, through fsspec's s3fs.

An object appears whole or not at all. Each request says the MD5 of what it carries (RFC 1864), which the
server compares, and the entity tag that it answers with is compared here where it is an MD5. Objects are put
on the condition that there is none of that name (If-None-Match: *, RFC 9110). Large ones go in parts:
"Uploading and copying objects using multipart upload" of the S3 User Guide.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import s3fs
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound
from fsspec.asyn import sync

from connectors.destinations.filesystem import FilesystemFiles, explain_system_error, lost, said
from connectors.elsewhere import Elsewhere, Found, Told
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
from core.model.destination import YES, Destination, parts_of

PART_BYTES = 8 << 20
MOST_PARTS = 9000
AT_ONCE = 4
READ_BYTES = 4 << 20
_MD5 = re.compile(r'"?(?P<digest>[0-9a-f]{32}(-\d+)?)"?')
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


def _md5(data: bytes = b"") -> hashlib._Hash:
    """The checksum of the protocol; it protects from mishaps, not from anybody."""
    return hashlib.md5(data, usedforsecurity=False)


def _part_bytes(size: int) -> int:
    """The length of the parts of an object of `size` bytes: all alike but the last, 10,000 at most."""
    return max(PART_BYTES, -(-size // MOST_PARTS))


class _Part(NamedTuple):
    number: int
    data: bytes

    @property
    def digest(self) -> bytes:
        return _md5(self.data).digest()


class S3Files(FilesystemFiles):
    """Directories are only in names: nothing makes or removes them."""

    renames: ClassVar[bool] = False

    def __init__(self, destination: Destination, system: Any, bucket: str, prefix: str) -> None:
        super().__init__(destination, system, f"{bucket}/{prefix}".rstrip("/"))
        self._bucket = bucket
        self._prefix = prefix

    def _key(self, path: str) -> str:
        return "/".join(filter(None, (self._prefix, path)))

    def _call(self, path: str, method: str, **arguments: Any) -> Any:
        with self.words(path):
            return self.system.call_s3(method, Bucket=self._bucket, **arguments)

    def status(self, path: str) -> Found | None:
        try:
            found = self._call(path, "head_object", Key=self._key(path))
        except _Absent:
            return None
        return Found(int(found["ContentLength"]))

    def entries(self, path: str) -> dict[str, Found]:
        found: dict[str, Found] = {}
        begin = self._beginning(path)
        for page in self._pages(path, Delimiter="/"):
            found |= _objects(page, begin)
            for item in page.get("CommonPrefixes", ()):
                found[item["Prefix"][len(begin) :].rstrip("/")] = Found(0, directory=True)
        return found

    def tree(self, path: str) -> dict[str, int]:
        """Every object whose name begins so, by the rest of its name."""
        found: dict[str, int] = {}
        for page in self._pages(path):
            found |= {name: item.bytes for name, item in _objects(page, self._beginning(path)).items()}
        return found

    def _beginning(self, path: str) -> str:
        return f"{self._key(path)}/".lstrip("/")

    def _pages(self, path: str, **arguments: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self._call(path, "list_objects_v2", Prefix=self._beginning(path), **arguments, **more)
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, path: str) -> Iterator[bytes]:
        size = self.status(path)
        if size is None:
            raise OutputError(f"{self.where(path)} isn't there.", "Retry: what is missing is sent again.")
        for begin in range(0, size.bytes, READ_BYTES):
            with self.words(path):
                end = min(size.bytes, begin + READ_BYTES)
                yield self.system.cat_file(self.at(path), start=begin, end=end)

    # Sending

    def put(self, path: str, source: Path, told: Told, *, replace: bool = False) -> bool:
        size = source.stat().st_size
        condition = {} if replace else {"IfNoneMatch": "*"}
        if not replace and (there := self._head(path)) is not None:
            if not _same(there, source, size):
                raise self.taken(path)
            told(size)
            return True
        with source.open("rb") as local:
            if size <= PART_BYTES:
                self._put_whole(path, local.read(), condition)
                told(size)
            else:
                self._put_parts(path, local, size, told, condition)
        self.compare_length(path, size)
        return True

    def _head(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._call(path, "head_object", Key=self._key(path))
        except _Absent:
            return None
        return found

    def _put_whole(self, path: str, data: bytes, condition: dict[str, str]) -> None:
        digest = _md5(data).digest()
        answer = self._conditional(
            path,
            digest.hex(),
            condition,
            "put_object",
            Key=self._key(path),
            Body=data,
            ContentMD5=base64.b64encode(digest).decode(),
        )
        self._compare(path, answer, digest.hex())

    def _put_parts(self, path: str, local: Any, size: int, told: Told, condition: dict[str, str]) -> None:
        """Part by part, some at once; what doesn't come to its end is told to the server, which would keep
        it, and charge for it, for ever."""
        key = self._key(path)
        self._abandon(key)
        begun = self._call(path, "create_multipart_upload", Key=key)["UploadId"]
        try:
            done, digests = self._send_parts(path, local, _part_bytes(size), begun, told)
            whole = _md5(b"".join(digests)).hexdigest()
            answer = self._conditional(
                path,
                f"{whole}-{len(digests)}",
                condition,
                "complete_multipart_upload",
                Key=key,
                UploadId=begun,
                MultipartUpload={"Parts": done},
            )
        except BaseException:
            with suppress(OutputError):
                self._call(path, "abort_multipart_upload", Key=key, UploadId=begun)
            raise
        self._compare(path, answer, f"{whole}-{len(digests)}")

    def _send_parts(
        self, path: str, local: Any, length: int, upload: str, told: Told
    ) -> tuple[list[dict[str, Any]], list[bytes]]:
        done: list[dict[str, Any]] = []
        digests: list[bytes] = []
        while True:
            parts: list[_Part] = []
            while len(parts) < AT_ONCE and (data := local.read(length)):
                parts.append(_Part(len(done) + len(parts) + 1, data))
            if not parts:
                return done, digests
            with self.words(path):
                answers = sync(self.system.loop, self._send_at_once, self._key(path), upload, parts)
            for part, answer in zip(parts, answers, strict=True):
                self._compare(path, answer, part.digest.hex())
                done.append({"PartNumber": part.number, "ETag": answer["ETag"]})
                digests.append(part.digest)
                told(len(part.data))

    async def _send_at_once(self, key: str, upload: str, parts: list[_Part]) -> list[Any]:
        sending = [
            asyncio.ensure_future(
                self.system._call_s3(
                    "upload_part",
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload,
                    PartNumber=part.number,
                    Body=part.data,
                    ContentMD5=base64.b64encode(part.digest).decode(),
                )
            )
            for part in parts
        ]
        try:
            return list(await asyncio.gather(*sending))
        finally:
            # Where one failed, none may arrive once the upload is said to be over.
            for one in sending:
                one.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    def _conditional(
        self, path: str, tag: str, condition: dict[str, str], method: str, **arguments: Any
    ) -> dict[str, Any]:
        """A request that brings something into being, only if nothing is there. Some servers don't know the
        condition; one that was carried out, and whose answer got lost, meets its own work."""
        try:
            answer: dict[str, Any] = self._call(path, method, **condition, **arguments)
        except _Taken:
            there = self._head(path)
            if there is None or _digest(there) != tag:
                raise self.taken(path) from None
            return there
        except _NotKnown:
            if not condition:
                raise
            return self._conditional(path, tag, {}, method, **arguments)
        return answer

    def _compare(self, path: str, answer: dict[str, Any], digest: str) -> None:
        """Entity tags of objects that are encrypted with a key of their own are no MD5, and say nothing."""
        if "SSEKMSKeyId" in answer or str(answer.get("ServerSideEncryption", "AES256")) != "AES256":
            return
        found = _digest(answer)
        if found is not None and found != digest:
            raise OutputDamaged(
                f"{self.where(path)} was sent, and something else arrived: its checksum differs.",
                "Retry sends it again.",
            )

    # Directories and names

    def make_directory(self, path: str) -> None:
        """There are none."""

    def rename(self, source: str, target: str) -> None:
        raise NotImplementedError

    def replace(self, source: str, target: str) -> None:
        raise NotImplementedError

    def remove(self, path: str) -> None:
        with suppress(_Absent):
            self._call(path, "delete_object", Key=self._key(path))

    def same(self, path: str, source: Path) -> bool:
        there = self._head(path)
        return there is not None and _same(there, source, source.stat().st_size)

    def abandon(self, path: str) -> None:
        self._abandon(self._key(path))

    def remove_tree(self, path: str) -> None:
        self._abandon(self._beginning(path))
        for name in self.tree(path):
            self.remove(f"{path}/{name}")

    def remove_directory(self, path: str) -> None:
        """There are none."""

    def _abandon(self, begin: str) -> None:
        """End the unfinished uploads of objects whose names begin so. Servers that can't list them, and
        accounts that may not, are left alone."""
        with suppress(OutputError):
            page = self._call(begin, "list_multipart_uploads", Prefix=begin)
            for item in page.get("Uploads", ()):
                self._call(begin, "abort_multipart_upload", Key=item["Key"], UploadId=item["UploadId"])

    # Errors

    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, EOFError, BotoCoreError, ClientError, TimeoutError)

    def explain(self, error: Exception, path: str) -> OutputError:  # noqa: PLR0911 - one for each kind
        code, where = _code(error), self.where(path)
        if code in _TAKEN:
            return _Taken(f"Something else is at {where}.", "Take it away, or choose another place.")
        if code in _NOT_KNOWN:
            return _NotKnown(f"{where}: the server doesn't know the request: {said(error)}.")
        if code == "NoSuchBucket":
            return OutputError(
                f"There is no bucket {self._bucket!r}.", "Make it, or give the right name or region."
            )
        if code in ("NoSuchKey", "404") or isinstance(error, FileNotFoundError):
            return _Absent(f"{where} isn't there.", "Retry: what is missing is sent again.")
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
            return lost(where, self.destination, said(error))
        return explain_system_error(error, where, self.destination)


class _Absent(OutputError):
    """There is no such object."""


class _Taken(OutputError):
    """The condition that nothing is there doesn't hold."""


class _NotKnown(OutputError):
    """The server hasn't learnt the request."""


class S3Destination(Elsewhere):
    """`s3://BUCKET/prefix`."""

    def connect(self) -> S3Files:
        address = parts_of(self.destination.url)
        options = self.destination.options
        silence = self.destination.timeout
        client: dict[str, Any] = {}
        if "region" in options:
            client["region_name"] = options["region"]
        if "ca" in options:
            client["verify"] = options["ca"]
        config: dict[str, Any] = {
            "connect_timeout": min(silence, 20),
            "read_timeout": silence,
            "retries": {"max_attempts": 2, "mode": "standard"},
            # Further checksums are beyond many servers that speak like S3; the MD5 is sent in any case.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        if "addressing" in options:
            config["s3"] = {"addressing_style": options["addressing"]}
        try:
            system = s3fs.S3FileSystem(
                anon=options.get("anonymous") == YES,
                key=options.get("key"),
                secret=self.password,
                endpoint_url=options.get("endpoint"),
                client_kwargs=client,
                config_kwargs=config,
                profile=options.get("profile"),
                skip_instance_cache=True,
                use_listings_cache=False,
            )
            system.retries = 2
            system.call_s3("list_objects_v2", Bucket=address.host, Prefix=f"{address.path}/", MaxKeys=1)
        except (TimeoutError, OSError, BotoCoreError, ClientError, ValueError) as error:
            raise _refused(error, address.host, self.destination) from error
        return S3Files(self.destination, system, address.host, address.path)


def _refused(  # noqa: PLR0911 - one for each kind
    error: Exception, bucket: str, destination: Destination
) -> ConnectError | OutputError:
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


def _objects(page: dict[str, Any], begin: str) -> dict[str, Found]:
    """The objects of a listing, by the rest of their names. Those that consoles make for empty directories
    have names that end in a slash."""
    return {
        item["Key"][len(begin) :]: Found(int(item["Size"]))
        for item in page.get("Contents", ())
        if not item["Key"].endswith("/")
    }


def _digest(answer: dict[str, Any]) -> str | None:
    found = _MD5.fullmatch(str(answer.get("ETag", "")))
    return found["digest"] if found else None


def _same(answer: dict[str, Any], source: Path, size: int) -> bool:
    """Whether what is there already is what is to be sent, by its length and checksum."""
    tag = _digest(answer)
    if int(answer["ContentLength"]) != size or tag is None:
        return False
    with source.open("rb") as local:
        if "-" not in tag:
            return tag == hashlib.file_digest(local, _md5).hexdigest()
        digests = []
        while data := local.read(_part_bytes(size)):
            digests.append(_md5(data).digest())
    return tag == f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"
