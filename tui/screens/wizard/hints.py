"""The line at the bottom: what the current field wants, or what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from tui.plain import cut
from tui.runs import Line, run, wrap
from tui.screens.wizard.draft import EXPORT, HAND, Draft
from tui.screens.wizard.field import Field, Step
from tui.screens.wizard.fields import of_step
from tui.screens.wizard.new_rows import WATCH
from tui.screens.wizard.repeating import PERIODIC
from tui.screens.wizard.rules import Known

ROOM = 2
MARKING = "space marks, * all that is shown, t the next type, / searches, u unmarks."


def hint(
    step: Step,
    field: Field | None,
    draft: Draft,
    known: Known,
    wrong: Mapping[str, str],
    *,
    listing: bool,
    trouble: str,
) -> tuple[str, str]:
    """Words and their role. `field`: the one that the cursor is in; `listing`: it is in the list of objects;
    `trouble`: why the server couldn't be asked, and how it is asked again."""
    if not listing and field is not None and field.id in wrong:
        return wrong[field.id], "bad"
    if trouble and step in (Step.CONTENT, Step.DATABASE, Step.OBJECTS):
        return trouble, "warn"
    if listing:
        return f"{wrong.get('objects', '')} {MARKING}".lstrip(), "warn" if "objects" in wrong else "dim"
    if step is Step.SUMMARY:
        saves = draft.keep == EXPORT and draft.when in (HAND, PERIODIC, WATCH)
        return (
            "Enter goes to what is wrong." if wrong else f"Enter {'saves' if saves else 'starts'} it.",
            "dim",
        )
    if not any(item.shown(draft, known) for item in of_step(step)):
        return f"Nothing to set here: {_without(draft)}.", "dim"
    return (field.hint if field is not None else ""), "dim"


def _without(draft: Draft) -> str:
    """Why a step has no fields."""
    if not draft.to_files:
        return "rows go into another database, and no files are made"
    return "data only, so there are no files with definitions"


def lines(text: str, role: str, columns: int) -> list[Line]:
    """The two lines that there are room for; what is longer ends in an ellipsis."""
    found = wrap(text, columns)
    if len(found) > ROOM:
        found = [*found[: ROOM - 1], cut(" ".join(found[ROOM - 1 :]), columns)]
    return [run(line, role) for line in found]
