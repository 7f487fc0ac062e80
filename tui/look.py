"""How things look: themes with one accent colour, the glyphs of statuses, bars and graphs.

A status is a glyph and a word, never a colour alone. `Glyphs` come in two sets, Unicode and ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from core.model.vocabulary import ObjectStatus, TaskStatus
from tui.runs import Line, run

ROLES = ("", "dim", "strong", "accent", "good", "bad", "warn", "bar", "track", "key", "head", "found")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters for drawings, each one cell wide. `bar` full, empty and the eighths between; `levels` of a
    graph from low to high."""

    status: dict[TaskStatus, str]
    object: dict[ObjectStatus, str]
    full: str
    empty: str
    levels: str
    cursor: str
    mark: str
    up: str
    down: str
    about: str
    between: str
    good: str
    bad: str
    warn: str
    arrow: str
    tee: str
    line: str


UNICODE = Glyphs(
    status={
        TaskStatus.SCHEDULED: "○",
        TaskStatus.QUEUED: "·",
        TaskStatus.RUNNING: "▶",
        TaskStatus.PUBLISHING: "▶",
        TaskStatus.COMPLETED: "✔",
        TaskStatus.FAILED: "✖",
        TaskStatus.ABORTING: "■",
        TaskStatus.ABORTED: "■",
    },
    object={
        ObjectStatus.WAITING: "·",
        ObjectStatus.RUNNING: "▶",
        ObjectStatus.SUCCESS: "✔",
        ObjectStatus.FAILURE: "✖",
        ObjectStatus.KILLED: "■",
    },
    full="█",
    empty="░",
    levels="▁▂▃▄▅▆▇█",
    cursor=">",
    mark="●",
    up="▲",
    down="▼",
    about="≈",
    between=" · ",
    good="✔",
    bad="✖",
    warn="!",
    arrow="─>",
    tee="├",
    line="─",
)

ASCII = Glyphs(
    status={
        TaskStatus.SCHEDULED: "o",
        TaskStatus.QUEUED: ".",
        TaskStatus.RUNNING: ">",
        TaskStatus.PUBLISHING: ">",
        TaskStatus.COMPLETED: "+",
        TaskStatus.FAILED: "x",
        TaskStatus.ABORTING: "#",
        TaskStatus.ABORTED: "#",
    },
    object={
        ObjectStatus.WAITING: ".",
        ObjectStatus.RUNNING: ">",
        ObjectStatus.SUCCESS: "+",
        ObjectStatus.FAILURE: "x",
        ObjectStatus.KILLED: "#",
    },
    full="#",
    empty=".",
    levels="_.-:=+*#",
    cursor=">",
    mark="*",
    up="^",
    down="v",
    about="~",
    between=" - ",
    good="+",
    bad="x",
    warn="!",
    arrow="->",
    tee="+",
    line="-",
)

STATUS_ROLES = {
    TaskStatus.SCHEDULED: "dim",
    TaskStatus.QUEUED: "dim",
    TaskStatus.RUNNING: "accent",
    TaskStatus.PUBLISHING: "accent",
    TaskStatus.COMPLETED: "good",
    TaskStatus.FAILED: "bad",
    TaskStatus.ABORTING: "warn",
    TaskStatus.ABORTED: "warn",
}

OBJECT_ROLES = {
    ObjectStatus.WAITING: "dim",
    ObjectStatus.RUNNING: "accent",
    ObjectStatus.SUCCESS: "good",
    ObjectStatus.FAILURE: "bad",
    ObjectStatus.KILLED: "warn",
}


def status_line(status: TaskStatus, glyphs: Glyphs) -> Line:
    """`▶ Running`."""
    return run(f"{glyphs.status[status]} {status}", STATUS_ROLES[status])


def bar(share: float | None, columns: int, glyphs: Glyphs) -> Line:
    """A progress bar of so many columns; None draws an empty one."""
    filled = 0 if share is None else min(columns, int(share * columns + 1e-9))
    if share and not filled:
        filled = 1
    made = []
    if filled:
        made.append((glyphs.full * filled, "bar"))
    if filled < columns:
        made.append((glyphs.empty * (columns - filled), "track"))
    return tuple(made)


def graph(values: list[float], columns: int, glyphs: Glyphs) -> Line:
    """A graph of the last so many values, scaled to the largest; nothing where all of them are 0."""
    shown = values[-columns:]
    top = max(shown, default=0.0)
    if top <= 0:
        return ()
    last = len(glyphs.levels) - 1
    return ((("".join(glyphs.levels[round(max(v, 0.0) / top * last)] for v in shown)), "accent"),)


def _theme(name: str, *, dark: bool, colours: dict[str, str], variables: dict[str, str]) -> Theme:
    return Theme(name=name, dark=dark, variables=variables, luminosity_spread=0.1, **colours)  # type: ignore[arg-type]


DARK = _theme(
    "dark",
    dark=True,
    colours={
        "primary": "#5fafd7",
        "secondary": "#5fafd7",
        "accent": "#5fafd7",
        "warning": "#d7af5f",
        "error": "#e06c6c",
        "success": "#87af5f",
        "foreground": "#d0d0d0",
        "background": "#1c1c1c",
        "surface": "#1c1c1c",
        "panel": "#262626",
    },
    variables={
        "quiet": "#8a8a8a",
        "track": "#444444",
        "cursor": "#303a40",
        "input-cursor-text-style": "reverse",
    },
)
LIGHT = _theme(
    "light",
    dark=False,
    colours={
        "primary": "#005f87",
        "secondary": "#005f87",
        "accent": "#005f87",
        "warning": "#875f00",
        "error": "#af0000",
        "success": "#3a6b00",
        "foreground": "#262626",
        "background": "#f5f5f2",
        "surface": "#f5f5f2",
        "panel": "#e6e6e2",
    },
    variables={
        "quiet": "#626262",
        "track": "#c0c0bc",
        "cursor": "#d3e3ea",
        "input-cursor-text-style": "reverse",
    },
)
TERMINAL = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "quiet": "ansi_default",
        "track": "ansi_default",
        "cursor": "ansi_default",
        # The terminal may be light or dark: what must stand out is turned round instead of coloured.
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
    },
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT, TERMINAL)}


def styles(theme: Theme) -> dict[str, Style]:
    """How each role looks in a theme, without its background."""
    if theme.ansi:
        return {
            "": Style(),
            "dim": Style(dim=True),
            "strong": Style(bold=True),
            "head": Style(dim=True),
            "accent": Style(color="cyan"),
            "good": Style(color="green"),
            "bad": Style(color="red"),
            "warn": Style(color="yellow"),
            "bar": Style(color="cyan"),
            "track": Style(dim=True),
            "key": Style(bold=True),
            "found": Style(bold=True, reverse=True),
        }
    quiet, track = theme.variables["quiet"], theme.variables["track"]
    return {
        "": Style(),
        "dim": Style(color=quiet),
        "strong": Style(bold=True),
        "head": Style(color=quiet),
        "accent": Style(color=theme.accent),
        "good": Style(color=theme.success),
        "bad": Style(color=theme.error),
        "warn": Style(color=theme.warning),
        "bar": Style(color=theme.accent),
        "track": Style(color=track),
        "key": Style(color=theme.accent, bold=True),
        "found": Style(color=theme.background, bgcolor=theme.warning),
    }


def on(base: Style, roles: dict[str, Style]) -> dict[str, Style]:
    """`roles` on that background. Where it is turned round, colours would make blocks: they become bold."""
    if not base.reverse:
        return roles
    return {
        name: Style(bold=style.bold or style.color is not None, dim=style.dim)
        for name, style in roles.items()
    }


def cursor_style(theme: Theme) -> Style:
    """What the row under the cursor looks like."""
    return Style(reverse=True) if theme.ansi else Style(bgcolor=theme.variables["cursor"])
