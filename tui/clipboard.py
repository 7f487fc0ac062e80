"""Copying: OSC 52 to the terminal, and inside tmux to tmux, which hands it on."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from textual.app import App

SECONDS = 2.0


def send(app: App[Any], text: str) -> None:
    """Whether it arrived can't be known: terminals don't answer, and some don't take it."""
    app.copy_to_clipboard(text)
    tmux = shutil.which("tmux") if "TMUX" in os.environ else None
    if tmux is not None:
        app.run_worker(lambda: _tmux(tmux, text), thread=True, exit_on_error=False)


def _tmux(program: str, text: str) -> None:
    subprocess.run(  # noqa: S603 - a fixed command; the text goes to its input
        [program, "load-buffer", "-w", "-"],
        input=text.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
