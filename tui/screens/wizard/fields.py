"""The fields of the form, in their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.model.vocabulary import Content, Lock, OnError, SchemaFlavour
from tui.screens.wizard import choices
from tui.screens.wizard.data_fields import DATA_FIELDS
from tui.screens.wizard.draft import AT, EXPORT, FULL, PARTIAL, TASK
from tui.screens.wizard.field import Field, Step, field
from tui.screens.wizard.file_fields import FILE_FIELDS, PLACE_FIELDS
from tui.screens.wizard.new_fields import NEW_FIELDS, WATCH_FIELDS
from tui.screens.wizard.repeat_fields import REPEAT_FIELDS
from tui.screens.wizard.rules import Known

S = Step
FIELDS: tuple[Field, ...] = (
    field(
        "connection",
        S.CONTENT,
        "Connection",
        "The connection to export from.",
        choices.connections,
        put=choices.put_connection,
    ),
    field(
        "content",
        S.CONTENT,
        "Content",
        "What leaves the database: schema, data, or both.",
        tuple(choices.CONTENTS.items()),
    ),
    field(
        "database",
        S.DATABASE,
        "Database",
        "The database to export from; not the system's own.",
        choices.databases,
        get=choices.get_database,
        put=choices.put_database,
    ),
    field("range", S.OBJECTS, "Range", "Some objects, or all that are there when it runs.", choices.ranges),
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
    *DATA_FIELDS,
    field(
        "drop",
        S.SCHEMA,
        "DROP before CREATE",
        "What is there already is removed when the file is loaded.",
        choices.SWITCH,
        shown=choices.schema,
    ),
    field(
        "merge",
        S.SCHEMA,
        "One file",
        "All of the schema in one SQL file, in an order that can be loaded.",
        choices.SWITCH,
        shown=lambda draft, known: draft.content is Content.SCHEMA,
    ),
    field(
        "flavour",
        S.SCHEMA,
        "Flavour",
        "As the server prints it, or without what only OceanBase and MariaDB understand.",
        ((SchemaFlavour.NATIVE, "native"), (SchemaFlavour.MYSQL, "mysql")),
        shown=choices.schema,
    ),
    field(
        "privileges",
        S.SCHEMA,
        "Privileges",
        "GRANT statements too; the roles that they name must be there when the files are loaded.",
        choices.SWITCH,
        shown=choices.privileges,
    ),
    *FILE_FIELDS,
    field(
        "keep",
        S.DESTINATION,
        "Make",
        "A task that runs once, or a saved export for many runs.",
        ((TASK, "a task, once"), (EXPORT, "a saved export")),
        shown=choices.new,
        put=choices.put_keep,
    ),
    field(
        "name",
        S.DESTINATION,
        "Name",
        "What lists call it; of a saved export, a directory too.",
        shown=choices.new,
        get=choices.get_title,
    ),
    field(
        "to",
        S.DESTINATION,
        "To",
        "A destination with a name (3 adds one), a connection's database, or what stands below.",
        choices.places,
        shown=lambda draft, known: bool(known.destinations) or len(known.connections) > 1,
        get=choices.get_place,
        put=choices.put_place,
    ),
    field(
        "directory",
        S.DESTINATION,
        "Directory",
        "A task's own directory, absent or empty; a saved export makes one in it for each run.",
        get=choices.get_target,
    ),
    field(
        "tables",
        S.DESTINATION,
        "Tables there",
        "Of tables that are in the other database already, and have the names of these.",
        choices.tables,
        shown=choices.into,
    ),
    *PLACE_FIELDS,
    field(
        "when",
        S.EXECUTION,
        "Start",
        "When it begins; a saved export can also be left to be run by hand, or run by itself.",
        choices.when,
    ),
    field(
        "at",
        S.EXECUTION,
        "Time",
        "2026-11-30T04:00 (local, or with a zone), 04:00 (the next), or +2h.",
        shown=lambda draft, known: draft.when == AT,
    ),
    *REPEAT_FIELDS,
    *WATCH_FIELDS,
    *NEW_FIELDS,
    field(
        "consistency",
        S.EXECUTION,
        "Consistency",
        "What is of one point in time: the whole task (global snapshot), each object, each part of one.",
        tuple(choices.CONSISTENCIES.items()),
    ),
    field(
        "lock",
        S.EXECUTION,
        "Lock",
        "Whether a short FLUSH TABLES WITH READ LOCK may be taken for that; writers wait meanwhile.",
        ((Lock.NEVER, "never"), (Lock.BRIEF, "briefly")),
        shown=choices.locks,
    ),
    field(
        "on_error",
        S.EXECUTION,
        "On error",
        "When an object fails: abort, or go on with the others.",
        ((OnError.ABORT, "abort"), (OnError.CONTINUE, "ignore and continue")),
    ),
    field(
        "notify",
        S.EXECUTION,
        "Tell of the end",
        "command:PROGRAM https://HOST/PATH mailto:ADDRESS, failed= before for failures; none; empty: usual.",
    ),
    field("retry_limit", S.EXECUTION, "Retry limit", "Automatic retries after passing errors; 0 for none."),
    field(
        "sys",
        S.SYS,
        "Use sys account",
        "For what an ordinary account can't see. From OceanBase 4.0 on it isn't needed.",
        choices.SWITCH,
    ),
    field(
        "account",
        S.SYS,
        "Account",
        "The bare name, without @sys and #cluster.",
        shown=choices.sys,
    ),
    field(
        "password",
        S.SYS,
        "Password",
        "Kept in Offramp's secrets file; empty: the one that is known.",
        shown=choices.sys,
        secret=True,
    ),
    field(
        "retain",
        S.SUMMARY,
        "Retain settings",
        "Data-file and schema-file settings become the defaults of the next export.",
        choices.SWITCH,
    ),
)

# Of these, all but what becomes of single values is a matter of files.
_ON_VALUES = ("on_unfit", "on_unencodable")
FIELDS = tuple(
    replace(item, shown=choices.of_files(item.shown))
    if item.step in (S.DATA, S.SCHEMA) and item.id not in _ON_VALUES
    else item
    for item in FIELDS
)
BY_ID = {item.id: item for item in FIELDS}


def of_step(step: Step) -> tuple[Field, ...]:
    return tuple(item for item in FIELDS if item.step is step)


def step_of(field_id: str) -> Step:
    """The step at which a problem is put right."""
    return BY_ID[field_id].step if field_id in BY_ID else Step.OBJECTS


def first_of(wrong: Iterable[str]) -> str:
    """The first of what is wrong, in the form's order."""
    order = list(BY_ID)
    return min(wrong, key=lambda name: order.index(name) if name in order else order.index("range"))


def steps(known: Known) -> tuple[Step, ...]:
    """Those that there are: the sys account is OceanBase's."""
    return tuple(step for step in Step if step is not Step.SYS or known.oceanbase)


def step_named(name: str) -> Step:
    """By its own name, or by that of one of its fields; the first one for anything else."""
    if name in BY_ID:
        return BY_ID[name].step
    return next((step for step in Step if name in (step.value, step.name.lower())), Step.CONTENT)
