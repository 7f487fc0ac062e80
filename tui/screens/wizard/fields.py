"""The fields of the form, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.model.settings import CSV_PRESETS, CsvSettings
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Format,
    Lock,
    Newline,
    OnError,
    SchemaFlavour,
    Unencodable,
)
from tui.screens.wizard.draft import AT, EXPORT, FULL, HAND, NOW, PARTIAL, TASK, Draft, csv_fields
from tui.screens.wizard.field import NO, YES, Field, Option, Step, field
from tui.screens.wizard.rules import Known

OWN = "own"


_SWITCH = ((YES, "yes"), (NO, "no"))


def _connections(draft: Draft, known: Known) -> Sequence[Option]:
    return [Option(name, name) for name in known.connections] or [Option("", "none yet: press 3 to add one")]


def _put_connection(draft: Draft, text: str) -> Draft:
    """Another connection has other databases and objects."""
    if text == draft.connection:
        return draft
    return replace(draft, connection=text, database="", chosen=frozenset())


def _databases(draft: Draft, known: Known) -> Sequence[Option]:
    if known.databases is None:
        return [Option(draft.database, draft.database or "asking the server ...")]
    return [Option(name, name) for name in known.databases] or [Option("", "none that this account sees")]


def _get_database(draft: Draft, known: Known) -> str:
    return draft.database or known.database


def _put_database(draft: Draft, text: str) -> Draft:
    return draft if text == draft.database else replace(draft, database=text, chosen=frozenset())


def _range(draft: Draft, known: Known) -> Sequence[Option]:
    total = ""
    if known.kinds is not None:
        number = sum(n for kind, n in known.kinds.items() if draft.content.schema or kind.has_data)
        total = f" ({number:,})"
    return [Option(PARTIAL, "some objects"), Option(FULL, f"everything{total}")]


def _encodings(draft: Draft, known: Known) -> Sequence[Option]:
    return [Option(item.value, item.value) for item in Encoding]


def _get_preset(draft: Draft, known: Known) -> str:
    own = {name: getattr(draft, name) for name in csv_fields(CsvSettings())}
    for name, csv in (("", CsvSettings()), *CSV_PRESETS.items()):
        if csv_fields(csv) == own:
            return name
    return OWN


def _presets(draft: Draft, known: Known) -> Sequence[Option]:
    named = [
        Option("", "RFC 4180"),
        *(Option(n, n) for n, csv in CSV_PRESETS.items() if csv != CsvSettings()),
    ]
    return [*named, Option(OWN, "own")] if _get_preset(draft, known) == OWN else named


def _put_preset(draft: Draft, text: str) -> Draft:
    if text == OWN:
        return draft
    return replace(draft, **csv_fields(CSV_PRESETS[text] if text else CsvSettings()))


def _when(draft: Draft, known: Known) -> Sequence[Option]:
    timed = Option(AT, "at a time")
    if draft.keep == EXPORT:
        return [Option(HAND, "by hand (only save)"), Option(NOW, "save and run now"), timed]
    return [Option(NOW, "now"), timed]


def _put_keep(draft: Draft, text: str) -> Draft:
    """A saved export need not run; a task must."""
    if text == draft.keep:
        return draft
    when = draft.when if draft.when == AT else HAND if text == EXPORT else NOW
    return replace(draft, keep=text, when=when)


def _get_title(draft: Draft, known: Known) -> str:
    return draft.title()


def _get_target(draft: Draft, known: Known) -> str:
    return draft.target(known.base, known.opened)


def _csv(draft: Draft, known: Known) -> bool:
    return draft.csv_applies


def _data(draft: Draft, known: Known) -> bool:
    return draft.content.data


def _schema(draft: Draft, known: Known) -> bool:
    return draft.content.schema


def _new(draft: Draft, known: Known) -> bool:
    return known.edits is None


def _sys(draft: Draft, known: Known) -> bool:
    return draft.sys


S = Step
FIELDS: tuple[Field, ...] = (
    field(
        "connection",
        S.CONTENT,
        "Connection",
        "The connection to export from.",
        _connections,
        put=_put_connection,
    ),
    field(
        "content",
        S.CONTENT,
        "Content",
        "What leaves the database: schema, data, or both.",
        (
            (Content.SCHEMA_AND_DATA, "schema and data"),
            (Content.DATA, "data only"),
            (Content.SCHEMA, "schema only"),
        ),
    ),
    field(
        "database",
        S.DATABASE,
        "Database",
        "The database to export from; not the system's own.",
        _databases,
        get=_get_database,
        put=_put_database,
    ),
    field("range", S.OBJECTS, "Range", "Some objects, or all that are there when the task runs.", _range),
    field(
        "patterns",
        S.OBJECTS,
        "By pattern",
        "More objects, as on the command line: ord* 'TABLE:my table' VIEW:v_*; may be empty.",
        shown=lambda draft, known: draft.range == PARTIAL,
    ),
    field(
        "exclude",
        S.OBJECTS,
        "Leave out",
        "Objects to leave out again: names or patterns; may be empty.",
        shown=lambda draft, known: draft.range == FULL or bool(draft.exclude or draft.patterns),
    ),
    field(
        "format",
        S.DATA,
        "Format",
        "CSV for any reader, SQL to load into the same kind of database.",
        ((Format.CSV, "CSV"), (Format.SQL, "SQL")),
        shown=_data,
    ),
    field(
        "encoding",
        S.DATA,
        "Encoding",
        "The character encoding of the files; space shows the list.",
        _encodings,
    ),
    field(
        "on_unencodable",
        S.DATA,
        "Lacking characters",
        "A character that the encoding lacks: fail and say where, write ?, or write \\u{HEX}.",
        ((Unencodable.FAIL, "fail"), (Unencodable.REPLACE, "replace"), (Unencodable.ESCAPE, "escape")),
    ),
    field(
        "preset",
        S.DATA,
        "CSV for",
        "Sets all fields below as this reader wants them.",
        _presets,
        shown=_csv,
        get=_get_preset,
        put=_put_preset,
    ),
    field("header", S.DATA, "Header", "Column names in the first line.", _SWITCH, shown=_csv),
    field("separator", S.DATA, "Separator", "Between values: one character, or tab.", shown=_csv),
    field(
        "quote",
        S.DATA,
        "Text qualifier",
        "Around values that need it; doubled inside of them.",
        (('"', '"'), ("'", "'")),
        shown=_csv,
    ),
    field(
        "newline",
        S.DATA,
        "Line break",
        "At the end of each line.",
        ((Newline.LF, "\\n"), (Newline.CRLF, "\\r\\n"), (Newline.CR, "\\r")),
        shown=_csv,
    ),
    field(
        "null",
        S.DATA,
        "NULL is",
        'Stands for NULL, unquoted; empty: nothing, and an empty string is "".',
        shown=_csv,
    ),
    field(
        "binary",
        S.DATA,
        "Bytes as",
        "How bytes are written.",
        tuple((form, form) for form in CsvSettings.BINARY_FORMS),
        shown=_csv,
    ),
    field(
        "escape_backslash",
        S.DATA,
        "Double \\",
        "For readers that take backslashes as escapes.",
        _SWITCH,
        shown=_csv,
    ),
    field("bom", S.DATA, "Byte-order mark", "Before UTF-8 too; Excel wants it.", _SWITCH, shown=_csv),
    field(
        "batch",
        S.DATA,
        "Batch commit",
        "A COMMIT after every so many rows.",
        _SWITCH,
        shown=lambda draft, known: draft.sql_applies,
    ),
    field(
        "batch_rows",
        S.DATA,
        "Rows",
        "So many rows between two COMMITs.",
        shown=lambda draft, known: draft.sql_applies and draft.batch,
    ),
    field(
        "drop",
        S.SCHEMA,
        "DROP before CREATE",
        "What is there already is removed when the file is loaded.",
        _SWITCH,
        shown=_schema,
    ),
    field(
        "merge",
        S.SCHEMA,
        "One file",
        "All of the schema in one SQL file, in an order that can be loaded.",
        _SWITCH,
        shown=lambda draft, known: draft.content is Content.SCHEMA,
    ),
    field(
        "flavour",
        S.SCHEMA,
        "Flavour",
        "As the server prints it, or without what only OceanBase and MariaDB understand.",
        ((SchemaFlavour.NATIVE, "native"), (SchemaFlavour.MYSQL, "mysql")),
        shown=_schema,
    ),
    field(
        "keep",
        S.DESTINATION,
        "Make",
        "A task that runs once, or a saved export for many runs.",
        ((TASK, "a task, once"), (EXPORT, "a saved export")),
        shown=_new,
        put=_put_keep,
    ),
    field(
        "name",
        S.DESTINATION,
        "Name",
        "What lists call it; of a saved export, a directory too.",
        shown=_new,
        get=_get_title,
    ),
    field(
        "directory",
        S.DESTINATION,
        "Directory",
        "A task's own directory, absent or empty; a saved export makes one in it for each run.",
        get=_get_target,
    ),
    field("when", S.EXECUTION, "Start", "When it begins.", _when),
    field(
        "at",
        S.EXECUTION,
        "Time",
        "2026-11-30T04:00 (local, or with a zone), 04:00 (the next), or +2h.",
        shown=lambda draft, known: draft.when == AT,
    ),
    field(
        "consistency",
        S.EXECUTION,
        "Consistency",
        "What is of one point in time: the whole task (global snapshot), each object, each part of one.",
        (
            (Consistency.TASK, "the task"),
            (Consistency.OBJECT, "each object"),
            (Consistency.PART, "each part"),
        ),
    ),
    field(
        "lock",
        S.EXECUTION,
        "Lock",
        "Whether a short FLUSH TABLES WITH READ LOCK may be taken for that; writers wait meanwhile.",
        ((Lock.NEVER, "never"), (Lock.BRIEF, "briefly")),
    ),
    field(
        "on_error",
        S.EXECUTION,
        "On error",
        "When an object fails: abort, or go on with the others.",
        ((OnError.ABORT, "abort"), (OnError.CONTINUE, "ignore and continue")),
    ),
    field("retry_limit", S.EXECUTION, "Retry limit", "Automatic retries after passing errors; 0 for none."),
    field(
        "sys",
        S.SYS,
        "Use sys account",
        "For what an ordinary account can't see. From OceanBase 4.0 on it isn't needed.",
        _SWITCH,
    ),
    field(
        "account",
        S.SYS,
        "Account",
        "The bare name, without @sys and #cluster.",
        shown=_sys,
    ),
    field(
        "password",
        S.SYS,
        "Password",
        "Kept in Offramp's secrets file; empty: the one that is known.",
        shown=_sys,
        secret=True,
    ),
    field(
        "retain",
        S.SUMMARY,
        "Retain settings",
        "Data-file and schema-file settings become the defaults of the next export.",
        _SWITCH,
    ),
)

BY_ID = {item.id: item for item in FIELDS}


def of_step(step: Step) -> tuple[Field, ...]:
    return tuple(item for item in FIELDS if item.step is step)


def step_of(field_id: str) -> Step:
    """The step at which a problem is put right."""
    return BY_ID[field_id].step if field_id in BY_ID else Step.OBJECTS


def steps(known: Known) -> tuple[Step, ...]:
    """Those that there are: the sys account is OceanBase's."""
    return tuple(step for step in Step if step is not Step.SYS or known.oceanbase)
