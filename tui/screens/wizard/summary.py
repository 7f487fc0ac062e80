"""The last step: what will be done, whether it can be, and as a command."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from core.model.destination import below
from core.model.format_settings import BigNumbers, SqlRows, Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import Format, Lock, OnError
from core.service import schedule_words, watch_words
from core.service.words import count, data_form
from tui.cli import notify
from tui.cli.engine_options import words_of as engine_words
from tui.cli.file_options import place_words, words_of
from tui.cli.into_options import words_of as into_words
from tui.look import Glyphs
from tui.runs import EMPTY, Line, join, run, wrap
from tui.screens.wizard import choices, repeating, rows
from tui.screens.wizard.checking import Checked
from tui.screens.wizard.data_files import csv_fields, csv_of, data_settings
from tui.screens.wizard.draft import AT, EXPORT, FULL, HAND, Draft
from tui.screens.wizard.fields import BY_ID
from tui.screens.wizard.findings import preflight_lines
from tui.screens.wizard.rules import Known, export_of, path_of
from tui.screens.wizard.texts import notify_from, number

LONGEST = 12
LONG = 200


def lines(
    draft: Draft, known: Known, wrong: Mapping[str, str], checked: Checked, *, columns: int, glyphs: Glyphs
) -> list[Line]:
    """Everything on one page; what is `wrong` stands alone."""
    made: list[Line] = []
    for name, text in wrong.items():
        label = f"{BY_ID[name].label}: " if name in BY_ID else ""
        made += [run(line, "bad") for line in wrap(f"{glyphs.bad} {label}{text}", columns)]
    if wrong:
        return made
    for label, text in facts(draft, known):
        for index, line in enumerate(wrap(text, columns - 13)):
            made.append(join(run(f"{label if index == 0 else '':<13}", "dim"), run(line)))
    made.append(EMPTY)
    made += preflight_lines(checked.findings, checked.error, columns, glyphs)
    if checked.spelled is None:
        return made
    made += [EMPTY, run("As a command (y copies it)", "head")]
    made += command_lines(checked.spelled.command, columns)
    made += [EMPTY, run("As a definition, for offramp export apply", "head")]
    definition = checked.spelled.definition.splitlines()
    made += [run(line, "dim") for text in definition[:LONG] for line in _folded(text, columns)]
    if len(definition) > LONG:
        made.append(run(f"... and {len(definition) - LONG:,} more lines", "dim"))
    return made


def command_lines(command: str, columns: int) -> Iterator[Line]:
    """The command, or its beginning where it names thousands of objects."""
    shown = command[: LONGEST * columns]
    yield from (run(text) for text in wrap(shown, columns))
    if len(shown) < len(command):
        yield run(f"... and {len(command) - len(shown):,} more characters; y copies all of it", "dim")


def _folded(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns, drop_whitespace=False) or [""]


def facts(draft: Draft, known: Known) -> Iterator[tuple[str, str]]:
    """What will be done, in a few lines."""
    where = " / ".join(filter(None, (draft.connection, draft.database or known.database)))
    yield "From", where
    yield "Objects", objects(draft)
    for pattern, choice in draft.rows.choices:
        yield "Of these", f"{pattern}: {rows.words(choice)}"
    for name, query in draft.rows.queries:
        yield "Query", f"{name}: {query}"
    yield "Content", content(draft)
    few = draft.settings_of_few()
    yield from (
        (label, text) for label, text in (("Files", words_of(few)), ("Read by", engine_words(few))) if text
    )
    target = path_of(draft.target(known.base, known.opened))
    if not draft.to_files:
        yield "To", into_words(draft.settings_of_few())
        if draft.keep != EXPORT:
            yield "Name", draft.title()
    elif draft.keep == EXPORT:
        yield "To", f"{below(target, draft.title())}/ {_place(draft, known)}"
    else:
        yield "To", target
        yield "Name", draft.title()
    starts = {AT: f"at {draft.at.strip()}", HAND: "by hand"}.get(draft.when, "now")
    if draft.periodic:
        starts = schedule_words.whole(draft.repeat.schedule(known.opened))
    if draft.watched:
        starts = watch_words.whole(draft.watching.watch())
    yield "Start", starts
    if draft.periodic:
        yield "Next run", repeating.coming(draft.repeat, known.opened, known.now)[0]
    if draft.only_new:
        yield "Rows", watch_words.new_rows(draft.fresh.settings())
    told = notify.words_of(notify_from(draft.notify))
    if told:
        yield "Tells", told
    held = f"{choices.CONSISTENCIES[draft.consistency]} as of one point in time"
    held += ", under a brief lock" if draft.lock is Lock.BRIEF else ""
    ends = "stops at the first error" if draft.on_error is OnError.ABORT else "goes on after errors"
    yield "Reading", f"{held}; {ends}; {_retries(draft.retry_limit.strip())}"


def _place(draft: Draft, known: Known) -> str:
    """What a saved export's runs do with its place."""
    said = place_words(export_of(draft, known, draft.settings_of_few()))
    return said if draft.filed.fixed else ", ".join(filter(None, ("and a directory for each run", said)))


def _retries(number: str) -> str:
    return {"0": "no retries", "1": "1 retry"}.get(number, f"{number} retries")


def objects(draft: Draft) -> str:
    if draft.range == FULL:
        text = "the whole database"
    else:
        pieces = [count(len(draft.selected), "object")] if draft.selected else []
        if draft.patterns.strip():
            pieces.append(draft.patterns.strip())
        text = " and ".join(pieces) or ("none" if draft.rows.queries else "none yet")
        dropped = len(draft.chosen) - len(draft.selected)
        if dropped:
            text += f" ({count(dropped, 'marked one')} without data left out)"
    return f"{text} without {draft.exclude.strip()}" if draft.exclude.strip() else text


def content(draft: Draft) -> str:
    """`schema and data, CSV, UTF-8, header, "," '"' LF`, `data only, Parquet zstd:9`."""
    pieces = [choices.CONTENTS[draft.content]]
    if not draft.to_files:
        return ", ".join([*pieces, *(["NULL for what doesn't fit"] if draft.on_unfit is Unfit.NULL else [])])
    if draft.content.data:
        pieces.append(data_files(draft))
    if draft.text_applies or draft.content.schema:
        pieces.append(str(draft.encoding))
    if draft.writes(Format.CSV):
        form = csv_fields(csv_of(draft))
        pieces += ["header" if draft.header else "no header"]
        pieces.append(f"{form['separator']!r} {draft.quote} {draft.newline.upper()}")
        pieces += [f"NULL as {draft.null}"] if draft.null else []
        pieces += ["no formulas"] if draft.safe else []
    if draft.writes(Format.SQL) and draft.sql_rows is SqlRows.COPY:
        pieces.append("rows behind COPY")
    if draft.writes(Format.SQL) and draft.batch:
        pieces.append(f"COMMIT every {draft.batch_rows.strip()} rows")
    if draft.writes(Format.JSONL):
        pieces.append(f"bytes in {draft.json_binary}")
        pieces += ["big numbers as text"] if draft.big_numbers is BigNumbers.TEXT else []
    if draft.writes(Format.PARQUET):
        pieces.append(f"row groups of {number(draft.row_group_rows):,}")
    if draft.writes(Format.PARQUET, Format.ARROW) and draft.on_unfit is Unfit.NULL:
        pieces.append("NULL for what doesn't fit")
    if draft.content.schema:
        schema = draft.schema()
        pieces += ["DROP before CREATE"] if schema.drop else []
        pieces += ["one schema file"] if schema.merge else []
        pieces += [f"flavour {schema.flavour}"] if schema.flavour != "native" else []
        pieces += ["privileges"] if schema.privileges else []
    return ", ".join(pieces)


def data_files(draft: Draft) -> str:
    """`CSV`, `JSON Lines gzip:3`, `Parquet zstd`: the format, and how its files are compressed."""
    return data_form(ExportSettings(connection="", all_objects=True, **data_settings(draft)))
