"""Showing a log in the program that `$PAGER` names, on the terminal that the screens leave to it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from textual.app import App, SuspendNotSupported

from core.errors import OfframpError
from core.log_pages import Keep, LogPages, everything

BATCH = 5000


def command(environment: Mapping[str, str]) -> list[str]:
    """The pager with its arguments. Raises OfframpError where there is none."""
    wanted = environment.get("PAGER") or "less"
    try:
        words = shlex.split(wanted)
    except ValueError:
        words = []
    if not words or shutil.which(words[0], path=environment.get("PATH")) is None:
        raise OfframpError(f"The pager {wanted!r} can't be found.", "Set PAGER to a program that shows text.")
    return words


def show(app: App[Any], pages: LogPages, keep: Keep) -> None:
    """Leave the terminal to the pager until it ends. A log in one piece it opens by itself, else it gets
    the lines on its standard input. Raises OfframpError."""
    words = command(os.environ)
    parts = pages.parts()
    try:
        with app.suspend():
            # Ctrl-C is for the pager. A handler, unlike SIG_IGN, is not inherited by what is started.
            before = signal.signal(signal.SIGINT, lambda *_: None)
            try:
                if keep is everything and len(parts) == 1:
                    subprocess.run([*words, str(parts[0])], check=False)  # noqa: S603 - the user's own pager
                else:
                    _pipe(words, pages, keep)
            finally:
                signal.signal(signal.SIGINT, before)
    except SuspendNotSupported:
        raise OfframpError("The screens can't leave this terminal to a pager.") from None
    except OSError as error:
        raise OfframpError(f"The pager {words[0]!r} can't be started: {error.strerror}.") from None


def _pipe(words: list[str], pages: LogPages, keep: Keep) -> None:
    ended = threading.Event()
    with subprocess.Popen(words, stdin=subprocess.PIPE) as pager:  # noqa: S603 - the user's own pager
        feeder = threading.Thread(target=_feed, args=(pager, pages, keep, ended), daemon=True)
        feeder.start()
        try:
            pager.wait()
        finally:
            ended.set()
            feeder.join()


def _feed(pager: subprocess.Popen[bytes], pages: LogPages, keep: Keep, ended: threading.Event) -> None:
    place = (0, 0)
    # The pager may be left before it has taken everything.
    with suppress(BrokenPipeError), pager.stdin as taken:  # type: ignore[union-attr]  # it is a pipe
        while lines := pages.after(place, BATCH, keep, ended.is_set):
            for placed in lines:
                # From the file: a very long line isn't whole in what was read for the screen.
                taken.write(pages.read(*placed.start, placed.end[1] - placed.start[1]))
            place = lines[-1].end
