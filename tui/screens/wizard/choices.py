"""What fields offer, and what else follows when one is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from core.errors import InvalidValue
from core.model.destination import leaves
from core.model.format_settings import SqlRows
from core.model.into import PREFIX, Existing, Into
from core.model.settings import CSV_PRESETS, CsvSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Lock, Mode
from tui.screens.wizard.data_files import csv_fields
from tui.screens.wizard.draft import AT, EXPORT, FULL, HAND, NOW, PARTIAL, Draft
from tui.screens.wizard.field import NO, YES, Option
from tui.screens.wizard.new_rows import WATCH
from tui.screens.wizard.repeating import PERIODIC
from tui.screens.wizard.rules import WITH_PRIVILEGES, Known

OWN = "own"
CONTENTS = {
    Content.SCHEMA_AND_DATA: "schema and data",
    Content.DATA: "data only",
    Content.SCHEMA: "schema only",
}
CONSISTENCIES = {
    Consistency.TASK: "the task",
    Consistency.OBJECT: "each object",
    Consistency.PART: "each part",
}
SWITCH = ((YES, "yes"), (NO, "no"))


def connections(draft: Draft, known: Known) -> Sequence[Option]:
    return [Option(name, name) for name in known.connections] or [Option("", "none yet: press 3 to add one")]


def put_connection(draft: Draft, text: str) -> Draft:
    """Another connection has other databases and objects, and mustn't be shown this one's password."""
    if text == draft.connection:
        return draft
    return replace(
        draft, connection=text, database="", chosen=frozenset(), sys=False, password="", secret=None
    )


def databases(draft: Draft, known: Known) -> Sequence[Option]:
    if known.databases is None:
        return [Option(draft.database, draft.database or "asking the server ...")]
    return [Option(name, name) for name in known.databases] or [Option("", "none that this account sees")]


def get_database(draft: Draft, known: Known) -> str:
    return draft.database or known.database


def put_database(draft: Draft, text: str) -> Draft:
    return draft if text == draft.database else replace(draft, database=text, chosen=frozenset())


def ranges(draft: Draft, known: Known) -> Sequence[Option]:
    total = ""
    if known.kinds is not None:
        number = sum(n for kind, n in known.kinds.items() if draft.content.schema or kind.has_data)
        total = f" ({number:,})"
    return [Option(PARTIAL, "some objects"), Option(FULL, f"everything{total}")]


def encodings(draft: Draft, known: Known) -> Sequence[Option]:
    return [Option(item.value, item.value) for item in Encoding]


def get_preset(draft: Draft, known: Known) -> str:
    own = {name: getattr(draft, name) for name in csv_fields(CsvSettings())}
    for name, csv in (("", CsvSettings()), *CSV_PRESETS.items()):
        if csv_fields(csv) == own:
            return name
    return OWN


def presets(draft: Draft, known: Known) -> Sequence[Option]:
    named = [
        Option("", "RFC 4180"),
        *(Option(n, n) for n, csv in CSV_PRESETS.items() if csv != CsvSettings()),
    ]
    return [*named, Option(OWN, "own")] if get_preset(draft, known) == OWN else named


def put_preset(draft: Draft, text: str) -> Draft:
    if text == OWN:
        return draft
    return replace(draft, **csv_fields(CSV_PRESETS[text] if text else CsvSettings()))


def when(draft: Draft, known: Known) -> Sequence[Option]:
    timed = Option(AT, "at a time")
    if draft.keep == EXPORT:
        watched = Option(WATCH, "on new data")
        return [Option(HAND, "by hand"), Option(NOW, "now"), Option(PERIODIC, "periodically"), watched, timed]
    return [Option(NOW, "now"), timed]


def put_keep(draft: Draft, text: str) -> Draft:
    """A saved export need not run; a task must."""
    if text == draft.keep:
        return draft
    when = draft.when if draft.when == AT else HAND if text == EXPORT else NOW
    return replace(draft, keep=text, when=when)


def get_title(draft: Draft, known: Known) -> str:
    return draft.title()


def get_target(draft: Draft, known: Known) -> str:
    return draft.target(known.base, known.opened)


def places(draft: Draft, known: Known) -> Sequence[Option]:
    """The destinations that have a name, and whatever else is typed."""
    here = Option("", "a directory or URL")
    databases = [Into(connection=name).place for name in known.connections if name != draft.connection]
    return [
        here,
        *(Option(name, name) for name in known.destinations),
        *(Option(place, place) for place in databases),
    ]


def get_place(draft: Draft, known: Known) -> str:
    target = draft.target(known.base, known.opened).strip()
    if target.startswith(PREFIX):
        with suppress(InvalidValue):
            found = Into.parse(target)
            return Into(connection=found.connection).place if found is not None else ""
    name = target.partition(":")[0] if leaves(target) else ""
    return name if name in known.destinations else ""


def put_place(draft: Draft, text: str) -> Draft:
    """What was typed there gives way to what is made there."""
    return replace(draft, destination=text, directory=None)


def tables(draft: Draft, known: Known) -> Sequence[Option]:
    """What becomes of tables that are there; rows alone can be added to them."""
    replaced = "new tables in their place" if draft.content.schema else "new rows in the place of theirs"
    return [
        Option(Existing.CREATE, "none may be there"),
        *([] if draft.content.schema else [Option(Existing.APPEND, "rows beside theirs")]),
        Option(Existing.REPLACE, replaced),
    ]


def of_files(shown: Callable[[Draft, Known], bool]) -> Callable[[Draft, Known], bool]:
    """The same, but only where anything is written to files."""
    return lambda draft, known: draft.to_files and shown(draft, known)


def into(draft: Draft, known: Known) -> bool:
    return not draft.to_files


def csv(draft: Draft, known: Known) -> bool:
    return draft.writes(Format.CSV)


def data(draft: Draft, known: Known) -> bool:
    return draft.content.data


def schema(draft: Draft, known: Known) -> bool:
    return draft.content.schema


def new(draft: Draft, known: Known) -> bool:
    return known.edits is None


def sys(draft: Draft, known: Known) -> bool:
    return draft.sys


def sql_rows(draft: Draft, known: Known) -> bool:
    """Where it was chosen elsewhere, it must be seen to be taken back."""
    of_use = known.mode is Mode.POSTGRESQL or draft.sql_rows is SqlRows.COPY
    return draft.writes(Format.SQL) and of_use


def privileges(draft: Draft, known: Known) -> bool:
    return draft.content.schema and (known.mode in WITH_PRIVILEGES or draft.privileges)


def locks(draft: Draft, known: Known) -> bool:
    """Where there is such a lock, and reading as of a point in time may need it. Where it was chosen
    elsewhere, it must be seen to be taken back."""
    of_use = known.mode is None or known.mode.outside or known.mode in (Mode.MYSQL, Mode.MARIADB)
    return of_use or draft.lock is Lock.BRIEF
