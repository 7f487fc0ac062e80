"""Keys of one's own for actions: the `[keys]` table of the settings file, checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping

from textual.keys import KEY_ALIASES, REPLACED_KEYS, Keys, _character_to_key

from core.errors import InvalidDefinition
from core.model.spelling import suggestion
from tui.actions import ACTIONS, BY_ID, Place, key_name

RESERVED = {
    "ctrl+m": "it is Enter", "ctrl+i": "it is Tab", "ctrl+j": "it is Enter", "ctrl+h": "it is Backspace",
    "ctrl+s": "it stops the terminal's output", "ctrl+q": "it starts the terminal's output again",
}  # fmt: skip
_NAMED = {str(key.value) for key in Keys} | set(KEY_ALIASES) | set(REPLACED_KEYS.values())


def check(wanted: Mapping[str, str], where: str) -> dict[str, str]:
    """Textual's keymap for the table `wanted` (name of an action → one key, or several with commas) of the
    file `where`. Raises InvalidDefinition, naming what is wrong and what comes near."""
    keymap: dict[str, str] = {}
    for name, text in wanted.items():
        if name not in BY_ID:
            raise InvalidDefinition(f"{where}: keys.{name} is no action.", suggestion(name, BY_ID))
        keys = [_key(part.strip(), name, where) for part in _split(text)]
        if not keys:
            raise InvalidDefinition(f"{where}: keys.{name} has no key.", 'Write one: "F5".')
        keymap[name] = ",".join(keys)
    for place in Place:
        _refuse_doubles(keymap, place, where)
    return keymap


def keys_of(action_id: str, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action as they are now."""
    if action_id in keymap:
        return tuple(keymap[action_id].split(","))
    return BY_ID[action_id].keys


def _split(text: str) -> list[str]:
    if text == ",":
        return [text]
    return [part for part in text.split(",") if part.strip()]


def _key(text: str, name: str, where: str) -> str:
    """Textual's name of a key: `A`, `?`, `F5`, `ctrl+r`, `Ctrl-R`."""
    parts = text.split("+") if len(text) > 1 and "+" in text else text.split("-") if len(text) > 2 else [text]
    *modifiers, last = [part.strip() for part in parts]
    modifiers = [modifier.lower() for modifier in modifiers]
    if len(last) == 1:
        last = _character_to_key(last.lower() if modifiers else last)
    elif last.lower() in _NAMED:
        last = last.lower()
    key = "+".join((*modifiers, last))
    known = len(last) == 1 or last in _NAMED or last.replace("_", "").islower()
    if not known or any(modifier not in ("ctrl", "shift") for modifier in modifiers):
        raise InvalidDefinition(
            f"{where}: keys.{name} = {text!r} is no key that can be used.",
            'Write "A", "?", "F5" or "ctrl+r".',
        )
    if key in RESERVED:
        raise InvalidDefinition(f"{where}: keys.{name} = {text!r} can't be used: {RESERVED[key]}.")
    return key


def _refuse_doubles(keymap: Mapping[str, str], place: Place, where: str) -> None:
    taken: dict[str, str] = {}
    beside = {place, Place.ANY, Place.LIST}
    for action in ACTIONS:
        if not beside & set(action.places):
            continue
        for key in keys_of(action.id, keymap):
            other = taken.setdefault(key, action.id)
            if other != action.id and (action.id in keymap or other in keymap):
                mine, theirs = (action.id, other) if action.id in keymap else (other, action.id)
                raise InvalidDefinition(
                    f"{where}: keys.{mine}: {key_name(key)} already means {theirs} ({place}).",
                    f"Give {theirs} another key, too.",
                )
