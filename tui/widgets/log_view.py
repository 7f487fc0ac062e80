"""The log of a task, as long as it may be: only what is to be seen is read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from core.errors import InvalidValue, OfframpError
from core.log_pages import Place as LogPlace
from core.log_pages import alerts, everything
from core.service.words import count
from tui import clipboard, pager
from tui.actions import Place, bindings
from tui.log_window import MOST_COPIED, LogWindow, View
from tui.moments import FORMS, moment
from tui.runs import EMPTY, Line, ends, join, run
from tui.widgets.ask import Ask
from tui.widgets.lines import Lines
from tui.widgets.log_lines import LogLines

if TYPE_CHECKING:
    from tui.app import OfframpApp

LOOK_SECONDS = 1.0


class LogView(Vertical):
    """Shows the log of task `task_id` from its end, and follows it; `alert`: only WARN and ERROR.

    Carries out the actions of `Place.LOGS`; a page that shows it names it in `parts()` and puts those
    actions among its own. Reading goes on in a thread, one order after the other, so that no key is lost
    and none waits for the disk; `settled` says that all of them are done.
    """

    DEFAULT_CSS = """
    LogView { height: 1fr; }
    LogView #log-state { height: 1; }
    """
    BINDINGS = bindings(Place.LOGS)

    def __init__(self, task_id: int, *, alert: bool = False) -> None:
        super().__init__()
        self.task_id = task_id
        self.alert = alert
        self.following = True
        self.searched = ""
        self.view = View()
        self._mark: LogPlace | None = None
        self._orders: asyncio.Queue[tuple[Callable[[], str | None], Callable[[str], None]]] = asyncio.Queue()
        self._at_work = True
        self._stop = threading.Event()
        self._failed = ""

    @property
    def offramp(self) -> OfframpApp:
        from tui.app import OfframpApp  # noqa: PLC0415 - the application imports its screens

        assert isinstance(self.app, OfframpApp)  # noqa: S101 - shown by nothing else
        return self.app

    @property
    def lines(self) -> LogLines:
        return self.query_one(LogLines)

    @property
    def settled(self) -> bool:
        return not self._at_work and self._orders.empty()

    def compose(self) -> ComposeResult:
        yield Lines(id="log-state")
        yield LogLines(broken=self.offramp.state.log_wrap)

    def on_mount(self) -> None:
        pages = self.offramp.service.tasks.log_pages(self.task_id)
        self._window = LogWindow(pages, alert=self.alert, stopped=self._stop.is_set)
        self.lines.show(self.view, mark=None, found="", nothing=run("Reading ...", "dim"))
        self._order(self._window.go_end)
        self.run_worker(self._serve(), group="log")
        self.set_interval(LOOK_SECONDS, self._look)

    def on_unmount(self) -> None:
        self._stop.set()

    # Orders to the thread

    def _order(self, work: Callable[[], str | None], then: Callable[[str], None] | None = None) -> None:
        """`work` moves the window in the thread; words that it gives back are said, or go to `then`."""
        self._orders.put_nowait((work, then or self.offramp.page_say))

    async def _serve(self) -> None:
        while True:
            self._at_work = not self._orders.empty()
            work, then = await self._orders.get()
            self._at_work = True
            self._stop.clear()
            self._failed = ""
            try:
                said, self.view = await asyncio.to_thread(self._carry_out, work)
            except OSError as error:
                said = None
                self._failed = f"The log can't be read: {error.strerror}."
            self._show()
            if said is not None:
                then(said)

    def _carry_out(self, work: Callable[[], str | None]) -> tuple[str | None, View]:
        return work(), self._window.view()

    def _look(self) -> None:
        """Has anything been logged meanwhile?"""
        seen = all(w.display for w in self.ancestors_with_self if isinstance(w, Widget))
        if seen and self.settled and self.app.screen is self.screen:
            self._order(partial(self._window.grow, follow=self.following))

    def give_up(self) -> bool:
        """Stop a search, else take the mark away; False where there is neither."""
        if not self.settled:
            self._stop.set()
            return True
        if self._mark is not None:
            self.do_log_mark()
            return True
        return False

    # Showing

    def _show(self) -> None:
        self.lines.show(self.view, mark=self._mark, found=self.searched, nothing=self._nothing())
        self._show_state()

    def _nothing(self) -> Line:
        if self._failed:
            return run(self._failed, "bad")
        if self.alert:
            return run("No warnings and no errors. ! shows all lines.", "dim")
        return run("Nothing has been logged, or the log is no longer kept.", "dim")

    def _show_state(self) -> None:
        line = self.view.line
        what = run("warnings and errors", "warn") if self.alert else run("all lines", "accent")
        pieces = [
            what,
            run("following" if self.following else "", "accent"),
            run(f"find {self.searched}" if self.searched else "", "dim"),
            run("marked" if self._mark is not None else "", "accent"),
            run("lines left out" if self.view.cut else "", "warn"),
        ]
        right: Line = EMPTY
        if line is not None:
            day = f"{line.time.astimezone():%Y-%m-%d %Z}, " if line.time is not None else ""
            right = run(f"{day}{'end' if self.view.at_end else f'{self.view.share:.0%}'} ", "dim")
        left = join(run(" "), join(*pieces, between=self.offramp.glyphs.between))
        self.query_one("#log-state", Lines).show([ends(left, right, self.size.width)])

    def on_resize(self) -> None:
        self._show_state()

    def on_log_lines_wanted(self, event: LogLines.Wanted) -> None:
        """Moves of the cursor, by key or wheel."""
        event.stop()
        if event.to is not None:
            self.following = event.to == -1
            self._order(self._window.go_end if event.to == -1 else self._window.go_begin)
        else:
            if event.by < 0:
                self.following = False
            self._order(partial(self._window.move, event.by))

    # Actions

    def action_act(self, name: str) -> None:
        self.screen.action_act(name)  # type: ignore[attr-defined]  # shown on pages only

    def do_log_search(self) -> None:
        def answered(text: str | None) -> None:
            if text:
                self.searched = text
                self._find(back=False, here=True)

        self.app.push_screen(Ask("Find in the log", label="Text", value=self.searched), answered)

    def do_log_next(self) -> None:
        self._find(back=False)

    def do_log_previous(self) -> None:
        self._find(back=True)

    def _find(self, *, back: bool, here: bool = False) -> None:
        if not self.searched:
            self.do_log_search()
            return
        self.following = False
        self.offramp.page_say("Searching ... Esc stops.")
        self._order(lambda: self._window.find(self.searched, back=back, here=here))

    def do_log_alerts(self) -> None:
        self.alert = not self.alert
        self._order(partial(self._window.keep, alert=self.alert))

    def do_log_follow(self) -> None:
        self.following = not self.following
        if self.following:
            self._order(self._window.go_end)
        self._show_state()

    def do_log_wrap(self) -> None:
        self.lines.set_broken(not self.lines.broken)
        self.offramp.remember(log_wrap=self.lines.broken)

    def do_log_time(self) -> None:
        line = self.view.line
        near = (line.time if line is not None else None) or self.offramp.now()

        def check(text: str) -> str:
            try:
                moment(text, near)
            except InvalidValue:
                return FORMS
            return ""

        def answered(text: str | None) -> None:
            if text is not None:
                self.following = False
                self._order(partial(self._window.go_time, moment(text, near)))

        shown = f"{near.astimezone():%H:%M:%S}"
        self.app.push_screen(Ask("Go to a time in the log", label="Time", value=shown, check=check), answered)

    def do_log_mark(self) -> None:
        line = self.view.line
        self._mark = line.start if self._mark is None and line is not None else None
        self._show()

    def do_log_copy(self) -> None:
        mark, self._mark = self._mark, None
        lines: list[str] = []

        def work() -> str:
            found, more = self._window.text(mark)
            lines.extend(found)
            if more:
                return f"The first {MOST_COPIED:,} lines were sent to the clipboard; the pager has them all."
            return f"{count(len(found), 'line')} sent to the clipboard." if found else "There is no line."

        def then(said: str) -> None:
            if lines:
                clipboard.send(self.app, "\n".join(lines))
            self.offramp.page_say(said)

        self._order(work, then)

    def do_log_pager(self) -> None:
        try:
            pager.show(self.app, self._window.pages, alerts if self.alert else everything)
        except OfframpError as error:
            self.offramp.fail(error)
