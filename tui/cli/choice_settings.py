"""Options that choose columns and rows of objects and add queries, to settings and back.

--columns TABLE=A,B   --exclude-columns TABLE=A,B   --where TABLE=SQL   --query NAME=SQL

TABLE is an object as everywhere (`TABLE:orders`, `orders`, `ord*`). Columns stand as in a line of CSV. What
is behind the sign is empty where an edited export is to lose it.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from typing import Any

import msgspec

from core.model.choice import Choice
from core.model.settings import ExportSettings

Pair = tuple[str, str]
# The sign in a name is written \=, which a pattern takes for the sign itself.
_PAIR = re.compile(r"((?:\\.|[^=\\])+)=(.*)", re.DOTALL)


def pair(text: str) -> Pair:
    """For argparse: `NAME=VALUE`."""
    found = _PAIR.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is wrong: write NAME=… (a = within the name as \\=).")
    return found[1], found[2]


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which columns and rows")
    for name, value, text in (
        ("--columns", "TABLE=A,B", "only these columns of a table or view, in its own order"),
        ("--exclude-columns", "TABLE=A,B", "all but these columns"),
        ("--where", "TABLE=SQL", "only rows that meet this condition"),
        ("--query", "NAME=SQL", "also the result of this query, as a data set of this name"),
    ):
        group.add_argument(
            name, action="append", type=pair, metavar=value, help=f"{text}; may be repeated for others"
        )


def apply(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    """Put what the options say into the fields of ExportSettings. Raises InvalidValue."""
    choices: dict[str, dict[str, Any]] = {
        name: msgspec.structs.asdict(choice) for name, choice in fields.get("choices", {}).items()
    }
    for name, text in args.columns or ():
        choices.setdefault(name, {}).update(columns=names_of(text), exclude=())
    for name, text in args.exclude_columns or ():
        choices.setdefault(name, {}).update(exclude=names_of(text), columns=())
    for name, text in args.where or ():
        choices.setdefault(name, {})["where"] = text.strip() or None
    if choices:
        fields["choices"] = {name: Choice(**parts) for name, parts in choices.items() if any(parts.values())}
    if args.query:
        queries = dict(fields.get("queries", {}))
        for name, text in args.query:
            plain = re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL)
            if text.strip():
                queries[plain] = text.strip()
            else:
                queries.pop(plain, None)
        fields["queries"] = queries


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    words: list[str] = []
    nothing: dict[str, Any] = {"columns": (), "exclude": (), "where": None}
    for name in dict.fromkeys((*old.choices, *settings.choices)):
        now, before = (
            msgspec.structs.asdict(choices[name]) if name in choices else nothing
            for choices in (settings.choices, old.choices)
        )
        if now["columns"] != before["columns"] and (now["columns"] or not now["exclude"]):
            words += ["--columns", f"{name}={line_of(now['columns'])}"]
        if now["exclude"] != before["exclude"] and (now["exclude"] or not now["columns"]):
            words += ["--exclude-columns", f"{name}={line_of(now['exclude'])}"]
        if now["where"] != before["where"]:
            words += ["--where", f"{name}={now['where'] or ''}"]
    for name in dict.fromkeys((*old.queries, *settings.queries)):
        if settings.queries.get(name) != old.queries.get(name):
            plain = re.sub(r"([\\=])", r"\\\1", name)
            words += ["--query", f"{plain}={settings.queries.get(name, '')}"]
    return _glued(words)


def _glued(words: list[str]) -> list[str]:
    """A name that begins with - would be taken for an option."""
    pairs = zip(words[::2], words[1::2], strict=True)
    return [
        part
        for option, value in pairs
        for part in ([f"{option}={value}"] if value.startswith("-") else [option, value])
    ]


def words_of(settings: ExportSettings) -> list[str]:
    """What is chosen, in words for people."""
    found = []
    for name, choice in settings.choices.items():
        if choice.columns:
            found.append(f"{name}: only {', '.join(choice.columns)}")
        if choice.exclude:
            found.append(f"{name}: without {', '.join(choice.exclude)}")
        if choice.where is not None:
            found.append(f"{name} where {choice.where}")
    return found


def names_of(text: str) -> tuple[str, ...]:
    """Columns as in a line of CSV, each once."""
    rows = list(csv.reader(io.StringIO(text), skipinitialspace=True))
    return tuple(dict.fromkeys(name for row in rows for name in row if name))


def line_of(names: tuple[str, ...]) -> str:
    """The reverse of `names_of`."""
    if not names:
        return ""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
