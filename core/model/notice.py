"""Who is told of a task's end, and of which ends.

Written as people do: a command, a web hook's URL, or mail addresses, behind the ends that it is about.

    command:/usr/local/bin/note-export
    failed=mailto:ops@example.com,dba@example.com
    completed,failed=https://hooks.example.com/exports
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from core.errors import InvalidValue
from core.model.vocabulary import TaskStatus

ENDS = tuple(status for status in TaskStatus if status.ended)
NOBODY = "none"
_LONGEST = 4096
_ADDRESS = re.compile(r"[^\s@,;<>()\[\]\\\"]{1,64}@[^\s@,;<>()\[\]\\\"]{1,255}")
_HINT = "Write command:PROGRAM, https://HOST/PATH or mailto:ADDRESS, and before it failed= for failures only."


class Way(StrEnum):
    """COMMAND: a shell command gets the task as JSON on its standard input. WEBHOOK: an HTTP server gets it
    by POST. MAIL: people get a message, through the mail server that the settings file names."""

    COMMAND = "command"
    WEBHOOK = "webhook"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Notice:
    """`place` without the ends; `ends` are statuses, empty for every end."""

    place: str
    ends: tuple[TaskStatus, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Notice:
        """Raises InvalidValue."""
        head, sign, tail = text.strip().partition("=")
        words = [word.strip().lower() for word in head.split(",")]
        known = {str(status).lower(): status for status in ENDS}
        ends: tuple[TaskStatus, ...] = ()
        place = text.strip()
        if sign and all(word in known for word in words):
            ends, place = tuple(dict.fromkeys(known[word] for word in words)), tail.strip()
        if len(place) > _LONGEST or not place.isprintable():
            raise InvalidValue("A notification's place is too long, or holds characters that can't be shown.")
        _check(place)
        return cls(place, ends)

    @property
    def way(self) -> Way:
        return _way(self.place)

    @property
    def target(self) -> str:
        """The command, the URL, or the addresses behind `mailto:`."""
        return self.place if self.way is Way.WEBHOOK else self.place.partition(":")[2]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of mail."""
        return tuple(text.strip() for text in self.target.split(","))

    @property
    def shown(self) -> str:
        """For logs and lists: of a URL only where it leads, since what is behind may be a token."""
        if self.way is Way.WEBHOOK:
            parts = urlsplit(self.place)
            return f"{parts.scheme}://{parts.netloc}"
        return self.place

    def wants(self, status: TaskStatus) -> bool:
        return status.ended and (not self.ends or status in self.ends)


def _way(place: str) -> Way:
    scheme = place.partition(":")[0].lower()
    known = {"command": Way.COMMAND, "mailto": Way.MAIL, "http": Way.WEBHOOK, "https": Way.WEBHOOK}
    if scheme not in known:
        raise InvalidValue(f"{place!r} is no place for notifications.", _HINT)
    return known[scheme]


def _check(place: str) -> None:
    match _way(place):
        case Way.COMMAND:
            if not place.partition(":")[2].strip():
                raise InvalidValue("A notification's command is empty.", _HINT)
        case Way.MAIL:
            for address in place.partition(":")[2].split(","):
                if not _ADDRESS.fullmatch(address.strip()):
                    raise InvalidValue(f"{address.strip()!r} is no mail address.", _HINT)
        case Way.WEBHOOK:
            parts = _split(place)
            if not parts.hostname:
                raise InvalidValue(f"{place!r} names no host.", _HINT)
            if parts.username is not None or parts.password is not None:
                raise InvalidValue(
                    "A web hook's URL holds a user or a password.",
                    "Name a token in the settings file instead: the table [webhooks].",
                )


def _split(place: str) -> SplitResult:
    try:
        parts = urlsplit(place)
        _ = parts.port
    except ValueError as error:
        raise InvalidValue(f"{place!r} is no URL: {error}.", _HINT) from None
    return parts


def check_notices(texts: tuple[str, ...] | None) -> None:
    """Raises InvalidValue."""
    for text in texts or ():
        Notice.parse(text)


def wanted(texts: tuple[str, ...] | None, status: TaskStatus) -> list[Notice]:
    """Who is to be told of an end."""
    return [notice for notice in map(Notice.parse, texts or ()) if notice.wants(status)]
