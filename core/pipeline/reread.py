"""An object read from its source a second time, to compare it with the file that was made of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from connectors.base import ReadRequest, Session, TableShape
from core import formats
from core.chunk import TextChunk
from core.errors import DataError, NotFound, OutputError, SnapshotGone, SnapshotUnavailable, SourceError
from core.formats.compress import decompressed
from core.model.format_settings import Compression
from core.model.settings import ExportSettings
from core.model.task import Column, FileEntry, PartPlan, Snapshot
from core.pipeline.disk import Disk
from core.pipeline.manifest import Manifest, ManifestObject
from core.pipeline.points import ended_after


def reread(
    session: Session,
    manifest: Manifest,
    item: ManifestObject,
    entry: FileEntry,
    *,
    disk: Disk,
    check: Callable[[], None],
) -> tuple[bool, str]:
    """Whether the object's rows give the same file again, and words. `disk` holds what was published: of a
    compressed file the content counts. Nothing of the manifest is sent to
    the server but names, as identifiers: a manifest may have been changed by anybody. Raises transient
    errors, and whatever `check` raises."""
    snapshot = item.snapshot or manifest.snapshot
    try:
        shape = session.describe(manifest.database, item.ref)
        now = tuple(Column(name=column.name, type=column.type) for column in shape.columns)
        if now != item.columns:
            return False, "has other columns in the source now."
        as_of, since = _begin(session, snapshot)
        with ended_after(session):
            rows, digest = _hash(session, manifest, item, shape, check)
    except (SourceError, DataError, NotFound) as error:
        if error.transient:
            raise
        return False, f"can't be read again: {error}"
    try:
        published = _published(manifest, entry, disk, check)
    except OutputError as error:
        return False, error.message
    if digest == published:
        return True, f"{rows} rows, the same {as_of}."
    counts = f"{entry.rows} rows were written, {rows} are read {as_of}"
    if rows == entry.rows:
        counts = f"the same number of rows ({rows}) {as_of}, but other content"
    return False, f"differs: {counts}.{since}"


def _begin(session: Session, snapshot: Snapshot | None) -> tuple[str, str]:
    """Open the recorded point in time, or the present; gives words for it, and what a difference may mean."""
    if snapshot is not None and snapshot.reopens:
        with contextlib.suppress(SnapshotGone, SnapshotUnavailable):
            session.begin(snapshot)
            return f"as of snapshot {snapshot.id}", ""
    session.begin()
    return "as of now", " The source may have changed since the export."


def _published(manifest: Manifest, entry: FileEntry, disk: Disk, check: Callable[[], None]) -> str:
    """The SHA-256 of what the file holds. Raises OutputError."""
    compression = manifest.settings_of_task().compression
    if compression is Compression.NONE:
        return entry.sha256
    digest = hashlib.sha256()
    for piece in decompressed(disk.read(entry.path, entry.bytes), compression, entry.path):
        check()
        digest.update(piece)
    return digest.hexdigest()


def _hash(
    session: Session, manifest: Manifest, item: ManifestObject, shape: TableShape, check: Callable[[], None]
) -> tuple[int, str]:
    """Rows, and the SHA-256 of the file that they make, with parts ending after as many rows as then."""
    settings: ExportSettings = manifest.settings_of_task()
    if not settings.format.is_text:
        shape = session.settle(manifest.database, shape)
    encoder = formats.open_encoder(settings, session.dialect, manifest.database, shape)
    digest = hashlib.sha256(encoder.begin())
    request = ReadRequest(
        database=manifest.database, shape=shape, part=PartPlan(number=0), comment="offramp verify"
    )
    rows = 0
    ends = list(accumulate(item.parts))
    for chunk in _cut(session.read(request), ends):
        check()
        if isinstance(chunk, TextChunk):
            rows += chunk.rows
            for piece in encoder.encode(chunk):
                digest.update(piece)
        else:
            digest.update(encoder.flush())
    digest.update(encoder.end())
    return rows, digest.hexdigest()


class _PartEnd:
    """Stands between chunks where a part of the export ended."""


def _cut(chunks: Iterator[TextChunk], ends: Sequence[int]) -> Iterator[TextChunk | _PartEnd]:
    """The chunks, cut where parts ended (`ends`: rows from the beginning, the last may be missed), with a
    mark after each part. Rows beyond the last end belong to the last part."""
    done, inner = 0, list(ends[:-1])
    for chunk in chunks:
        begin = 0
        while inner and inner[0] <= done + chunk.rows:
            cut = inner.pop(0) - done
            if cut > begin:
                yield chunk.between(begin, cut)
            yield _PartEnd()
            begin = cut
        if begin < chunk.rows:
            yield chunk.between(begin, chunk.rows)
        done += chunk.rows
    yield _PartEnd()
