"""Getting a task's files to where a person is: a copy on this machine, or a line to run on another one."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import Input

from core.errors import Aborted, OfframpError
from core.model.destination import is_local, place_of
from core.model.task import Task
from core.service import Service, words
from core.service.downloads import ARCHIVES, Downloaded
from tui import handout
from tui.look import bar
from tui.plain import plain
from tui.runs import EMPTY, Line, join, run, wrap
from tui.widgets.lines import Lines, role_styles, strip_of

if TYPE_CHECKING:
    from tui.app import OfframpApp

COLUMNS = 92
FRAME = 6
BAR = 30
DRAW_SECONDS = 0.5


class CommandLine(Lines, can_focus=True):
    """A line for another machine's shell, always shown in full; Enter, `y` or a click sends it to the
    clipboard."""

    BINDINGS = [Binding("enter,y", "send", show=False)]

    class Wanted(Message):
        """The line is to be copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._text = ""

    def put(self, text: str, columns: int) -> None:
        """`columns` there are for it; what is longer goes on in the next line of the screen."""
        self._text = text
        self.show([run(piece) for piece in broken(text, columns - 2)])

    def render_line(self, y: int) -> Strip:
        mark = run("> " if self.has_focus else "  ", "accent")
        line = self.lines[y] if y < len(self.lines) else EMPTY
        shown: Line = tuple((text, "accent" if self.has_focus else role) for text, role in line)
        return strip_of(join(mark, shown), self.size.width, role_styles(self), self.rich_style)

    def action_send(self) -> None:
        self.post_message(self.Wanted(self._text))

    def on_click(self) -> None:
        self.action_send()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


class Download(ModalScreen[None]):
    """Copies run in a thread, with their progress; Escape stops one, and nothing of it stays."""

    DEFAULT_CSS = """
    Download, Download:ansi { align: center middle; background: $background; }
    Download .frame { height: auto; max-height: 100%; }
    Download .frame Lines { max-height: 6; }
    Download Input { margin: 0; }
    """
    BINDINGS = [
        Binding("escape", "leave", show=False),
        Binding("tab,down", "other(1)", show=False),
        Binding("shift+tab,up", "other(-1)", show=False),
    ]

    def __init__(self, task: Task) -> None:
        super().__init__()
        # Textual has a `task` of its own.
        self._of = task
        self._what: Line = EMPTY
        self._host: handout.Host | None = None
        self._outcome: tuple[Line, ...] = ()
        self._progress: tuple[int, int] | None = None
        self._since = 0.0
        self._stop: threading.Event | None = None
        self._timer: Timer | None = None

    @property
    def offramp(self) -> OfframpApp:
        from tui.app import OfframpApp  # noqa: PLC0415 - the application opens this screen

        assert isinstance(self.app, OfframpApp)  # noqa: S101 - nothing else does
        return self.app

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield Lines(id="head")
            entry = Input(value=plain(suggested(self._of, Path.cwd())), select_on_focus=False)
            entry.cursor_blink = False
            yield entry
            yield Lines(id="state")
            yield Lines(id="elsewhere")
            yield CommandLine(id="ssh")
            yield CommandLine(id="rsync")
            yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._draw()
        self.offramp.call(
            partial(_examine, self.offramp.service, self._of.id), self._examined, failed=self._failed
        )

    def on_unmount(self) -> None:
        self._abandon()

    def on_resize(self) -> None:
        self._draw()

    def on_descendant_focus(self) -> None:
        self._draw_keys()

    def _examined(self, found: tuple[handout.Host, int, int]) -> None:
        self._host, files, size = found
        self._what = run(f"{words.count(files, 'file')}, {words.size(size)}", "dim")
        self._draw()

    # Drawing

    @property
    def _inner(self) -> int:
        return min(COLUMNS, self.app.size.width - 4) - FRAME

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        inner = self._inner
        self.query_one(".frame").styles.width = inner + FRAME
        name = run(f"Download {self._of.name} {self._of.id}", "strong")
        label = run("Copy to a path on this machine; .tar and .tar.gz make an archive", "dim")
        self.query_one("#head", Lines).show([join(name, self._what, between="  "), EMPTY, label])
        self._draw_elsewhere(inner)
        self._draw_state()
        self._draw_keys()

    def _draw_elsewhere(self, inner: int) -> None:
        host = self._host
        shown = host is not None
        here = is_local(self._of.output)
        for part in ("#elsewhere", "#ssh", "#rsync"):
            self.query_one(part).display = shown and (here or part != "#rsync")
        if host is None:
            return
        lines = [EMPTY, run("Or fetch it: run one of these on the machine where you want the files", "dim")]
        if not host.told:
            hint = (
                f"This machine calls itself {host.name}; where it is called otherwise from outside, put that "
                "name there, or set ssh_host in settings.toml."
            )
            lines += [run(line, "dim") for line in wrap(hint, inner)]
        self.query_one("#elsewhere", Lines).show(lines)
        self.query_one("#ssh", CommandLine).put(handout.ssh_line(host, self._of.id), inner)
        self.query_one("#rsync", CommandLine).put(handout.rsync_line(host, self._of.output), inner)

    def _draw_state(self) -> None:
        """What would come of the path, how far a copy is, or what came of it."""
        lines = self._outcome
        if not lines:
            lines = tuple(
                run(line, "dim") for line in wrap(outcome(self.query_one(Input).value), self._inner)
            )
        if self._progress is not None:
            done, total = self._progress
            share = done / total if total else 1.0
            seconds = max(time.monotonic() - self._since, 0.001)
            told = f"{int(share * 100):3}% of {words.size(total)}, {words.size(int(done / seconds))}/s"
            lines = (join(bar(share, BAR, self.offramp.glyphs), run(told), between=" "),)
        self.query_one("#state", Lines).show(lines)

    def _draw_keys(self) -> None:
        if self._stop is not None:
            text = "Esc stops the copy; nothing of it stays."
        elif isinstance(self.focused, CommandLine):
            text = "Enter sends the line to your clipboard, Tab goes on, Esc leaves."
        else:
            text = "Enter copies, Tab goes to the lines, Esc leaves."
        self.query_one("#keys", Lines).show([EMPTY, run(text, "dim")])

    # What is typed and chosen

    def on_input_changed(self) -> None:
        self._outcome = ()
        self._draw_state()

    def on_key(self, event: events.Key) -> None:
        # `q` leaves where it isn't a letter of a path.
        if event.key == "q" and isinstance(self.focused, CommandLine):
            event.stop()
            self.action_leave()

    def action_other(self, step: int) -> None:
        parts = [self.query_one(Input), *self.query(CommandLine)]
        here = next((index for index, part in enumerate(parts) if part.has_focus), 0)
        parts[(here + step) % len(parts)].focus()

    def on_command_line_wanted(self, message: CommandLine.Wanted) -> None:
        self.offramp.copy_text(message.text)
        self._outcome = tuple(
            run(line, "accent")
            for line in wrap(
                "Sent to the clipboard. Where your terminal doesn't take that, mark it by hand.", self._inner
            )
        )
        self._draw_state()

    def action_leave(self) -> None:
        if self._stop is not None:
            self._stop.set()
            return
        self.dismiss(None)

    # Copying

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._stop is not None or not event.value.strip():
            return
        self._outcome = ()
        self._progress = (0, 0)
        self._since = time.monotonic()
        self._stop = threading.Event()
        self._timer = self.set_interval(DRAW_SECONDS, self._draw_state)
        to = absolute(event.value, Path.cwd())
        work = partial(self._copy, self.offramp.service, to, self._stop)
        self.offramp.call(work, self._copied, failed=self._failed)
        self._draw_state()
        self._draw_keys()

    def _copy(self, service: Service, to: Path, stop: threading.Event) -> Downloaded:
        """In a thread."""

        def report(done: int, total: int) -> None:
            if stop.is_set():
                raise Aborted("The copy was stopped.", "Nothing of it is left.")
            self._progress = (done, total)

        return service.downloads.copy(self._of.id, to, report)

    def _ended(self, lines: tuple[Line, ...]) -> None:
        self._stop = None
        self._progress = None
        if self._timer is not None:
            self._timer.stop()
        if self.is_mounted:
            self._outcome = lines
            self._draw_state()
            self._draw_keys()

    def _copied(self, made: Downloaded) -> None:
        told = f"{words.count(made.files, 'file')}, {words.size(made.bytes)}, compared with their checksums:"
        lines = [*wrap(told, self._inner), *wrap(str(made.path), self._inner)]
        self._ended(tuple(run(line, "good") for line in lines))

    def _failed(self, error: OfframpError) -> None:
        lines = [run(line, "bad") for line in wrap(error.message, self._inner)]
        if error.hint:
            lines += [run(line, "accent") for line in wrap(error.hint, self._inner)]
        self._ended(tuple(lines))

    def _abandon(self) -> None:
        """Nobody waits for the copy any more."""
        if self._stop is not None:
            self._stop.set()


def _examine(service: Service, task: int) -> tuple[handout.Host, int, int]:
    """What there is to get: this machine's name, files, bytes. Raises what `Downloads.open` does."""
    with service.downloads.open(task) as found:
        return handout.host_of(service.preferences.ssh_host), len(found.pieces), found.bytes


def broken(text: str, columns: int) -> list[str]:
    """A shell's line over several, so that it still is one when it is marked on the screen: each but the last
    ends with a backslash. Where that would change its meaning, it is only broken."""
    if len(text) <= columns:
        return wrap(text, columns)
    pieces = wrap(text, columns - 2)
    if "'" in text or " ".join(pieces) != text:
        return wrap(text, columns)
    return [*(f"{piece} \\" for piece in pieces[:-1]), pieces[-1]]


def suggested(task: Task, here: Path) -> str:
    """A path that is most likely free: the directory's own name, or an archive beside it."""
    if not is_local(task.output):
        return str(here / place_of(task.output).path.rpartition("/")[2])
    output = Path(task.output)
    return str(here / output.name) + (".tar.gz" if output.parent == here else "")


def absolute(text: str, here: Path) -> Path:
    """What was typed, as a path of this machine; `~` is the user's home."""
    try:
        return here / Path(text.strip()).expanduser()
    except RuntimeError:
        # `~name` of somebody who isn't known here: a directory of that name, then.
        return here / text.strip()


def outcome(text: str) -> str:
    """What a path would get."""
    if not text.strip():
        return "A path is needed."
    if any(text.strip().endswith(suffix) for suffix in ARCHIVES):
        return "Becomes an archive. Nothing that exists is overwritten."
    return "Becomes a directory with the files; an existing one gets it inside."
