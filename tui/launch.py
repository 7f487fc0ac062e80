"""Starting the application from the command line."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from core.errors import OfframpError
from core.service import Service
from tui import terminal

SWITCH_SECONDS = 0.001


def open_application(
    *, read_only: bool = False, mouse: bool = True, welcome: str = "", run_at_start: tuple[str, ...] = ()
) -> int:
    """Show the screens until a person leaves; `run_at_start` names saved exports to be run. Raises
    InvalidDefinition for a wrong settings file, StoreOnNetwork, StoreError where the
    store can't be opened."""
    with Service() as service:
        # Asked for on the terminal, while it is still the shell's.
        service.upkeep.require_local()
        chosen = service.preferences
        found = terminal.examine(os.environ, glyphs=chosen.glyphs)
        terminal.prepare(found)
        # From here on Textual may be loaded: it reads its settings at import.
        from tui import keymap  # noqa: PLC0415
        from tui.app import OfframpApp, Options  # noqa: PLC0415
        from tui.leaving import Watch  # noqa: PLC0415

        # The engine and the reader are threads beside the one that draws: it waits for them at every turn of
        # its loop, by default up to 5 ms, and a key is several turns.
        sys.setswitchinterval(SWITCH_SECONDS)
        keys = keymap.check(chosen.keys, str(service.locations.preferences))
        options = Options(
            read_only=read_only,
            ascii=found.ascii,
            theme=chosen.theme or ("terminal" if found.few_colours else "dark"),
            keys=keys,
            welcome=welcome,
            run_at_start=run_at_start,
        )
        app = OfframpApp(service, options)
        threading.excepthook = app.thread_failed
        watch = Watch(_quietly(app.departure.hand_over))
        try:
            words = app.run(mouse=mouse and chosen.mouse)
        finally:
            watch.close()
            threading.excepthook = threading.__excepthook__
            app.hosted.stop()
        if words:
            print(words)  # noqa: T201 - the terminal is the shell's again
        return app.return_code or 0


def _quietly(hand_over: Callable[[], None]) -> Callable[[], None]:
    """What can't be handed over is queued, and served by the next who comes."""

    def call() -> None:
        try:
            hand_over()
        except OfframpError:
            return

    return call
