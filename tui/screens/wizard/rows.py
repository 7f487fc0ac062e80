"""Which columns and rows are taken, and which queries: as the form holds them, and as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.errors import InvalidValue
from core.model.choice import Choice, check_choices, check_queries, choice_of
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef
from tui.cli.choice_settings import line_of, names_of


@dataclass(frozen=True, slots=True)
class Rows:
    """`choices` by objects as people type them, `queries` by name, both in their order."""

    choices: tuple[tuple[str, Choice], ...] = ()
    queries: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, settings: ExportSettings) -> Rows:
        return cls(tuple(settings.choices.items()), tuple(settings.queries.items()))

    def of_object(self, ref: ObjectRef) -> Choice | None:
        """What is taken of it; None: all."""
        return choice_of(dict(self.choices), ref)

    def words_of(self, ref: ObjectRef) -> str:
        """For a list of objects."""
        return words(self.of_object(ref)) if self.choices else ""

    def choose(self, pattern: str, choice: Choice | None) -> Rows:
        """With this choice for a pattern, or without any."""
        kept = dict(self.choices)
        kept.pop(pattern, None) if choice is None else kept.update({pattern: choice})
        return replace(self, choices=tuple(kept.items()))

    def ask(self, name: str, query: str, *, instead_of: str = "") -> Rows:
        """With this query, in the place of another; without that where it is empty."""
        kept = {known: text for known, text in self.queries if known != instead_of}
        if query.strip():
            kept[name] = query.strip()
        return replace(self, queries=tuple(kept.items()))


ALL = Rows()
"""What the form begins with."""


def typed(choice: Choice | None) -> dict[str, str]:
    """A choice as it is typed."""
    if choice is None:
        return {"columns": "", "exclude": "", "where": ""}
    return {
        "columns": line_of(choice.columns),
        "exclude": line_of(choice.exclude),
        "where": choice.where or "",
    }


def choice_from(texts: Mapping[str, str]) -> Choice | None:
    """What was typed; None where that is nothing. Raises InvalidValue."""
    columns, exclude, where = names_of(texts["columns"]), names_of(texts["exclude"]), texts["where"].strip()
    if not (columns or exclude or where):
        return None
    return Choice(columns=columns, exclude=exclude, where=where or None)


def wrong_choice(texts: Mapping[str, str]) -> str:
    """What is wrong with it, "" for nothing."""
    try:
        choice = choice_from(texts)
        if "pattern" in texts:
            check_choices({texts["pattern"]: choice or Choice(where="x")})
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def wrong_query(texts: Mapping[str, str]) -> str:
    """Likewise; an empty query removes it."""
    try:
        if texts["query"].strip() or not texts["name"].strip():
            check_queries({texts["name"]: texts["query"]})
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def words(choice: Choice | None) -> str:
    """`only a, b where x > 5`, for lists."""
    if choice is None:
        return ""
    pieces = [f"only {', '.join(choice.columns)}"] if choice.columns else []
    pieces += [f"without {', '.join(choice.exclude)}"] if choice.exclude else []
    pieces += [f"where {choice.where}"] if choice.where else []
    return " ".join(pieces)
