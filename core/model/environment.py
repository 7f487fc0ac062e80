"""Variables of the environment in definition files: `${NAME}` and `${NAME:-default}`, as the POSIX shell has
them, for what differs by place (a host, a port, a directory). They are resolved when a file is applied.

`$${` stands for `${` itself. A variable is no place for a secret: what is applied is stored and shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.errors import InvalidDefinition

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")
_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE|_PWD?$", re.IGNORECASE)
DEEPEST = 12
SECRET = "secret"  # noqa: S105 - the key of a reference


def resolved(tree: Any, environ: Mapping[str, str], where: str, place: str = "", depth: int = DEEPEST) -> Any:
    """Plain data with the variables in its strings resolved; `where` names the file, `place` the dotted path
    of `tree` in errors. The command that prints a password stays as it is: the shell that runs it has
    variables of its own. Raises InvalidDefinition for a variable that isn't set and has no default, for one
    whose name says that it holds a secret, for any in a reference to a secret, and for what is nested deeper
    than any definition."""
    if not depth:
        raise InvalidDefinition(
            f"{where}: {place} is nested too deeply.", "Definitions are four levels deep."
        )
    if isinstance(tree, dict):
        return {
            key: _of_secret(value, where, f"{place}.{key}".lstrip("."))
            if _refers(key, value)
            else resolved(value, environ, where, f"{place}.{key}".lstrip("."), depth - 1)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [resolved(value, environ, where, f"{place}[{i}]", depth - 1) for i, value in enumerate(tree)]
    if isinstance(tree, str):
        return _REFERENCE.sub(lambda found: _value(found, environ, f"{where}: {place}"), tree)
    return tree


def uses_variables(tree: Any) -> bool:
    """Whether any string in plain data has a variable in it."""
    left = [tree]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left += item.values()
        elif isinstance(item, list):
            left += item
        elif isinstance(item, str) and any(found["name"] for found in _REFERENCE.finditer(item)):
            return True
    return False


def escaped(tree: Any) -> Any:
    """Plain data that `resolved` gives back as `tree` is."""
    if isinstance(tree, dict):
        return {key: value if _refers(key, value) else escaped(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [escaped(value) for value in tree]
    return tree.replace("${", "$${") if isinstance(tree, str) else tree


def _value(found: re.Match[str], environ: Mapping[str, str], head: str) -> str:
    if found[0] == "$${":
        return "${"
    name = found["name"]
    if name is None:
        raise InvalidDefinition(
            f"{head}: ${{ begins no variable there.", "Write ${NAME} or ${NAME:-default}; $${ for ${ itself."
        )
    if _SECRET_NAME.search(name):
        raise InvalidDefinition(
            f"{head}: variable {name} looks like a secret, and definitions are stored and shown.",
            f'Have it read when it is needed: secret = {{ kind = "env", variable = "{name}" }}.',
        )
    value = environ.get(name) or found["default"]
    if value is None:
        raise InvalidDefinition(
            f"{head}: variable {name} isn't set.", f"Set it, or write a default: ${{{name}:-value}}."
        )
    return value


def _refers(key: str, value: Any) -> bool:
    """Whether this says where a secret comes from; an export may be called `secret`, too."""
    return key == SECRET and isinstance(value, dict) and "kind" in value


def _of_secret(tree: dict[str, Any], where: str, place: str) -> Any:
    """A reference to a secret, as it is."""
    for key, value in tree.items():
        if key != "command" and uses_variables(value):
            raise InvalidDefinition(
                f"{where}: {place}.{key} has a variable in it: where a secret comes from is the same "
                "everywhere.",
                "Write it out.",
            )
    return tree
