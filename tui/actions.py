"""Every action of the screens, in one registry: what it is called, its keys, when it applies.

From here come the bindings, the footer, the help (`?`), the command palette (`:`), the menu of actions (`.`)
and the keymap of the settings file. How to add one:

1. Add an `Action` to `ACTIONS`. Its `id` is `thing.verb`; its `keys` are Textual's names of keys (letters,
   digits, F-keys, arrows, `enter`, `escape`, `space`, `full_stop`, …). The same key means the same thing on
   every screen. Not to be used: Ctrl-A, Ctrl-B (screen, tmux), Ctrl-H, I, J, M, Ctrl-S, Ctrl-Q (XOFF, XON),
   F2, F3 (byobu), and Alt.
2. Say where it works (`places`: a screen names its own `place`), and when, by `applies`: a function of the
   screen's `subject()` that gives back "" where the action is offered, else a sentence why not, which is
   shown where the key is pressed anyway.
3. Give the screen (or the application, for `Place.ANY`) a method `do_thing_verb(self)`. It is only called
   where the action applies and, for `writes`, never with --read-only.

`tests/tui/test_actions.py` proves for every action and place that the method is there, that no key means two
things in one place, and that each status of a task offers exactly its actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from textual.binding import Binding, BindingType

from core.model.task import Task
from core.model.vocabulary import TaskStatus


class Place(StrEnum):
    """Where an action works. `ANY`: on every screen that isn't a dialog; `LIST`: in every list."""

    ANY = "everywhere"
    LIST = "lists"
    TASKS = "tasks"
    TASK = "task details"
    EXPORTS = "exports"
    EXPORT = "saved export"
    CONNECTIONS = "connections"
    OBJECTS = "objects of a connection"
    LOGS = "logs"
    WIZARD = "new export"
    QUICK = "quick export"


def always(subject: Any) -> str:
    del subject
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`label` is one or two words; `help` one sentence; `rank` orders the footer, the lowest first (99: not
    in the footer); `writes`: changes something, so not with --read-only; `destructive`: asks before it does
    anything; `several`: takes all marked things at once. `bound`: Textual's own name of the action where a
    widget handles it by itself, else the screen's `do_…` method does."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    places: tuple[Place, ...]
    applies: Callable[[Any], str] = always
    rank: int = 50
    writes: bool = False
    destructive: bool = False
    several: bool = False
    bound: str = ""

    @property
    def method(self) -> str:
        return f"do_{self.id.replace('.', '_')}"


def task_needed(subject: Any) -> str:
    return "" if isinstance(subject, Task) else "There is no task here."


def _by_status(allowed: tuple[TaskStatus, ...], sentence: str) -> Callable[[Any], str]:
    def applies(subject: Any) -> str:
        if not isinstance(subject, Task):
            return task_needed(subject)
        return "" if subject.status in allowed else f"Task {subject.id} is {subject.status}: {sentence}"

    return applies


ABORTABLE = (TaskStatus.SCHEDULED, TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.ABORTING)
RETRIABLE = (TaskStatus.FAILED, TaskStatus.ABORTED)
ENDED = tuple(status for status in TaskStatus if status.ended)


def _download(subject: Any) -> str:
    if not isinstance(subject, Task):
        return task_needed(subject)
    if subject.status is TaskStatus.COMPLETED or (subject.status.ended and subject.published):
        return ""
    if subject.status.ended:
        return f"Task {subject.id} is {subject.status}: it has published no files."
    return f"Task {subject.id} is {subject.status}: its files can be downloaded once it has completed."


def _objects_needed(subject: Any) -> str:
    return "" if subject == "objects" else "That is for the list of objects."


def _export_needed(subject: Any) -> str:
    return "" if getattr(subject, "export", None) is not None else "There is no saved export here."


def _run_needed(subject: Any) -> str:
    return "" if getattr(subject, "run", None) is not None else "There is no run here."


def _connection_needed(subject: Any) -> str:
    if hasattr(subject, "directory"):
        return "That is for connections; this is a directory."
    return "" if getattr(subject, "connection", None) is not None else "There is no connection here."


def _row_needed(subject: Any) -> str:
    return "" if subject is not None else "There is nothing here."


_MAIN = (Place.TASKS, Place.EXPORTS, Place.CONNECTIONS)
_EXPORTS = (Place.EXPORTS, Place.EXPORT)
_CONNECTIONS = (Place.CONNECTIONS,)
_OBJECTS = (Place.OBJECTS, Place.WIZARD)
_TASKS = (Place.TASKS, Place.TASK)
_EVERY_LIST = (Place.LIST,)

ACTIONS: tuple[Action, ...] = (
    # Everywhere
    Action(id="go.tasks", keys=("1",), label="Tasks", help="Go to the tasks.", places=(Place.ANY,), rank=99),
    Action(
        id="go.exports", keys=("2",), label="Exports", help="Go to the saved exports.", places=(Place.ANY,),
        rank=99,
    ),
    Action(
        id="go.connections", keys=("3",), label="Connections",
        help="Go to the connections and destinations.", places=(Place.ANY,), rank=99,
    ),
    Action(
        id="export.new", keys=("n",), label="New", help="Make a new export, step by step.",
        places=(Place.TASKS, Place.TASK, Place.EXPORTS, Place.CONNECTIONS), rank=10, writes=True,
    ),
    Action(
        id="app.menu", keys=("full_stop",), label="More", help="Show what can be done here, as a menu.",
        places=(Place.ANY,), rank=90,
    ),
    Action(
        id="app.help", keys=("question_mark",), label="Help", help="Show what the keys do here.",
        places=(Place.ANY,), rank=91,
    ),
    Action(
        id="app.palette", keys=("colon", "ctrl+p"), label="Commands", help="Find an action by its name.",
        places=(Place.ANY,), rank=99,
    ),
    Action(
        id="app.theme", keys=("T",), label="Theme", help="Take the next theme: dark, light, terminal.",
        places=(Place.ANY,), rank=99,
    ),
    Action(
        id="app.back", keys=("escape",), label="Back", help="Go back to where one came from.",
        places=(Place.ANY,), rank=99,
    ),
    Action(
        id="app.suspend", keys=("ctrl+z",), label="Suspend",
        help="Stop Offramp's screens; tasks go on in the background. `fg` brings them back.",
        places=(Place.ANY,), rank=99,
    ),
    Action(
        id="app.quit", keys=("q", "ctrl+c"), label="Leave", help="Leave Offramp; tasks can go on.",
        places=(Place.ANY,), rank=92,
    ),
    # Lists
    Action(
        id="list.down", keys=("down", "j"), label="Down", help="Go to the next row.", places=_EVERY_LIST,
        rank=99, bound="move(1)",
    ),
    Action(
        id="list.up", keys=("up", "k"), label="Up", help="Go to the row before.", places=_EVERY_LIST,
        rank=99, bound="move(-1)",
    ),
    Action(
        id="list.page_down", keys=("pagedown", "ctrl+f"), label="Page down", help="Go down by a page.",
        places=_EVERY_LIST, rank=99, bound="page(1)",
    ),
    Action(
        id="list.page_up", keys=("pageup", "ctrl+u"), label="Page up", help="Go up by a page.",
        places=_EVERY_LIST, rank=99, bound="page(-1)",
    ),
    Action(
        id="list.first", keys=("home", "g"), label="First", help="Go to the first row.", places=_EVERY_LIST,
        rank=99, bound="go(0)",
    ),
    Action(
        id="list.last", keys=("end", "G"), label="Last", help="Go to the last row.", places=_EVERY_LIST,
        rank=99, bound="go(-1)",
    ),
    # Tasks
    Action(
        id="task.view", keys=("enter",), label="View", help="Show the task's details.",
        places=(Place.TASKS,), applies=task_needed, rank=11,
    ),
    Action(
        id="task.abort", keys=("a",), label="Abort",
        help="End the task; once more while it is Aborting doesn't wait for it.", places=_TASKS,
        applies=_by_status(ABORTABLE, "only what waits or runs can be aborted."), rank=12, writes=True,
        destructive=True, several=True,
    ),
    Action(
        id="task.retry", keys=("r",), label="Retry",
        help="Queue it again. A failed task reads only what is missing; an aborted one starts again.",
        places=_TASKS,
        applies=_by_status(RETRIABLE, "only what failed or was aborted can be retried; c copies it."),
        rank=13, writes=True, several=True,
    ),
    Action(
        id="task.download", keys=("d",), label="Download", help="Get the task's files to where you are.",
        places=_TASKS, applies=_download, rank=14,
    ),
    Action(
        id="task.delete", keys=("x",), label="Delete",
        help="Forget an ended task and its logs; exported files stay.", places=_TASKS,
        applies=_by_status(ENDED, "only a task that has ended can be deleted."), rank=15, writes=True,
        destructive=True, several=True,
    ),
    Action(
        id="task.logs", keys=("l",), label="Logs", help="Show the task's log.", places=_TASKS,
        applies=task_needed, rank=16,
    ),
    Action(
        id="task.copy", keys=("c",), label="Copy", help="Make a new task with the same settings.",
        places=_TASKS, applies=task_needed, rank=30, writes=True,
    ),
    Action(
        id="task.save", keys=("e",), label="Save as export", help="Save the task's settings as an export.",
        places=_TASKS, applies=task_needed, rank=31, writes=True,
    ),
    Action(
        id="task.yank", keys=("y",), label="Copy path", help="Copy the path of the task's files.",
        places=_TASKS, applies=task_needed, rank=40,
    ),
    Action(
        id="list.mark", keys=("space",), label="Mark", help="Mark the row for an action on several.",
        places=(Place.TASKS,), applies=task_needed, rank=32,
    ),
    Action(
        id="list.mark_all", keys=("asterisk",), label="Mark all", help="Mark every row, or none any more.",
        places=(Place.TASKS,), applies=task_needed, rank=99,
    ),
    Action(
        id="list.filter", keys=("slash",), label="Filter",
        help="Narrow the list: words, status:failed, conn:prod, since:7d.", places=(Place.TASKS,), rank=20,
    ),
    Action(
        id="list.sort", keys=("s",), label="Sort", help="Choose the column to sort by.",
        places=(Place.TASKS,), rank=21,
    ),
    # Task details
    Action(
        id="task.next_tab", keys=("tab", "right"), label="Next tab", help="Go to the tab on the right.",
        places=(Place.TASK,), rank=20,
    ),
    Action(
        id="task.previous_tab", keys=("shift+tab", "left"), label="Tab before",
        help="Go to the tab on the left.", places=(Place.TASK,), rank=99,
    ),
    Action(
        id="object.filter", keys=("slash",), label="Filter", help="Show the task's objects of one status.",
        places=(Place.TASK,), applies=task_needed, rank=21,
    ),
    # Logs
    Action(
        id="log.search", keys=("slash",), label="Search", help="Find a text in the log.",
        places=(Place.LOGS,), rank=10,
    ),
    Action(
        id="log.next", keys=("n",), label="Next", help="Go to the next line that has the text.",
        places=(Place.LOGS,), rank=11,
    ),
    Action(
        id="log.previous", keys=("N",), label="Previous", help="Go to the line before that has the text.",
        places=(Place.LOGS,), rank=99,
    ),
    Action(
        id="log.alerts", keys=("exclamation_mark",), label="Alerts",
        help="Show warnings and errors only, or all lines again.", places=(Place.LOGS,), rank=12,
    ),
    Action(
        id="log.follow", keys=("f",), label="Follow", help="Stay at the end as the log grows, or no longer.",
        places=(Place.LOGS,), rank=13,
    ),
    Action(
        id="log.wrap", keys=("w",), label="Wrap", help="Break long lines, or cut them at the edge.",
        places=(Place.LOGS,), rank=14,
    ),
    Action(
        id="log.time", keys=("at",), label="Time", help="Go to the first line at or after a time.",
        places=(Place.LOGS,), rank=15,
    ),
    Action(
        id="log.mark", keys=("space",), label="Mark",
        help="Mark from this line on, to copy several; once more takes the mark away.",
        places=(Place.LOGS,), rank=17,
    ),
    Action(
        id="log.copy", keys=("y",), label="Copy", help="Copy the line, or those from the mark on.",
        places=(Place.LOGS,), rank=16,
    ),
    Action(
        id="log.pager", keys=("o",), label="Pager", help="Open what is shown in $PAGER.",
        places=(Place.LOGS,), rank=18,
    ),
    # Saved exports
    Action(
        id="export.view", keys=("enter",), label="View",
        help="Show the definition and the history of its runs.",
        places=(Place.EXPORTS,), applies=_export_needed, rank=11,
    ),
    Action(
        id="run.view", keys=("enter",), label="View", help="Show the task of the run under the cursor.",
        places=(Place.EXPORT,), applies=_run_needed, rank=11,
    ),
    Action(
        id="export.run", keys=("r",), label="Run", help="Queue a task that runs the export as it is now.",
        places=_EXPORTS, applies=_export_needed, rank=12, writes=True,
    ),
    Action(
        id="export.edit", keys=("e",), label="Edit", help="Change the definition; tasks keep what they have.",
        places=_EXPORTS, applies=_export_needed, rank=13, writes=True,
    ),
    Action(
        id="export.copy", keys=("c",), label="Copy", help="Make a new export or task with the same settings.",
        places=_EXPORTS, applies=_export_needed, rank=30, writes=True,
    ),
    Action(
        id="export.delete", keys=("x",), label="Delete", help="Forget the definition; tasks and files stay.",
        places=_EXPORTS, applies=_export_needed, rank=15, writes=True, destructive=True,
    ),
    Action(
        id="export.flow", keys=("v",), label="Picture",
        help="Show how the data flows, from data sets through exports to directories; or the list again.",
        places=(Place.EXPORTS,), applies=_export_needed, rank=14,
    ),
    Action(
        id="run.logs", keys=("l",), label="Logs", help="Show the log of the run under the cursor.",
        places=(Place.EXPORT,), applies=_run_needed, rank=16,
    ),
    Action(
        id="export.yank", keys=("y",), label="Copy path", help="Copy the path of the directory it goes to.",
        places=_EXPORTS, applies=_export_needed, rank=40,
    ),
    # Connections and directories
    Action(
        id="connection.open", keys=("enter",), label="Open",
        help="Browse what is in the database; of a directory, the exports that go there.",
        places=_CONNECTIONS, applies=_row_needed, rank=11,
    ),
    Action(
        id="connection.add", keys=("plus", "i"), label="Add", help="Add a connection to a database.",
        places=_CONNECTIONS, rank=12, writes=True,
    ),
    Action(
        id="connection.test", keys=("t",), label="Test",
        help="Try the connection step by step: connect, log in, version, rights, snapshot.",
        places=_CONNECTIONS, applies=_connection_needed, rank=13, writes=True,
    ),
    Action(
        id="connection.edit", keys=("e",), label="Edit", help="Change the connection.",
        places=_CONNECTIONS, applies=_connection_needed, rank=14, writes=True,
    ),
    Action(
        id="connection.copy", keys=("c",), label="Copy", help="Add a connection with the same fields.",
        places=_CONNECTIONS, applies=_connection_needed, rank=30, writes=True,
    ),
    Action(
        id="connection.delete", keys=("x",), label="Delete",
        help="Forget the connection and its password; refused while exports or tasks use it.",
        places=_CONNECTIONS, applies=_connection_needed, rank=15, writes=True, destructive=True,
    ),
    Action(
        id="connection.other_list", keys=("tab", "shift+tab"), label="Other list",
        help="Go to the directories that exports go to, or back to the connections.", places=_CONNECTIONS,
        rank=20,
    ),
    Action(
        id="connection.yank", keys=("y",), label="Copy path", help="Copy the place or the path.",
        places=_CONNECTIONS, applies=_row_needed, rank=40,
    ),
    Action(
        id="demo.make", keys=("D",), label="Demo",
        help="Make a sample shop database with three exports, and run them.", places=_MAIN, rank=99,
        writes=True,
    ),
    # Objects of a connection
    Action(
        id="objects.export", keys=("n", "enter"), label="Export",
        help="Export the marked objects, or the one under the cursor, by one sheet.",
        places=(Place.OBJECTS,), rank=10,
    ),
    Action(
        id="objects.mark", keys=("space",), label="Mark", help="Take the object, or no longer.",
        places=_OBJECTS, applies=_objects_needed, rank=20,
    ),
    Action(
        id="objects.all", keys=("asterisk",), label="All",
        help="Mark all objects that are shown, of the type chosen; or none of them any more.",
        places=_OBJECTS, applies=_objects_needed, rank=21,
    ),
    Action(
        id="objects.type", keys=("t",), label="Type", help="Show the objects of the next type, or of all.",
        places=_OBJECTS, applies=_objects_needed, rank=22,
    ),
    Action(
        id="objects.search", keys=("slash",), label="Search", help="Narrow the objects by their names.",
        places=_OBJECTS, applies=_objects_needed, rank=23,
    ),
    Action(
        id="objects.clear", keys=("u",), label="Unmark", help="Take all marks away.",
        places=_OBJECTS, applies=_objects_needed, rank=24,
    ),
    Action(
        id="objects.database", keys=("b",), label="Database", help="Look into another database.",
        places=(Place.OBJECTS,), rank=25,
    ),
    # New export: one sheet, or step by step
    Action(
        id="quick.start", keys=("enter",), label="Start", help="Queue the export.", places=(Place.QUICK,),
        rank=10, writes=True,
    ),
    Action(
        id="quick.more", keys=("f6", "m"), label="More",
        help="Go on in the wizard, at the step of the current field.", places=(Place.QUICK,), rank=11,
    ),
    Action(
        id="wizard.next", keys=("enter",), label="Next",
        help="Go on to the next step; in the summary: start or save.", places=(Place.WIZARD,), rank=10,
    ),
    Action(
        id="wizard.summary", keys=("f5",), label="Summary", help="Go to the summary.",
        places=(Place.WIZARD,), rank=11,
    ),
    Action(
        id="wizard.steps", keys=("f6",), label="Steps", help="Go to another step.",
        places=(Place.WIZARD,), rank=12,
    ),
    Action(
        id="wizard.yank", keys=("y", "f8"), label="Copy command",
        help="Copy the command line that does the same.", places=(Place.WIZARD, Place.QUICK), rank=30,
    ),
)  # fmt: skip

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
