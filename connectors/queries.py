"""What all sources ask of a query before it is read as a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.words import shown
from core.errors import BrokenObject
from core.model.vocabulary import ObjectRef


def check_names(ref: ObjectRef, names: Sequence[str]) -> None:
    """Each of the result's columns needs a name of its own, by which files call it. Raises BrokenObject."""
    if not names:
        raise BrokenObject(f"{shown(str(ref))} gives no columns: it is no query.", "Write a SELECT.")
    if not all(names):
        raise BrokenObject(f"A column of {shown(str(ref))} has no name.", "Give it one: … AS name.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BrokenObject(
            f"{shown(str(ref))} has two columns that are called {shown(twice[0])}.",
            "Give each a name of its own: … AS name.",
        )
