"""The dialogs for columns, rows and queries. Each calls `then` with what the form is to hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.model.vocabulary import ObjectRef
from tui.screens.wizard.rows import Rows, choice_from, typed, words, wrong_choice, wrong_query
from tui.screens.wizard.texts import pattern_of
from tui.widgets.ask_several import AskSeveral
from tui.widgets.dialog import Choice, Choose

if TYPE_CHECKING:
    from tui.app import OfframpApp

Then = Callable[[Rows], object]
_LABELS = {
    "columns": "Only these columns, with commas; empty: all",
    "exclude": "Leave out these columns",
    "where": "Only rows that meet this condition, in SQL",
}


def choose_of(app: OfframpApp, ref: ObjectRef, rows: Rows, then: Then) -> None:
    """Of one object."""
    now = typed(rows.of_object(ref))

    def answered(texts: dict[str, str] | None) -> None:
        if texts is not None and texts != now:
            then(rows.choose(pattern_of(ref), choice_from(texts)))

    entries = [(name, label, now[name]) for name, label in _LABELS.items()]
    app.push_screen(AskSeveral(f"What of {ref} is taken", entries, check=wrong_choice), answered)


def choose(app: OfframpApp, rows: Rows, then: Then) -> None:
    """Of all that is chosen, or another one."""
    choices = [Choice(f"c:{pattern}", pattern, detail=words(chosen)) for pattern, chosen in rows.choices]
    choices += [Choice(f"q:{name}", f"QUERY:{name}", detail=text) for name, text in rows.queries]
    choices += [
        Choice("new query", "A query as a data set", "q"),
        Choice("new choice", "Columns or rows by name or pattern", "c"),
    ]

    def chosen(answer: str | None) -> None:
        if answer is None:
            return
        if answer == "new query":
            _ask_query(app, "", rows, then)
        elif answer == "new choice":
            _ask_choice(app, "", rows, then)
        elif answer.startswith("q:"):
            _ask_query(app, answer[2:], rows, then)
        else:
            _ask_choice(app, answer[2:], rows, then)

    app.push_screen(Choose("Columns, rows and queries", choices), chosen)


def _ask_choice(app: OfframpApp, pattern: str, rows: Rows, then: Then) -> None:
    now = typed(dict(rows.choices).get(pattern))

    def answered(texts: dict[str, str] | None) -> None:
        if texts is not None:
            without = rows.choose(pattern, None)
            then(without.choose(texts["pattern"], choice_from(texts)))

    entries = [("pattern", "Of: TABLE:orders, orders or ord*", pattern)]
    entries += [(name, label, now[name]) for name, label in _LABELS.items()]
    app.push_screen(AskSeveral("What of some objects is taken", entries, check=wrong_choice), answered)


def _ask_query(app: OfframpApp, name: str, rows: Rows, then: Then) -> None:
    def answered(texts: dict[str, str] | None) -> None:
        if texts is not None:
            then(rows.ask(texts["name"].strip(), texts["query"], instead_of=name))

    entries = [
        ("name", "Its name, by which its file is called", name),
        ("query", "One SELECT in the database's own SQL; empty: none", dict(rows.queries).get(name, "")),
    ]
    app.push_screen(AskSeveral("A query as a data set", entries, check=wrong_query), answered)
