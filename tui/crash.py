"""What the terminal shows once the application has ended by an error that nobody foresaw."""

from __future__ import annotations

import traceback

from rich.text import Text
from textual.worker import WorkerFailed

from tui.plain import plain_lines

ADVICE = "Offramp ended by an error of its own. Tasks go on. Please report it with the lines above."


def report(error: BaseException | None) -> Text:
    """The traceback with lines of code and without the values of variables: in a form one of them is a
    password."""
    if isinstance(error, WorkerFailed):
        error = error.error  # of a thread; the wrapping has no traceback
    lines = "".join(traceback.format_exception(error)) if error is not None else ""
    return Text(f"{plain_lines(lines)}{ADVICE}", no_wrap=True, overflow="fold")
