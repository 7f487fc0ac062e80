"""What a word that nobody knows was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be, None where none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    by_form = {_form(choice): choice for choice in choices}
    close = get_close_matches(_form(word), by_form, n=1, cutoff=0.6)
    if not close and word:
        # One that was only begun: `lease` for `lease_seconds`.
        begun = [form for form in by_form if form.startswith(_form(word))]
        close = begun if len(begun) == 1 else []
    return by_form[close[0]] if close else None


def suggestion(word: str, choices: Iterable[str], *, what: str = "There are") -> str:
    """Words for an error's hint: the nearest choice, or all of them."""
    known = list(choices)
    close = nearest(word, known)
    return f"Did you mean {close}?" if close else f"{what}: {', '.join(known) or 'none'}."


def _form(word: str) -> str:
    return word.lower().replace("-", "_")
