"""Actions on saved exports, connections, their objects, and in making a new export."""

from __future__ import annotations

from tui.action import Action, Place
from tui.action_conditions import (
    connection_needed,
    export_needed,
    new_rows_needed,
    objects_needed,
    rewindable,
    row_needed,
    run_needed,
    schedule_needed,
)

_MAIN = (Place.TASKS, Place.EXPORTS, Place.CONNECTIONS)
_EXPORTS = (Place.EXPORTS, Place.EXPORT)
_CONNECTIONS = (Place.CONNECTIONS,)
_OBJECTS = (Place.OBJECTS, Place.WIZARD)

EXPORT_ACTIONS: tuple[Action, ...] = (
    # Saved exports
    Action(
        id="export.view", keys=("enter",), label="View",
        help="Show the definition and the history of its runs.",
        places=(Place.EXPORTS,), applies=export_needed, rank=11,
    ),
    Action(
        id="run.view", keys=("enter",), label="View", help="Show the task of the run under the cursor.",
        places=(Place.EXPORT,), applies=run_needed, rank=11,
    ),
    Action(
        id="export.run", keys=("r",), label="Run", help="Queue a task that runs the export as it is now.",
        places=_EXPORTS, applies=export_needed, rank=12, writes=True,
    ),
    Action(
        id="export.edit", keys=("e",), label="Edit", help="Change the definition; tasks keep what they have.",
        places=_EXPORTS, applies=export_needed, rank=13, writes=True,
    ),
    Action(
        id="export.copy", keys=("c",), label="Copy", help="Make a new export or task with the same settings.",
        places=_EXPORTS, applies=export_needed, rank=30, writes=True,
    ),
    Action(
        id="export.delete", keys=("x",), label="Delete", help="Forget the definition; tasks and files stay.",
        places=_EXPORTS, applies=export_needed, rank=15, writes=True, destructive=True,
    ),
    Action(
        id="export.flow", keys=("v",), label="Picture",
        help="Show how the data flows, from data sets through exports to directories; or the list again.",
        places=(Place.EXPORTS,), applies=export_needed, rank=14,
    ),
    Action(
        id="export.pause", keys=("p",), label="Pause",
        help="Keep the export from running by itself, or have it go on from now.",
        places=_EXPORTS, applies=schedule_needed, rank=17, writes=True,
    ),
    Action(
        id="export.look", keys=("w",), label="What is new",
        help="Count in the source what the next run of an export of new rows would read.",
        places=_EXPORTS, applies=new_rows_needed, rank=18,
    ),
    Action(
        id="run.rewind", keys=("b",), label="Read again",
        help="Have the next run read again what the run under the cursor has read, and all that came later.",
        places=(Place.EXPORT,), applies=rewindable, rank=19, writes=True, destructive=True,
    ),
    Action(
        id="run.logs", keys=("l",), label="Logs", help="Show the log of the run under the cursor.",
        places=(Place.EXPORT,), applies=run_needed, rank=16,
    ),
    Action(
        id="export.yank", keys=("y",), label="Copy path", help="Copy the path of the directory it goes to.",
        places=_EXPORTS, applies=export_needed, rank=40,
    ),
    # Connections and directories
    Action(
        id="connection.open", keys=("enter",), label="Open",
        help="Browse what is in the database; of a destination, the exports that go there.",
        places=_CONNECTIONS, applies=row_needed, rank=11,
    ),
    Action(
        id="connection.add", keys=("plus", "i"), label="Add",
        help="Add a connection to a database, or a destination.",
        places=_CONNECTIONS, rank=12, writes=True,
    ),
    Action(
        id="connection.test", keys=("t",), label="Test",
        help="Try the connection step by step (log in, rights, snapshot), or the destination (write, read).",
        places=_CONNECTIONS, applies=connection_needed, rank=13, writes=True,
    ),
    Action(
        id="connection.edit", keys=("e",), label="Edit", help="Change the connection or the destination.",
        places=_CONNECTIONS, applies=connection_needed, rank=14, writes=True,
    ),
    Action(
        id="connection.copy", keys=("c",), label="Copy", help="Add one with the same fields.",
        places=_CONNECTIONS, applies=connection_needed, rank=30, writes=True,
    ),
    Action(
        id="connection.delete", keys=("x",), label="Delete",
        help="Forget it and its password; refused while exports or tasks use it.",
        places=_CONNECTIONS, applies=connection_needed, rank=15, writes=True, destructive=True,
    ),
    Action(
        id="connection.other_list", keys=("tab", "shift+tab"), label="Other list",
        help="Go to the destinations that exports go to, or back to the connections.", places=_CONNECTIONS,
        rank=20,
    ),
    Action(
        id="connection.yank", keys=("y",), label="Copy path", help="Copy the place or the path.",
        places=_CONNECTIONS, applies=row_needed, rank=40,
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
        places=_OBJECTS, applies=objects_needed, rank=20,
    ),
    Action(
        id="objects.all", keys=("asterisk",), label="All",
        help="Mark all objects that are shown, of the type chosen; or none of them any more.",
        places=_OBJECTS, applies=objects_needed, rank=21,
    ),
    Action(
        id="objects.type", keys=("t",), label="Type", help="Show the objects of the next type, or of all.",
        places=_OBJECTS, applies=objects_needed, rank=22,
    ),
    Action(
        id="objects.search", keys=("slash",), label="Search", help="Narrow the objects by their names.",
        places=_OBJECTS, applies=objects_needed, rank=23,
    ),
    Action(
        id="objects.clear", keys=("u",), label="Unmark", help="Take all marks away.",
        places=_OBJECTS, applies=objects_needed, rank=24,
    ),
    Action(
        id="objects.database", keys=("b",), label="Database", help="Look into another database.",
        places=(Place.OBJECTS,), rank=25,
    ),
    Action(
        id="wizard.rows", keys=("z",), label="Rows",
        help="Choose columns and rows of the object under the cursor.",
        places=(Place.WIZARD,), applies=objects_needed, rank=26,
    ),
    Action(
        id="wizard.choices", keys=("f4",), label="Queries",
        help="Columns and rows that are chosen, by name or pattern, and queries as data sets.",
        places=(Place.WIZARD,), rank=32,
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
        id="wizard.again", keys=("f7",), label="Ask again",
        help="Ask the server again for its databases and objects, and check again.",
        places=(Place.WIZARD,), rank=31,
    ),
    Action(
        id="wizard.yank", keys=("y", "f8"), label="Copy command",
        help="Copy the command line that does the same.", places=(Place.WIZARD, Place.QUICK), rank=30,
    ),
)  # fmt: skip
