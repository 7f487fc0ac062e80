"""The steps at the side; and the last of them: what will be done, whether it can be, and as a command."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping

from core.errors import InvalidValue
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Format
from core.service.words import count
from tui.look import Glyphs
from tui.runs import EMPTY, Line, join, run, wrap
from tui.screens.wizard import work
from tui.screens.wizard.draft import AT, EXPORT, FULL, HAND, Draft, csv_fields
from tui.screens.wizard.field import Step
from tui.screens.wizard.fields import BY_ID, step_of, steps
from tui.screens.wizard.rules import Known, path_of

LONGEST = 12


def step_lines(
    step: Step, visited: Collection[Step], wrong: Mapping[str, str], known: Known, glyphs: Glyphs
) -> list[Line]:
    """The steps, with a mark for the current one, for what is done, and for what is wrong."""
    bad = {step_of(name) for name in wrong}
    made = []
    for each in steps(known):
        here, seen = each is step, each in visited
        mark, role = " ", "dim"
        if each is not Step.SUMMARY and each in bad and seen:
            mark, role = glyphs.bad, "bad"
        elif here:
            mark, role = glyphs.cursor, "accent"
        elif each is not Step.SUMMARY and seen:
            mark, role = glyphs.good, "good"
        made.append(join(run(f"{mark} ", role), run(each.value, "accent" if here else "" if seen else "dim")))
    return made


def lines(
    draft: Draft,
    known: Known,
    wrong: Mapping[str, str],
    checked: work.Checked,
    *,
    base: ExportSettings | None,
    columns: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Everything on one page; `wrong` stands first."""
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
    made += work.preflight_lines(checked, draft.settings(), columns, glyphs)
    try:
        command, definition = work.command(draft, known, base), work.toml(draft, known)
    except InvalidValue as error:
        return [*made, run(error.message, "bad")]
    made += [EMPTY, run("As a command (y copies it)", "head")]
    made += _first(wrap(command, columns))
    made += [EMPTY, run("As a definition, for offramp export apply", "head")]
    made += [run(line, "dim") for text in definition.splitlines() for line in _folded(text, columns)]
    return made


def _first(texts: list[str]) -> Iterator[Line]:
    yield from (run(text) for text in texts[:LONGEST])
    if len(texts) > LONGEST:
        yield run(f"... and {count(len(texts) - LONGEST, 'line')} more; y copies all of it", "dim")


def _folded(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns, drop_whitespace=False) or [""]


def facts(draft: Draft, known: Known) -> Iterator[tuple[str, str]]:
    """What will be done, in a few lines."""
    where = " / ".join(filter(None, (draft.connection, draft.database or known.database)))
    yield "From", where
    yield "Objects", objects(draft)
    yield "Content", content(draft)
    target = path_of(draft.target(known.base, known.opened))
    if draft.keep == EXPORT:
        yield "To", f"{target}/{draft.title()}/ and a directory for each run"
    else:
        yield "To", target
        yield "Name", draft.title()
    starts = {AT: f"at {draft.at.strip()}", HAND: "by hand"}.get(draft.when, "now")
    yield "Start", starts
    held = f"consistency {draft.consistency}, on error {draft.on_error}, retries {draft.retry_limit.strip()}"
    yield "Reading", held + (", brief lock" if draft.lock == "brief" else "")


def objects(draft: Draft) -> str:
    if draft.range == FULL:
        text = "the whole database"
    else:
        pieces = [count(len(draft.selected), "object")] if draft.selected else []
        if draft.patterns.strip():
            pieces.append(draft.patterns.strip())
        text = " and ".join(pieces) or "none yet"
        dropped = len(draft.chosen) - len(draft.selected)
        if dropped:
            text += f" ({count(dropped, 'marked one')} without data left out)"
    return f"{text} without {draft.exclude.strip()}" if draft.exclude.strip() else text


def content(draft: Draft) -> str:
    """`schema and data, CSV, UTF-8, header, "," '"' LF`."""
    names = {
        Content.SCHEMA_AND_DATA: "schema and data",
        Content.DATA: "data only",
        Content.SCHEMA: "schema only",
    }
    pieces = [names[draft.content]]
    if draft.content.data:
        pieces.append("CSV" if draft.format is Format.CSV else "SQL")
    pieces.append(str(draft.encoding))
    if draft.csv_applies:
        form = csv_fields(draft.csv())
        pieces += ["header" if draft.header else "no header"]
        pieces.append(f"{form['separator']!r} {draft.quote} {draft.newline.upper()}")
        pieces += [f"NULL as {draft.null}"] if draft.null else []
    if draft.sql_applies and draft.batch:
        pieces.append(f"COMMIT every {draft.batch_rows.strip()} rows")
    if draft.content.schema:
        schema = draft.schema()
        pieces += ["DROP before CREATE"] if schema.drop else []
        pieces += ["one schema file"] if schema.merge else []
        pieces += [f"flavour {schema.flavour}"] if schema.flavour != "native" else []
    return ", ".join(pieces)
