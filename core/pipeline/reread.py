"""An object read from its source a second time, to compare it with the files that were made of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import msgspec

from connectors.base import ReadRequest, Session, TableShape
from core import formats
from core.chunk import Chunk
from core.errors import DataError, NotFound, OutputError, SnapshotGone, SnapshotUnavailable, SourceError
from core.formats.base import Encoder
from core.formats.compress import decompressed
from core.model.format_settings import Compression
from core.model.mark import Window
from core.model.settings import ExportSettings
from core.model.task import Column, FileEntry, PartPlan, Snapshot
from core.pipeline.manifest import Manifest, ManifestObject
from core.pipeline.plan import parts_of
from core.pipeline.points import ended_after
from core.pipeline.published import Readable
from core.pipeline.record import shape_of


def reread(
    session: Session,
    manifest: Manifest,
    item: ManifestObject,
    entries: Sequence[FileEntry],
    *,
    disk: Readable,
    check: Callable[[], None],
    known: ExportSettings | None = None,
) -> tuple[bool, str]:
    """Whether the object's rows give the same files again, and words. `entries` are its data files in the
    order of their rows, `disk` holds what was published: of a compressed file the content counts. Nothing of
    the manifest is sent to the server but names, as identifiers: a manifest may have been changed by anybody.
    `known` are the task's settings as the store has them, None where it doesn't know the task: conditions and
    queries come from there only. Raises transient errors, and whatever `check` raises."""
    snapshot = item.snapshot or manifest.snapshot
    settings = known or _without_sql(manifest.settings_of_task())
    reason = _why_not(item, settings, known)
    if reason:
        return False, reason
    try:
        shape = shape_of(session, settings, manifest.database, item.ref)
        now = tuple(Column(name=column.name, type=column.type) for column in shape.columns)
        if now != item.columns:
            return False, "has other columns in the source now."
        as_of, since = _begin(session, snapshot)
        with ended_after(session):
            again = _Again(session, manifest, item, shape, entries, settings=settings)
            rows, digests = again.read(snapshot, check)
    except (SourceError, DataError, NotFound) as error:
        if error.transient:
            raise
        return False, f"can't be read again: {error}"
    try:
        published = [_published(manifest, entry, disk, check) for entry in entries]
    except OutputError as error:
        return False, error.message
    written = sum(entry.rows for entry in entries)
    if digests == published and rows == written:
        return True, f"{rows} rows, the same {as_of}."
    counts = f"{written} rows were written, {rows} are read {as_of}"
    if rows == written:
        counts = f"the same number of rows ({rows}) {as_of}, but other content"
    return False, f"differs: {counts}.{since}"


def _why_not(item: ManifestObject, settings: ExportSettings, known: ExportSettings | None) -> str:
    """Why it can't be read again, "" where it can."""
    if known is None and (item.where is not None or item.query is not None):
        what = "query" if item.query is not None else "condition"
        return f"was read by a {what}, which isn't taken from a manifest: its task isn't known here."
    if settings.window is Window.NEW:
        return "was read for what was new then, which can't be told from the rest now."
    return ""


def _without_sql(settings: ExportSettings) -> ExportSettings:
    """With the choice of columns only, which are names."""
    choices = {
        name: msgspec.structs.replace(choice, where=None)
        for name, choice in settings.choices.items()
        if choice.columns or choice.exclude
    }
    return msgspec.structs.replace(settings, choices=choices)


def _begin(session: Session, snapshot: Snapshot | None) -> tuple[str, str]:
    """Open the recorded point in time, or the present; gives words for it, and what a difference may mean."""
    if snapshot is not None and snapshot.reopens:
        with contextlib.suppress(SnapshotGone, SnapshotUnavailable):
            session.begin(snapshot)
            return f"as of snapshot {snapshot.id}", ""
    session.begin()
    return "as of now", " The source may have changed since the export."


def _published(manifest: Manifest, entry: FileEntry, disk: Readable, check: Callable[[], None]) -> str:
    """The SHA-256 of what the file holds. Raises OutputError."""
    compression = manifest.settings_of_task().compression
    if compression is Compression.NONE:
        return entry.sha256
    digest = hashlib.sha256()
    for piece in decompressed(disk.read(entry.path, entry.bytes), compression, entry.path):
        check()
        digest.update(piece)
    return digest.hexdigest()


class _Again:
    """Makes the files once more, of what is read now, and keeps their SHA-256 only."""

    def __init__(
        self,
        session: Session,
        manifest: Manifest,
        item: ManifestObject,
        shape: TableShape,
        entries: Sequence[FileEntry],
        *,
        settings: ExportSettings,
    ) -> None:
        self._session = session
        self._database = manifest.database
        self._settings = settings
        self._parts = item.parts
        if not self._settings.format.is_text:
            shape = session.settle(manifest.database, shape)
        self._shape = shape
        # Files end after as many rows as then; what is more now goes to the last.
        self._sizes = [entry.rows for entry in entries]
        self._digests: list[hashlib._Hash] = []
        self._encoder: Encoder | None = None
        self._room = 0

    def read(self, snapshot: Snapshot | None, check: Callable[[], None]) -> tuple[int, list[str]]:
        """Rows, and the SHA-256 of each file that they make."""
        rows = 0
        if self._sizes:
            self._next()
        for chunk in self._chunks(snapshot):
            check()
            if isinstance(chunk, _PartEnd):
                self._put(lambda encoder: encoder.flush())
            else:
                rows += chunk.rows
                self._take(chunk)
        self._put(lambda encoder: encoder.end())
        return rows, [digest.hexdigest() for digest in self._digests]

    def _next(self) -> None:
        self._put(lambda encoder: encoder.end())
        self._room = self._sizes[len(self._digests)]
        self._encoder = formats.open_encoder(
            self._settings, self._session.dialect, self._database, self._shape
        )
        self._digests.append(hashlib.sha256())
        self._put(lambda encoder: encoder.begin())

    def _put(self, made: Callable[[Encoder], bytes]) -> None:
        if self._encoder is not None:
            self._digests[-1].update(made(self._encoder))

    def _take(self, chunk: Chunk) -> None:
        at = 0
        while at < chunk.rows and self._encoder is not None:
            last = len(self._digests) == len(self._sizes)
            if not self._room and not last:
                self._next()
                continue
            end = chunk.rows if last else min(chunk.rows, at + self._room)
            for piece in self._encoder.encode(chunk.between(at, end)):
                self._digests[-1].update(piece)
            self._room -= end - at
            at = end

    def _chunks(self, snapshot: Snapshot | None) -> Iterator[Chunk | _PartEnd]:
        """The rows, with a mark where each part ends: in the parts into which the source cuts the object now,
        where these are as many as then, since a part's rows may come in an order of its own."""
        parts: tuple[PartPlan, ...] = ()
        if len(self._parts) > 1:
            parts = parts_of(self._session, self._settings, self._database, self._shape, snapshot)
        if len(parts) != len(self._parts):
            whole = self._read(PartPlan(number=0))
            yield from _cut(whole, list(accumulate(self._parts)))
            return
        for part in parts:
            yield from self._read(part)
            yield _PartEnd()

    def _read(self, part: PartPlan) -> Iterator[Chunk]:
        where = self._settings.where_of(self._shape.ref)
        request = ReadRequest(
            database=self._database, shape=self._shape, part=part, where=where, comment="offramp verify"
        )
        text = self._settings.format.is_text
        return self._session.read(request) if text else self._session.read_typed(request)


class _PartEnd:
    """Stands between chunks where a part of the export ended."""


def _cut(chunks: Iterator[Chunk], ends: Sequence[int]) -> Iterator[Chunk | _PartEnd]:
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
