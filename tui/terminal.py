"""What the terminal can do, found out before Textual is loaded: Textual reads its settings at import."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

ASCII_VARIABLE = "OFFRAMP_ASCII"
SLOW_FPS = "10"
# Where the locale is one of these, terminals commonly draw characters of ambiguous width (Unicode Standard
# Annex #11) two cells wide, and bars and graphs would not fit.
WIDE_LANGUAGES = ("zh", "ja", "ko")


@dataclass(frozen=True, slots=True)
class Terminal:
    """`ascii`: nothing but ASCII for drawings; `remote`: reached over SSH; `few_colours`: 16 or fewer, or
    none wanted."""

    ascii: bool
    remote: bool
    few_colours: bool


def examine(environment: Mapping[str, str], *, glyphs: str = "auto", encoding: str | None = None) -> Terminal:
    """What `environment` says about the terminal. `glyphs` is the preference of that name; `encoding` the
    locale's, None for this process's own."""
    return Terminal(
        ascii=_ascii(environment, glyphs, encoding or locale.getencoding()),
        remote="SSH_CONNECTION" in environment or "SSH_TTY" in environment,
        few_colours=_few_colours(environment),
    )


def prepare(terminal: Terminal) -> None:
    """Tell Textual, which must not have been imported yet: no animations, and over SSH fewer frames."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if terminal.remote:
        os.environ.setdefault("TEXTUAL_FPS", SLOW_FPS)


def _ascii(environment: Mapping[str, str], glyphs: str, encoding: str) -> bool:
    wanted = environment.get(ASCII_VARIABLE)
    if wanted is not None:
        return wanted not in ("", "0")
    if glyphs != "auto":
        return glyphs == "ascii"
    if encoding.upper().replace("-", "") != "UTF8":
        return True
    if environment.get("TERM") in ("linux", "dumb", "vt100", "vt220"):
        return True
    language = next((environment[v] for v in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(v)), "")
    return language.startswith(WIDE_LANGUAGES)


def _few_colours(environment: Mapping[str, str]) -> bool:
    if "NO_COLOR" in environment:
        return True
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return False
    term = environment.get("TERM", "")
    return not term.endswith(("256color", "-direct", "kitty", "alacritty", "ghostty"))
