"""Values of options, for argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from core.model.convert import suggestion

E = TypeVar("E", bound=StrEnum)


def word(kind: type[E]) -> Callable[[str], E]:
    """For argparse: a member of an enum by its value, whatever the case; an error names the nearest."""

    def parse(text: str) -> E:
        for member in kind:
            if member.value.lower() == text.strip().lower():
                return member
        raise argparse.ArgumentTypeError(f"{text!r} is wrong. {suggestion(text, [m.value for m in kind])}")

    return parse


def number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)
