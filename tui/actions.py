"""Every action of the screens, in one registry: what it is called, its keys, when it applies.

From here come the bindings, the footer, the help (`?`), the command palette (`:`), the menu of actions (`.`)
and the keymap of the settings file. How to add one:

1. Add an `Action` to `tui.actions_of_tasks` or `tui.actions_of_exports`. Its `id` is `thing.verb`; its `keys`
   are Textual's names of keys (letters, digits, F-keys, arrows, `enter`, `escape`, `space`, `full_stop`, …).
   The same key means the same thing on every screen. Not to be used: Ctrl-A, Ctrl-B (screen, tmux), Ctrl-H,
   I, J, M, Ctrl-S, Ctrl-Q (XOFF, XON), F2, F3 (byobu), and Alt.
2. Say where it works (`places`: a screen names its own `place`), and when, by `applies`: a function of the
   screen's `subject()` that gives back "" where the action is offered, else a sentence why not, which is
   shown where the key is pressed anyway.
3. Give the screen (or the application, for `Place.ANY`) a method `do_thing_verb(self)`. It is only called
   where the action applies and, for `writes`, never with --read-only.

`tests/tui/test_actions.py` proves for every action and place that the method is there, that no key means two
things in one place, and that each status of a task offers exactly its actions.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.binding import Binding, BindingType

from tui.action import Action, Place
from tui.actions_of_exports import EXPORT_ACTIONS
from tui.actions_of_tasks import TASK_ACTIONS

__all__ = ["ACTIONS", "BY_ID", "Action", "Place", "bindings", "key_name", "of"]

ACTIONS: tuple[Action, ...] = (*TASK_ACTIONS, *EXPORT_ACTIONS)
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

# Keys as people read them.
_KEY_NAMES = {
    "full_stop": ".", "question_mark": "?", "colon": ":", "slash": "/", "asterisk": "*", "plus": "+",
    "minus": "-", "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab", "pagedown": "PgDn",
    "pageup": "PgUp", "home": "Home", "end": "End", "up": "Up", "down": "Down", "left": "Left",
    "right": "Right", "backspace": "Backspace", "delete": "Del", "comma": ",", "equals_sign": "=",
    "left_square_bracket": "[", "right_square_bracket": "]", "number_sign": "#",
    "exclamation_mark": "!", "at": "@",
}  # fmt: skip


def key_name(key: str) -> str:
    """`Ctrl-P`, `?`, `Shift-Tab`, `G`."""
    *modifiers, last = key.split("+")
    return "-".join((*(m.capitalize() for m in modifiers), _name(last, bare=not modifiers)))


def _name(key: str, *, bare: bool) -> str:
    if key in _KEY_NAMES:
        return _KEY_NAMES[key]
    return key if len(key) == 1 and bare else key.upper()


def of(*places: Place) -> tuple[Action, ...]:
    """The actions of these places, in the registry's order."""
    return tuple(action for action in ACTIONS if any(place in places for place in action.places))


def bindings(*places: Place) -> list[BindingType]:
    """What a screen (for its own place) or the application (for `Place.ANY`) binds. Each key is a binding of
    its own name, so that the settings file can give it another."""
    return [
        Binding(",".join(action.keys), action.bound or f"act('{action.id}')", action.label, id=action.id)
        for action in of(*places)
    ]
