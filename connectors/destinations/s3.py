"""Amazon S3 and what speaks like it, through fsspec's s3fs.

An object appears whole or not at all. Each request says the MD5 of what it carries (RFC 1864), which the
server compares, and the entity tag that it answers with is compared here where it is an MD5. Objects are put
on the condition that there is none of that name (If-None-Match: *, RFC 9110). Large ones go in parts:
"Uploading and copying objects using multipart upload" of the S3 User Guide.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import s3fs
from botocore.exceptions import BotoCoreError, ClientError
from fsspec.asyn import sync

from connectors.destinations.filesystem import FilesystemFiles
from connectors.destinations.s3_sums import PART_BYTES, Part, digest_of, md5, part_bytes, same
from connectors.destinations.s3_words import Absent, NotKnown, Taken, explained, refused
from connectors.elsewhere import Elsewhere, Found, Told
from core.errors import OutputDamaged, OutputError
from core.model.destination import YES, Destination, parts_of

AT_ONCE = 4
READ_BYTES = 4 << 20


class S3Files(FilesystemFiles):
    """Directories are only in names: nothing makes or removes them."""

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
        except Absent:
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
            if not same(there, source, size):
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
        except Absent:
            return None
        return found

    def _put_whole(self, path: str, data: bytes, condition: dict[str, str]) -> None:
        digest = md5(data).digest()
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
            done, digests = self._send_parts(path, local, part_bytes(size), begun, told)
            whole = md5(b"".join(digests)).hexdigest()
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
            parts: list[Part] = []
            while len(parts) < AT_ONCE and (data := local.read(length)):
                parts.append(Part(len(done) + len(parts) + 1, data))
            if not parts:
                return done, digests
            with self.words(path):
                answers = sync(self.system.loop, self._send_at_once, self._key(path), upload, parts)
            for part, answer in zip(parts, answers, strict=True):
                self._compare(path, answer, part.digest.hex())
                done.append({"PartNumber": part.number, "ETag": answer["ETag"]})
                digests.append(part.digest)
                told(len(part.data))

    async def _send_at_once(self, key: str, upload: str, parts: list[Part]) -> list[Any]:
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
        except Taken:
            there = self._head(path)
            if there is None or digest_of(there) != tag:
                raise self.taken(path) from None
            return there
        except NotKnown:
            if not condition:
                raise
            return self._conditional(path, tag, {}, method, **arguments)
        return answer

    def _compare(self, path: str, answer: dict[str, Any], digest: str) -> None:
        """Entity tags of objects that are encrypted with a key of their own are no MD5, and say nothing."""
        if "SSEKMSKeyId" in answer or str(answer.get("ServerSideEncryption", "AES256")) != "AES256":
            return
        found = digest_of(answer)
        if found is not None and found != digest:
            raise OutputDamaged(
                f"{self.where(path)} was sent, and something else arrived: its checksum differs.",
                "Retry sends it again.",
            )

    # Directories, which are only in names

    def make_directory(self, path: str) -> None:
        """There are none."""

    def remove(self, path: str) -> None:
        with suppress(Absent):
            self._call(path, "delete_object", Key=self._key(path))

    def same(self, path: str, source: Path) -> bool:
        there = self._head(path)
        return there is not None and same(there, source, source.stat().st_size)

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

    def explain(self, error: Exception, path: str) -> OutputError:
        return explained(error, self.where(path), self._bucket, self.destination)


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
            raise refused(error, address.host, self.destination) from error
        return S3Files(self.destination, system, address.host, address.path)


def _objects(page: dict[str, Any], begin: str) -> dict[str, Found]:
    """The objects of a listing, by the rest of their names. Those that consoles make for empty directories
    have names that end in a slash."""
    return {
        item["Key"][len(begin) :]: Found(int(item["Size"]))
        for item in page.get("Contents", ())
        if not item["Key"].endswith("/")
    }
