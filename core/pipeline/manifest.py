"""The manifest: `manifest.json`, beside the output, says what is there and how it came about.

It is JSON (RFC 8259) in UTF-8, indented by two, objects in the task's order and files by path, and holds no
secret: not even where a secret would come from, since the command that prints a password may hold one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from core.errors import ErrorInfo, NotFound, OutputDamaged
from core.model.mark import MarkRange
from core.model.settings import ExportSettings
from core.model.task import Column, FileEntry, Snapshot
from core.model.vocabulary import Consistency, ObjectRef, ObjectStatus, ObjectType
from core.pipeline.disk import join
from core.pipeline.disk_errors import Gone
from core.pipeline.published import Readable

MANIFEST = "manifest.json"
FORMAT = 1
MAX_BYTES = 1 << 30


class ManifestServer(msgspec.Struct, frozen=True, kw_only=True):
    """What the data came from."""

    product: str
    version: str


class ManifestObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object: its true name, its columns with the types as the source names them, what became of it.

    Where rows were chosen, `where` is the condition that they meet, `query` the query whose result they are.
    `rows` is None where no data was asked for or none was published. `parts` are the rows of each part, in
    the file's order. `snapshot` is the object's own, None where the manifest's holds or none was needed.
    `mark` is what was new of it, where only that was taken.
    """

    type: ObjectType
    name: str
    columns: tuple[Column, ...] = ()
    where: str | None = None
    query: str | None = None
    rows: int | None = None
    parts: tuple[int, ...] = ()
    schema_status: ObjectStatus | None = None
    data_status: ObjectStatus | None = None
    error: ErrorInfo | None = None
    warnings: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    mark: MarkRange | None = None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.type, self.name)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `manifest.json` holds.

    `format` is the version of this form. `task` is the task's number in the store that ran it and `token`
    tells it from a task of the same number elsewhere; `created` is when it was made (UTC; None of an older
    Offramp). `complete` is False where objects failed. `settings`
    are the task's, every one, without secrets. `load` lists the files that load into an empty server, in
    that order.
    """

    format: int
    offramp: str
    task: int
    name: str
    token: str
    export: str | None
    connection: str
    server: ManifestServer
    database: str
    consistency: Consistency
    snapshot: Snapshot | None
    complete: bool
    settings: dict[str, Any]
    objects: tuple[ManifestObject, ...]
    files: tuple[FileEntry, ...]
    load: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    created: datetime | None = None

    def settings_of_task(self) -> ExportSettings:
        """The settings as the task had them, but for secrets."""
        return msgspec.convert(self.settings, ExportSettings)


def dump(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def load(disk: Readable, directory: str) -> Manifest:
    """The manifest in a directory of what is read. Raises NotFound where there is none, OutputDamaged where
    it can't be understood."""
    path = join(directory, MANIFEST)
    where, above = disk.where(path), disk.where(directory)
    try:
        size = disk.size(path)
        if size is None:
            raise NotFound(f"There is no {MANIFEST} in {above}.", "Name the directory of a task.")
        if size > MAX_BYTES:
            raise OutputDamaged(f"{where} is {size} bytes long: that is no manifest.")
        data = b"".join(disk.read(path))
    except Gone:
        raise NotFound(f"There is no {MANIFEST} in {above}.", "Name the directory of a task.") from None
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OutputDamaged(f"{where} is no manifest of Offramp: {error}.") from error
    if manifest.format > FORMAT:
        raise OutputDamaged(
            f"{where} has form {manifest.format}, this Offramp knows up to {FORMAT}.", "Use a newer Offramp."
        )
    return manifest


def plain_settings(settings: ExportSettings) -> dict[str, Any]:
    """All settings, defaults included, in the shape of JSON, without anything about secrets."""
    plain = _plain(settings)
    if settings.sys_account is not None:
        plain["sys_account"] = {"account": settings.sys_account.account}
    return plain


def _plain(item: msgspec.Struct) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in item.__struct_fields__:
        value = getattr(item, name)
        if name == "secret":
            continue
        result[name] = _plain(value) if isinstance(value, msgspec.Struct) else msgspec.to_builtins(value)
    return result
