"""What a task's directory holds beside the objects' own files: the load script and the manifest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from core import __version__
from core.formats.text import encode_text
from core.model.settings import ExportSettings
from core.model.task import FileEntry, TaskObject
from core.model.vocabulary import Encoding, Format, ObjectRef, ObjectStatus, ObjectType, Unencodable
from core.pipeline.context import Context
from core.pipeline.layout import LOAD, MERGED
from core.pipeline.manifest import FORMAT, Manifest, ManifestObject, ManifestServer, plain_settings
from core.pipeline.script import LAST, load_script
from core.pipeline.writer import write_file


def load_order(
    settings: ExportSettings, objects: Sequence[TaskObject], files: Sequence[FileEntry]
) -> tuple[str, ...]:
    """The files that a database's client loads into an empty database, in that order: tables and what they
    need, their rows, then what is built on them, foreign keys where they stand apart, triggers and events
    last. Rows of views aren't loaded: their tables bring them. `objects` come after what they need. Empty
    where the rows aren't SQL."""
    if settings.content.data and settings.format is not Format.SQL:
        return ()
    by_object: dict[tuple[str | None, str], list[str]] = defaultdict(list)
    for entry in sorted(files, key=lambda entry: entry.place):
        by_object[entry.object, entry.kind].append(entry.path)
    done = [item.ref for item in objects if item.done]

    def paths(kind: str, refs: Iterable[ObjectRef]) -> list[str]:
        return [path for ref in refs for path in by_object[str(ref), kind]]

    last = [ref for ref in done if ref.type in LAST]
    made = [ref for ref in done if ref.type not in LAST]
    tables = [ref for ref in made if ref.type is ObjectType.TABLE]
    # A table may need a function; only a table that is there has rows.
    before_rows = made.index(tables[-1]) + 1 if tables else 0
    return (
        *[entry.path for entry in files if entry.path == MERGED],
        *paths("schema", made[:before_rows]),
        *paths("data", tables),
        *paths("schema", made[before_rows:]),
        *paths("foreign-keys", made),
        *paths("schema", last),
    )


def write_load_script(ctx: Context, order: Sequence[str]) -> FileEntry | None:
    """The script that loads the whole directory with one command, where there is more than one file to
    load and the database's client has a way to include files."""
    dialect = ctx.session.dialect
    if not dialect.include or len(order) < 2:
        return None
    text = load_script(dialect, ctx.settings.encoding, ctx.settings.compression, order)
    # Paths are bytes to the client: the script is in UTF-8, whatever its files are in.
    data = encode_text(text, Encoding.UTF_8, Unencodable.FAIL, LOAD)
    size, digest = write_file(ctx.disk, ctx.built(LOAD), data)
    return FileEntry(path=LOAD, kind="load", object=None, rows=0, bytes=size, sha256=digest)


def make_manifest(
    ctx: Context,
    *,
    connection: str,
    objects: Sequence[TaskObject],
    files: Sequence[FileEntry],
    load: Sequence[str],
    notes: Sequence[str],
) -> Manifest:
    """The manifest of these objects and files, as far as the task got."""
    task = ctx.task
    return Manifest(
        format=FORMAT,
        offramp=__version__,
        task=task.id,
        name=task.name,
        token=ctx.place.token,
        created=task.created,
        export=task.export,
        connection=connection,
        server=ManifestServer(product=ctx.session.server.product, version=ctx.session.server.version),
        database=ctx.database,
        consistency=task.settings.consistency,
        snapshot=ctx.snapshot,
        complete=all(item.done for item in objects),
        settings=plain_settings(task.settings),
        objects=tuple(_object(task.settings, item) for item in objects),
        files=tuple(sorted(files, key=lambda entry: entry.path)),
        load=tuple(load),
        notes=tuple(notes),
    )


def _object(settings: ExportSettings, item: TaskObject) -> ManifestObject:
    has_rows = item.done and item.data_status is ObjectStatus.SUCCESS
    return ManifestObject(
        type=item.ref.type,
        name=item.ref.name,
        columns=item.columns,
        where=settings.where_of(item.ref),
        query=settings.queries[item.ref.name] if item.ref.type is ObjectType.QUERY else None,
        rows=item.processed_rows if has_rows else None,
        parts=tuple(part.rows or 0 for part in item.parts) if has_rows else (),
        schema_status=item.schema_status,
        data_status=item.data_status,
        error=item.error,
        warnings=item.warnings,
        snapshot=item.snapshot,
        mark=item.mark.plain if item.mark is not None else None,
    )
