"""Oracle's SQL text, cut where it may be cut: at quotes, comments, semicolons and lines of a slash.

DBMS_METADATA ends statements with a semicolon and units of PL/SQL with a slash on a line of its own
(SQLTERMINATOR). Source: "Lexical Units" of the "PL/SQL Language Reference", "Literals" and "Comments" of the
"SQL Language Reference", and the slash of the "SQL*Plus User's Guide".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# The alternative quotes of q'[…]'; what closes is what opens, for all others.
_CLOSING = {"[": "]", "{": "}", "<": ">", "(": ")"}
_TOKEN = re.compile(
    r"(?P<alternative>[nN]?[qQ]'(?P<opener>[^\s]))"
    r"|(?P<text>')|(?P<name>\")|(?P<line>--)|(?P<block>/\*)"
    r"|(?P<slash>^[ \t]*/[ \t]*$)|(?P<end>;)|(?P<open>\()|(?P<close>\))",
    re.MULTILINE,
)
_UNIT = re.compile(
    r"\s*CREATE\s+(OR\s+REPLACE\s+)?((NON)?EDITIONABLE\s+)?(FORCE\s+)?"
    r"(FUNCTION|PROCEDURE|PACKAGE|TRIGGER|TYPE|LIBRARY)\b",
    re.IGNORECASE,
)
Token = tuple[str, int, int]


class Unclosed(ValueError):
    """A quote or a comment has no end."""


def tokens(text: str) -> Iterator[Token]:
    """Kind, begin and end of what counts outside of quotes and comments: `end` a semicolon, `slash` a line
    that is one, `open` and `close` parentheses; and `line` for a comment up to the end of its line.
    Raises Unclosed."""
    at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        kind = str(found.lastgroup if found.lastgroup != "opener" else "alternative")
        at = _behind(text, found, kind)
        yield kind, found.start(), at


def _behind(text: str, found: re.Match[str], kind: str) -> int:
    """Where what begins there ends."""
    if kind in ("slash", "end", "open", "close"):
        return found.end()
    if kind == "line":
        end = text.find("\n", found.end())
        return len(text) if end < 0 else end
    if kind == "alternative":
        closing = _CLOSING.get(found["opener"], found["opener"]) + "'"
    else:
        closing = {"text": "'", "name": '"', "block": "*/"}[kind]
    end = text.find(closing, found.end())
    if end < 0:
        raise Unclosed(text[found.start() : found.start() + 20])
    return end + len(closing)


def statements(text: str) -> list[str]:
    """The statements of a script, each without what ends it. A unit of PL/SQL keeps its last semicolon."""
    found: list[str] = []
    begin = 0
    for kind, start, end in tokens(text):
        unit = _UNIT.match(_without_comments(text[begin:start])) is not None
        if kind == "slash" or (kind == "end" and not unit):
            found.append(text[begin:start].strip())
            begin = end
    found.append(text[begin:].strip())
    return [statement for statement in found if statement]


def _without_comments(text: str) -> str:
    """What a text begins with, without comments before it."""
    return re.sub(r"\A(\s+|--[^\n]*\n|/\*.*?\*/)+", "", text, flags=re.DOTALL)


def is_one_condition(text: str) -> bool:
    """Whether a text can't end what it is put into: its quotes, comments and parentheses are closed in
    order, and no semicolon or slash ends the statement."""
    depth = 0
    try:
        for kind, _, _ in tokens(text):
            depth += {"open": 1, "close": -1}.get(kind, 0)
            if depth < 0 or kind in ("end", "slash"):
                return False
    except Unclosed:
        return False
    return depth == 0
