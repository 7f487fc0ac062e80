"""Marks of exports that take only what is new: where they stand, what the next run would read, moving
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import Conflict, InvalidValue, OfframpError, UsageError
from core.model.mark import Mark, MarkMove, Window
from core.model.settings import Export
from core.model.vocabulary import ObjectPattern, ObjectRef, ObjectType
from core.service.context import Context


@dataclass(frozen=True, slots=True)
class Next:
    """What the next run would read of an object, if it began now. `column` None: all of its rows, every time.
    `mark` is how far it has been read; `rows` are behind that, from `lowest` to `highest`; `again` are
    before it and are looked at once more. `problem` says why it can't be told."""

    object: str
    column: str | None
    mark: str | None
    rows: int | None = None
    lowest: str | None = None
    highest: str | None = None
    again: int = 0
    hazards: tuple[str, ...] = ()
    problem: str = ""


class MarksOfExports:
    def __init__(self, context: Context) -> None:
        self._context = context

    def of(self, name: str) -> list[Mark]:
        """How far an export has read each of its objects. Raises NotFound."""
        self._context.store.exports.get(name)
        return self._context.store.marks.of(name)

    def all(self) -> Mapping[str, Sequence[Mark]]:
        """Those of every export that has any."""
        return self._context.store.marks.all()

    def moves(self, name: str, most: int = 200) -> list[MarkMove]:
        """What has moved an export's marks, the newest first. Raises NotFound."""
        self._context.store.exports.get(name)
        return self._context.store.marks.moves(name, most)

    def set(self, name: str, values: Mapping[str, str]) -> list[Mark]:
        """Have the next run read what is beyond these values; by object, as `orders` or `TABLE:orders`.
        Raises NotFound, InvalidValue; Conflict where the export takes all rows, or while a task of it is at
        work."""
        export = self._taking_new(name)
        store = self._context.store.marks
        known = {mark.object: mark for mark in store.of(name)}
        return [
            store.set(name, object_of(text, known), value, self._column(export, object_of(text, known)))
            for text, value in values.items()
        ]

    def forget(self, name: str, objects: Sequence[str] = ()) -> list[str]:
        """Have the next run read everything of these objects, or of all. Which those are. Raises as `set`."""
        self._context.store.exports.get(name)
        known = {mark.object: mark for mark in self._context.store.marks.of(name)}
        return self._context.store.marks.forget(name, [object_of(text, known) for text in objects])

    def rewind(self, name: str, task: int) -> list[Mark]:
        """Have the next run read again what a task has read, and what came after. The marks then. Raises
        NotFound, Conflict."""
        self._context.store.exports.get(name)
        return self._context.store.marks.rewind(name, task)

    def ahead(self, name: str) -> list[Next]:
        """What the next run would read, counted in the source now. Raises NotFound, Conflict where the export
        takes all rows, SecretError, ConnectError, SourceError."""
        from core.pipeline.resolve import resolve_objects  # noqa: PLC0415 - brings numpy

        export = self._taking_new(name)
        settings = export.settings
        connection = self._context.store.connections.get(settings.connection)
        known = {mark.object: mark for mark in self._context.store.marks.of(name)}
        with self._context.source(connection, settings.sys_account).connect() as session:
            from core.pipeline.look_ahead import look_ahead  # noqa: PLC0415

            resolved = resolve_objects(session, settings, connection.begins_in)
            found = []
            for info in resolved.objects:
                if not settings.takes_rows(info.ref):
                    continue
                mark = known.get(str(info.ref))
                try:
                    chosen, rows, again = look_ahead(session, settings, resolved.database, info.ref, mark)
                except OfframpError as error:
                    if error.transient:
                        raise
                    found.append(
                        Next(
                            object=str(info.ref),
                            column=mark.column if mark else None,
                            mark=mark.value if mark else None,
                            problem=str(error),
                        )
                    )
                    continue
                found.append(
                    Next(
                        object=str(info.ref),
                        column=chosen.column.name if chosen.column else None,
                        mark=mark.value if mark else None,
                        rows=rows.rows,
                        lowest=rows.lowest,
                        highest=rows.highest,
                        again=again,
                        hazards=chosen.hazards,
                    )
                )
        return found

    def _taking_new(self, name: str) -> Export:
        export = self._context.store.exports.get(name)
        if export.settings.window is not Window.NEW:
            raise Conflict(
                f"Export {name!r} takes all rows every time: it has no marks.",
                f"Have it take only what is new: offramp export edit {name} --window new",
            )
        return export

    @staticmethod
    def _column(export: Export, object_: str) -> str | None:
        held = export.settings.mark
        plain = object_.partition(":")[2]
        return held.columns.get(plain, held.columns.get(object_)) or held.column


def object_of(text: str, known: Mapping[str, Mark]) -> str:
    """`orders` or `VIEW:orders` as marks call it: that of the mark that is known by this name, else a
    table's. Raises UsageError where several are."""
    try:
        pattern = ObjectPattern.parse(text)
    except InvalidValue:
        pattern = None
    if pattern is not None and pattern.type is not None:
        return str(ObjectRef(pattern.type, text.partition(":")[2]))
    named = [name for name in known if name.partition(":")[2] == text]
    if len(named) > 1:
        raise UsageError(f"{text!r} may be {' or '.join(named)}.", "Write it with its type.")
    return named[0] if named else str(ObjectRef(ObjectType.TABLE, text))
