"""Actions that work everywhere, in lists, and on tasks and their logs."""

from __future__ import annotations

from tui.action import Action, Place
from tui.action_conditions import ABORTABLE, ENDED, READING, RETRIABLE, by_status, download, task_needed

_TASKS = (Place.TASKS, Place.TASK)
_EVERY_LIST = (Place.LIST,)
_FILTERED = (Place.TASKS, Place.EXPORTS, Place.CONNECTIONS)

TASK_ACTIONS: tuple[Action, ...] = (
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
        applies=by_status(ABORTABLE, "only what waits or runs can be aborted."), rank=12, writes=True,
        destructive=True, several=True,
    ),
    Action(
        id="task.retry", keys=("r",), label="Retry",
        help="Queue it again. A failed task reads only what is missing; an aborted one starts again.",
        places=_TASKS,
        applies=by_status(RETRIABLE, "only what failed or was aborted can be retried; c copies it."),
        rank=13, writes=True, several=True,
    ),
    Action(
        id="task.download", keys=("d",), label="Download", help="Get the task's files to where you are.",
        places=_TASKS, applies=download, rank=14,
    ),
    Action(
        id="task.limit", keys=("L",), label="Limit the rate",
        help="Change how fast the task may read its database, while it runs too.", places=_TASKS,
        applies=by_status(READING, "only what waits or runs can be slowed down."), rank=32, writes=True,
        several=True,
    ),
    Action(
        id="task.delete", keys=("x",), label="Delete",
        help="Forget an ended task and its logs; exported files stay.", places=_TASKS,
        applies=by_status(ENDED, "only a task that has ended can be deleted."), rank=15, writes=True,
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
        help="Narrow the list: words, conn:prod; tasks and exports also by status:failed, since:7d.",
        places=_FILTERED, rank=20,
    ),
    Action(
        id="list.sort", keys=("s",), label="Sort", help="Choose the column to sort by.",
        places=_FILTERED, rank=21,
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
)  # fmt: skip
