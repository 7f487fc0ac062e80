"""Values of options, for argparse."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from core.model.spelling import suggestion

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


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def size(text: str) -> int:
    """For argparse: bytes, or 500m, 2g, 1 GiB: multiples of 1024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write bytes, or 500m, 2g")
    return int(found[1]) * _UNITS[found[2].lower()]


def size_text(number: int) -> str:
    """The shortest that `size` reads as so many bytes."""
    unit = next((u for u, factor in reversed(_UNITS.items()) if number and number % factor == 0), "")
    return f"{number // _UNITS[unit]}{unit}"


def switch(group: argparse._ArgumentGroup, name: str, text: str, **more: Any) -> None:
    """`--name` and `--no-name`; None where neither is given."""
    group.add_argument(name, action=argparse.BooleanOptionalAction, default=None, help=text, **more)
