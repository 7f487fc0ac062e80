"""Pieces of SQL text: identifiers, literals, comments; and cutting the server's own statements into
tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "''", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})

# Strings, quoted identifiers and comments are one token each; so are words and numbers; all else one
# character. /*! and /*M! begin text that the server runs, so those marks are tokens alone.
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|/\*M?!\d*|/\*.*?\*/|(?:--[ \t]|\#)[^\n]*"""
    r"""|[^\W\d][\w$]*|\d[\w.]*|\s+|.""",
    re.DOTALL,
)


def identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string literal, for a sql_mode without NO_BACKSLASH_ESCAPES."""
    return "'" + text.translate(_ESCAPES) + "'"


def conditions(*terms: str | None) -> str:
    """WHERE with all of these, those that are None or empty left out. Each ends with its line, so that a
    comment in it reaches no further."""
    given = [f"({term}\n)" for term in terms if term]
    return f" WHERE {' AND '.join(given)}" if given else ""


def names(items: Iterable[str]) -> str:
    """Literals for an IN list."""
    return ", ".join(map(literal, items))


def comment(text: str) -> str:
    """A comment that a DBA sees in the process list, or nothing."""
    clean = "".join(c if c.isprintable() else " " for c in text).replace("*/", "* /").replace("/*", "/ *")
    # A leading ! or + would make the server run it, or take it for a hint.
    return f"/* {clean} */ " if clean.strip() else ""


def tokens(text: str) -> list[str]:
    """The tokens of a statement; joined they are the statement."""
    return _TOKEN.findall(text)


def has_comments(text: str) -> bool:
    """Whether a statement holds comments that the server doesn't run."""
    return any(
        (token.startswith("/*") and token.endswith("*/")) or token.startswith("--") or token[0] == "#"
        for token in tokens(text)
    )


def name_of(token: str) -> str | None:
    """The name that a token is, quoted or bare; None where it is no identifier."""
    if token.startswith("`"):
        return token[1:-1].replace("``", "`")
    return token if re.fullmatch(r"[^\W\d][\w$]*", token) else None


def substitute(text: str, pattern: str, replacement: str) -> str:
    """`re.sub` (any case) outside of strings, quoted identifiers and comments."""
    expression = re.compile(pattern, re.IGNORECASE)
    return _outside(text, lambda plain: expression.sub(replacement, plain))


def _outside(text: str, change: Callable[[str], str]) -> str:
    pieces: list[str] = []
    plain: list[str] = []
    for token in tokens(text):
        if token[0] in "'\"`" or (token.startswith("/*") and token.endswith("*/")):
            pieces += [change("".join(plain)), token]
            plain.clear()
        else:
            plain.append(token)
    pieces.append(change("".join(plain)))
    return "".join(pieces)


def unqualify(text: str, database: str, belongs: Callable[[str], bool]) -> str:
    """Leave out `database`. before names for which `belongs` says so, so that the text also works
    elsewhere. Before a column (`database`.`table`.`column`) always: OceanBase prints it before the alias of a
    table too, which belongs nowhere."""
    items = tokens(text)
    kept: list[str] = []
    position = 0
    while position < len(items):
        if position + 2 < len(items) and items[position + 1] == "." and name_of(items[position]) == database:
            follower = name_of(items[position + 2])
            of_column = items[position + 3 : position + 4] == ["."]
            first = not kept or kept[-1] != "."
            if follower is not None and first and (of_column or belongs(follower)):
                position += 2
                continue
        kept.append(items[position])
        position += 1
    return "".join(kept)


def qualified_names(text: str, database: str) -> Iterator[str]:
    """Names that stand after `database`. in the text."""
    items = tokens(text)
    for position in range(len(items) - 2):
        if items[position + 1] == "." and name_of(items[position]) == database:
            follower = name_of(items[position + 2])
            if follower is not None:
                yield follower


def called_names(text: str) -> Iterator[str]:
    """Quoted names that stand before a parenthesis: functions that aren't the server's own."""
    items = tokens(text)
    for position in range(len(items) - 1):
        if items[position].startswith("`") and items[position + 1] == "(":
            yield str(name_of(items[position]))


def split_definitions(create: str) -> tuple[str, list[str], str]:
    """A CREATE TABLE statement as what stands before its definitions, each definition, and what follows.

    Joined by commas, between head and tail, they are the statement again.
    """
    depth = 0
    head: list[str] = []
    current: list[str] = []
    definitions: list[str] = []
    items = tokens(create)
    for position, piece in enumerate(items):
        if piece == ")":
            depth -= 1
            if depth == 0:
                definitions.append("".join(current))
                return "".join(head), definitions, "".join(items[position:])
        if piece == "," and depth == 1:
            definitions.append("".join(current))
            current = []
        else:
            (current if depth else head).append(piece)
        if piece == "(":
            depth += 1
    return create, [], ""
