"""The filter of a list: words, `status:failed,aborted`, `conn:prod`, `since:7d` or `since:all`.

Words (or `"several words"`) must all be there: of a task in its name, its export's or its connection's; of
what is saved anywhere in its row.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidValue
from core.model.spelling import nearest, suggestion
from core.model.task_filter import TaskFilter
from core.model.vocabulary import TaskStatus
from tui.cli.times import span

RECENT = timedelta(hours=48)
KEYS = ("status", "conn", "since")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it was meant. `since` None: however old, or never."""

    words: tuple[str, ...] = ()
    statuses: tuple[TaskStatus, ...] = ()
    places: tuple[str, ...] = ()
    since: timedelta | None = RECENT

    @property
    def narrows(self) -> bool:
        return bool(self.words or self.statuses or self.places)

    def fits(self, texts: Iterable[str], connection: str) -> bool:
        """Whether the words are all there in one of the `texts`, and the name of the connection is one of
        those asked for; whatever the case of letters."""
        folded = [text.casefold() for text in texts]
        name = connection.casefold()
        return all(any(word.casefold() in text for text in folded) for word in self.words) and (
            not self.places or any(place.casefold() in name for place in self.places)
        )

    def at(self, now: datetime) -> TaskFilter:
        return TaskFilter(
            since=now - self.since if self.since is not None else None,
            statuses=self.statuses,
            words=self.words,
            places=self.places,
        )


def parse(text: str, *, keys: Collection[str] = KEYS, since: timedelta | None = RECENT) -> Filter:
    """`keys`: those that the list knows; `since`: what holds where nothing is said of it. Raises
    InvalidValue, which names what is wrong and what comes near."""
    words: list[str] = []
    statuses: list[TaskStatus] = []
    places: list[str] = []
    for token in _tokens(text):
        key, colon, value = token.partition(":")
        if colon and key.lower() in KEYS and key.lower() not in keys:
            raise InvalidValue(
                f"This list can't be filtered by {key.lower()}.", "Words are looked for in it."
            )
        match key.lower() if colon else "":
            case "status":
                statuses += [_status(part) for part in value.split(",") if part]
            case "conn" | "connection":
                places += [part for part in value.split(",") if part]
            case "since":
                since = None if value.lower() in ("all", "ever") else span(value) if value else since
            case unknown:
                if unknown and (close := nearest(unknown, keys)):
                    raise InvalidValue(f"{unknown!r} is nothing to filter by.", f"Did you mean {close}:?")
                words.append(token)
    return Filter(tuple(words), tuple(statuses), tuple(places), since)


def _tokens(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        # A quote that isn't closed yet, or an apostrophe.
        return text.split()


def _status(text: str) -> TaskStatus:
    for status in TaskStatus:
        if status.value.lower() == text.lower():
            return status
    starts = [status for status in TaskStatus if status.value.lower().startswith(text.lower())]
    if len(starts) == 1:
        return starts[0]
    raise InvalidValue(f"{text!r} is no status.", suggestion(text, TaskStatus))
