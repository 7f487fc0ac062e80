"""Where each file of a task stands in its directory: `TABLE/orders-schema.sql`, `TABLE/orders.csv`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core import formats
from core.errors import InvalidValue
from core.model.file_settings import Directories, FileSettings
from core.model.name_template import PART_WIDTH, Piece, parse_template
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import ObjectRef
from core.pipeline.manifest import MANIFEST
from core.pipeline.names import MAX_BYTES, encode, fold, no_device
from core.pipeline.names import file_names as told_apart
from core.pipeline.resolve import sort_key

MERGED = "schema.sql"
LOAD = "load.sql"
# File systems take 255 bytes; of these `-foreign-keys.sql` is the longest ending.
_LONGEST = 235
_SHORTEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a template of file names may tell beside the object. `task` None: not known before it is made, so
    that `{task}` stays as it is; `made` is when that was."""

    connection: str = ""
    database: str = ""
    export: str = ""
    task: int | None = None
    made: datetime

    @classmethod
    def of(cls, task: Task, database: str) -> Names:
        return cls(
            connection=task.settings.connection,
            database=database,
            export=task.export or task.name,
            task=task.id,
            made=task.created,
        )

    def fields(self) -> dict[str, str]:
        """The fields that are the same for all objects, safe in a file's name."""
        made = self.made.astimezone(UTC)
        return {
            "connection": encode(self.connection),
            "database": encode(self.database),
            "export": encode(self.export),
            "task": "{task}" if self.task is None else str(self.task),
            "date": f"{made:%Y%m%d}",
            "time": f"{made:%H%M%S}",
        }


class Layout:
    """The paths of a task's files, which depend on all its objects: names that some file system can't tell
    apart are told apart here. Raises InvalidValue where two files would be called the same, or where the
    template leaves no room for an object's name."""

    def __init__(self, settings: ExportSettings, refs: Iterable[ObjectRef], names: Names) -> None:
        files = settings.files
        self._directories = files.directories
        self._prefix = files.prefix
        self._suffix = formats.data_suffix(settings)
        self._numbered = files.several
        self._pieces = _with_part(parse_template(files.name)) if files.several else parse_template(files.name)
        self._fields = names.fields()
        known = list(dict.fromkeys(refs))
        self._stems = self._told_apart(known)
        if files.directories is Directories.FLAT or files.name != FileSettings().name:
            self._check(settings, known)

    def directory(self, ref: ObjectRef) -> str:
        """Where an object's files are, "" for the task's directory itself."""
        match self._directories:
            case Directories.FLAT:
                return ""
            case Directories.TYPES:
                return str(ref.type)
            case Directories.OBJECTS:
                return f"{ref.type}/{self._stems[ref]}"

    def schema(self, ref: ObjectRef) -> str:
        return self._path(ref, f"{self._stem(ref)}-schema.sql")

    def foreign_keys(self, ref: ObjectRef) -> str:
        return self._path(ref, f"{self._stem(ref)}-foreign-keys.sql")

    def data(self, ref: ObjectRef, number: int | None = None) -> str:
        """An object's data file; of several the one of this number, from 1, None for the only one. All
        files of a task are numbered, or none is."""
        return self._path(ref, self._data_stem(ref, number) + self._suffix)

    def all_of(self, ref: ObjectRef, *, schema: bool, data: bool) -> tuple[str, ...]:
        """What an object's files will be called, for people: of several data files the first, with ... behind
        it."""
        first = f"{self.data(ref, 1)} ..." if self._numbered else self.data(ref)
        return (*((self.schema(ref),) if schema else ()), *((first,) if data else ()))

    def _path(self, ref: ObjectRef, name: str) -> str:
        directory = self.directory(ref)
        return f"{directory}/{name}" if directory else name

    def _stem(self, ref: ObjectRef) -> str:
        return no_device(f"{self._prefix}{self._stems[ref]}")

    def _data_stem(self, ref: ObjectRef, number: int | None) -> str:
        values = {**self._fields, "object": self._stems[ref], "type": str(ref.type)}
        return no_device(self._prefix + _rendered(self._pieces, values, number or 1))

    def _told_apart(self, refs: list[ObjectRef]) -> Mapping[ObjectRef, str]:
        """A name for each object that is its own in the directory where its files, or its directory, are."""
        by_type: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            by_type[ref.type].append(ref.name)
        longest = self._room(list(by_type))
        names = {kind: told_apart(group, longest) for kind, group in by_type.items()}
        stems = {ref: names[ref.type][ref.name] for ref in refs}
        if self._directories is not Directories.FLAT:
            return stems
        taken = {name.rpartition(".")[0] for name in (MANIFEST, MERGED, LOAD)}
        for ref in sorted(refs, key=sort_key):
            stem = stems[ref]
            # No name that was encoded has an encoded dot in it, but for one that is encoded all over.
            choices = (stem, f"{ref.type}.{stem}", f"{ref.type}%2E{stem}")
            stems[ref] = next((choice for choice in choices if fold(choice) not in taken), stem)
            taken.add(fold(stems[ref]))
        return stems

    def _room(self, kinds: Iterable[str]) -> int:
        """The bytes that are left for an object's name in a file's."""
        times = max(1, sum(piece.field == "object" for piece in self._pieces))
        widest = 0
        for kind in kinds:
            values = {**self._fields, "object": "", "type": kind}
            flat = 2 * len(kind) if self._directories is Directories.FLAT else 0
            widest = max(widest, len(_rendered(self._pieces, values, 1).encode()) + flat)
        room = (_LONGEST - len(self._prefix.encode()) - widest) // times
        if room < _SHORTEST:
            raise InvalidValue(
                "The template of file names leaves too little room for the objects' names.",
                "A file's name has 255 bytes at most: shorten the prefix or the template.",
            )
        return min(MAX_BYTES, room)

    def _check(self, settings: ExportSettings, refs: Iterable[ObjectRef]) -> None:
        """Raises InvalidValue where two files have one path: a template can end in what schema files do."""
        seen: dict[str, str] = {}
        for path in (MANIFEST, MERGED, LOAD):
            seen[fold(path)] = path
        for ref in refs:
            paths = [self.schema(ref), self.foreign_keys(ref)] if settings.content.schema else []
            if settings.takes_rows(ref):
                paths.append(self.data(ref))
            for path in paths:
                if fold(path) in seen:
                    raise InvalidValue(
                        f"Two files would be called {path}.", "Change the template of file names."
                    )
                seen[fold(path)] = path


def file_names(
    settings: ExportSettings, refs: Sequence[ObjectRef], names: Names
) -> dict[ObjectRef, tuple[str, ...]]:
    """What the files of these objects will be called, for people, by `Layout.all_of`. Raises InvalidValue."""
    if settings.schema.merge:
        return dict.fromkeys(refs, (MERGED,))
    layout = Layout(settings, refs, names)
    schema = settings.content.schema
    return {ref: layout.all_of(ref, schema=schema, data=settings.takes_rows(ref)) for ref in refs}


def _with_part(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    if any(piece.field == "part" for piece in pieces):
        return pieces
    return (*pieces, Piece(text="-"), Piece(field="part", width=PART_WIDTH))


def _rendered(pieces: Iterable[Piece], values: Mapping[str, str], number: int) -> str:
    return "".join(
        f"{number:0{piece.width}d}" if piece.field == "part" else values.get(piece.field, piece.text)
        for piece in pieces
    )
