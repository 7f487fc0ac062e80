"""Whether what was published still is what it was: against its manifest, and against its source."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors.base import Session
from core.errors import NotFound, OutputError
from core.model.settings import ExportSettings
from core.model.task import FileEntry
from core.pipeline import manifest as manifests
from core.pipeline.manifest import MANIFEST, Manifest
from core.pipeline.published import Readable, readable
from core.pipeline.reread import reread


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one file (`name` is its path) or one object (`TYPE:NAME`), in words."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`complete` is what the manifest says of the task: False where objects had failed. `ok` whether
    everything that is listed is as it was and nothing else is there."""

    directory: str
    complete: bool
    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def problems(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if not verdict.ok)


def verify(where: Path | Readable, check: Callable[[], None] = lambda: None) -> VerifyReport:
    """Read every published file back, in a local directory or elsewhere, and compare it with the manifest
    beside it: missing, other size, other SHA-256,
    and files that the manifest doesn't know. `check` is called between pieces and may raise. Raises NotFound
    where there is no manifest, OutputDamaged where it can't be understood."""
    published = readable(where)
    manifest = manifests.load(published, "")
    verdicts = [_check_file(published, entry, check) for entry in manifest.files]
    known = {entry.path for entry in manifest.files} | {MANIFEST}
    verdicts += [
        Verdict(path, ok=False, words="isn't in the manifest.")
        for path in published.tree("")
        if path not in known
    ]
    return VerifyReport(published.where(""), manifest.complete, tuple(verdicts))


def verify_against_source(
    where: Path | Readable,
    session: Session,
    check: Callable[[], None] = lambda: None,
    *,
    known: ExportSettings | None = None,
) -> VerifyReport:
    """Read every object with data from its source again, through the same format, and compare what comes
    out with the manifest: as of the recorded point in time where the server can still go there, else as of
    now. Nothing is written. `known`: see `reread`. Raises what `verify` raises, NotFound where the database
    is gone, and ConnectionLost."""
    published = readable(where)
    manifest = manifests.load(published, "")
    if manifest.database not in session.databases():
        raise NotFound(
            f"The source has no database {manifest.database!r}, or this account doesn't see it.",
            "Use the connection that the files came from.",
        )
    entries = _data_files(manifest)
    verdicts = []
    for item in manifest.objects:
        # Without rows it may have no file.
        if item.rows is not None:
            files = entries[str(item.ref)]
            ok, words = reread(session, manifest, item, files, disk=published, check=check, known=known)
            verdicts.append(Verdict(str(item.ref), ok, words))
    return VerifyReport(published.where(""), manifest.complete, tuple(verdicts))


def _data_files(manifest: Manifest) -> dict[str, list[FileEntry]]:
    """The data files of each object, in the order of their rows."""
    found: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in sorted(manifest.files, key=lambda entry: entry.place):
        if entry.kind == "data":
            found[str(entry.object)].append(entry)
    return found


def _check_file(disk: Readable, entry: FileEntry, check: Callable[[], None]) -> Verdict:
    try:
        size = disk.size(entry.path)
        if size is None:
            return Verdict(entry.path, ok=False, words="is missing, or is no regular file.")
        if size != entry.bytes:
            return Verdict(entry.path, ok=False, words=f"has {size} bytes; {entry.bytes} were written.")
        digest = hashlib.sha256()
        for piece in disk.read(entry.path, entry.bytes):
            check()
            digest.update(piece)
    except OutputError as error:
        return Verdict(entry.path, ok=False, words=error.message)
    if digest.hexdigest() != entry.sha256:
        return Verdict(entry.path, ok=False, words="has other content than was written (SHA-256 differs).")
    return Verdict(entry.path, ok=True, words=f"{entry.rows} rows, {entry.bytes} bytes, as written.")
