"""The application: shows the tasks at once, hosts the engine, keeps what all screens share.

What a screen finds here, as `self.offramp`:

`service`      everything that may be asked or done (`core.service.Service`)
`reader`       reads the store for the screen that is seen (`tui.reading`); `reader.poke()` after a change
`call(...)`    runs what may block in a thread; its error is shown, its result comes back on the loop
`fail(error)`  shows an error in full
`now()`        the time, aware; frozen in tests
`glyphs`       drawings, Unicode or ASCII
`keys`         the keymap of the settings file, `key_of(action)` the key that an action has now
`state`        what is kept between visits, `remember(...)` to change it
`engine`       who serves, as last seen; `read_only`
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from textual.app import App
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from core.errors import OfframpError, StoreError, StoreTooNew
from core.model.settings import ExportSettings
from core.service import Service
from core.service.overview import EngineState
from tui import actions, clipboard, crash, keymap, look, state
from tui.actions import Action, Place
from tui.calls import Calls
from tui.departure import Departure, question
from tui.engine_line import engine_line
from tui.hosting import HostedEngine
from tui.reading import Reader, StoreRead
from tui.runs import Line
from tui.screens.base import Page
from tui.screens.help import Entry, Help, Palette, menu
from tui.widgets.dialog import Tell

T = TypeVar("T")
TICK_SECONDS = 5.0
ENGINE_SECONDS = 5.0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the application is started. `keys` is a checked keymap; `theme` the one that fits the terminal,
    where nobody has chosen another; `host`: serve the store from here; `welcome` is said at the start, when
    the saved exports `run_at_start` are run."""

    read_only: bool = False
    ascii: bool = False
    theme: str = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    host: bool = True
    clock: Callable[[], datetime] = utc_now
    welcome: str = ""
    run_at_start: tuple[str, ...] = ()


def _tasks() -> Screen[Any]:
    from tui.screens.tasks import TasksScreen  # noqa: PLC0415 - screens import the base's application

    return TasksScreen()


def _exports() -> Screen[Any]:
    from tui.screens.exports import ExportsScreen  # noqa: PLC0415

    return ExportsScreen()


def _connections() -> Screen[Any]:
    from tui.screens.connections import ConnectionsScreen  # noqa: PLC0415

    return ConnectionsScreen()


class OfframpApp(App[str], inherit_bindings=False):
    """Ends with words to print on the terminal that it leaves, or None."""

    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, Any]] = {"tasks": _tasks, "exports": _exports, "connections": _connections}
    DEFAULT_MODE = "tasks"
    BINDINGS = actions.bindings(Place.ANY)
    CSS = """
    Screen { color: $foreground; }
    Page { background: $background; }
    Input, Input:focus {
        border: none; height: 1; padding: 0 1; background: $panel; color: $foreground;
    }
    Input:ansi { text-style: underline; }
    ListBar Input, ListBar Input:focus { padding: 0; background: $background; }
    .quiet { color: $quiet; }
    """

    def __init__(self, service: Service, options: Options) -> None:
        super().__init__()
        self.service = service
        self.options = options
        self.read_only = options.read_only
        self.glyphs = look.ASCII if options.ascii else look.UNICODE
        self.keys = dict(options.keys)
        self.state = state.load(service.locations.screens)
        self.engine: EngineState | None = None
        self.hosted = HostedEngine(service.locations)
        chosen = service.preferences
        self.reader = Reader(
            service, self.post_message, busy=chosen.look_seconds, idle=chosen.idle_look_seconds
        )
        self.departure = Departure(service, self.hosted)
        self._calls = Calls(self)
        self._begun = False
        self._store_error: OfframpError | None = None
        for theme in look.THEMES.values():
            self.register_theme(theme)
        self.theme = self.state.theme if self.state.theme in look.THEMES else options.theme
        if options.ascii:
            self.add_class("-ascii")
        self.set_keymap(self.keys)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual chooses how to obey NO_COLOR before a theme is set: as if for one that isn't the terminal's
        own, where it writes black on black instead of the terminal's default colours."""
        found = super().get_line_filters()
        if not self.no_color or not self.native_ansi_color:
            return found
        return [NoColor() if isinstance(one, Monochrome) else one for one in found]

    # Beginning and end

    def on_mount(self) -> None:
        self.reader.start()
        self.set_interval(TICK_SECONDS, self._tick)
        self.app_resume_signal.subscribe(self, self._resumed)

    def host(self) -> None:
        """Serve the store from here, if nobody else does."""
        if self.options.host and not self.read_only:
            self.hosted.start()

    def _run_at_start(self) -> None:
        """Queue them once the engine here serves, so that none is started in the background for them."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while not self.service.overview.engine().served and time.monotonic() < deadline:
            time.sleep(0.1)
        for name in self.options.run_at_start:
            self.service.exports.run(name)

    def thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """A thread ended by an error that nobody foresaw: the application ends with it, and shows it."""
        if isinstance(failed.exc_value, Exception) and self.is_running:
            self.call_from_thread(self._handle_exception, failed.exc_value)

    def _fatal_error(self) -> None:
        self.panic(crash.report(self._exception))

    def on_unmount(self) -> None:
        self.reader.stop()

    def _tick(self) -> None:
        """Time goes on though nothing has changed: the clock, how long ago, how soon."""
        if self.is_running and isinstance(self.screen, Page) and self.screen.is_mounted:
            self.screen.refresh_title()
            self.screen.tick()

    # What was read

    def on_store_read(self, message: StoreRead) -> None:
        if not self.is_running:
            # It ends: its screens are being taken down, and what they are made of is gone already.
            return
        seen = message.seen
        if not self._begun:
            # Only now: two threads that load the store at the same time would find each other's halves.
            self._begun = True
            self.host()
            if self.options.run_at_start:
                self.call(self._run_at_start)
            if self.options.welcome:
                self.page_say(self.options.welcome)
        self._store_error = seen.error if isinstance(seen.error, StoreError) else None
        if seen.engine is not None:
            self.engine = seen.engine
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page):
                # One that was just pushed has nothing yet that could be shown.
                if screen.is_mounted:
                    # What an earlier query found, or that of a screen that is no longer seen, is of no use.
                    if seen.query is not None and seen.query is self.reader.query:
                        screen.take(seen)
                    screen.refresh_title()
                return

    def engine_line(self) -> Line:
        """How things stand with the engine, and the time."""
        return engine_line(
            self.engine, self._store_error, self.now(), self.size.width, read_only=self.read_only
        )

    # For the screens

    def now(self) -> datetime:
        return self.options.clock()

    def key_of(self, action: Action) -> str:
        return keymap.keys_of(action.id, self.keys)[0]

    def key_name(self, action_id: str) -> str:
        """The key of an action as people read it."""
        return actions.key_name(keymap.keys_of(action_id, self.keys)[0])

    def new_export(
        self, settings: ExportSettings | None = None, *, name: str = "", edits: str | None = None
    ) -> None:
        """Open the wizard, filled with these settings; `edits` names the saved export that it changes."""
        from tui.screens.wizard import Wizard  # noqa: PLC0415 - only when it is opened

        self.push_screen(Wizard(settings, name=name, edits=edits))

    def do_export_new(self) -> None:
        self.new_export()

    def do_demo_make(self) -> None:
        from tui.screens.demo import offer  # noqa: PLC0415 - only when it is asked for

        offer(self)

    def copy_text(self, text: str) -> None:
        """Send a text to the clipboard of whoever sits at the terminal, as far as terminals allow it, and
        show it."""
        clipboard.send(self, text)
        self.page_say(f"Sent to the clipboard: {text}")

    def remember(self, **changes: Any) -> None:
        """Keep something between visits (`tui.state.ScreenState`)."""
        self.state = msgspec.structs.replace(self.state, **changes)
        state.save(self.service.locations.screens, self.state)

    def call(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] | None = None,
        *,
        doing: str = "",
        failed: Callable[[OfframpError], object] | None = None,
    ) -> None:
        """Run `work` in a thread; `then` gets its result on the event loop. An OfframpError goes to `failed`,
        by default to `fail`. `doing` is said meanwhile. The store is read anew afterwards."""
        if doing:
            self.page_say(doing)
        self._calls.start(work, then, failed or self.fail)

    def fail(self, error: OfframpError) -> None:
        self.page_say("")
        self.push_screen(Tell(error))

    def page_say(self, text: str, role: str = "accent") -> None:
        """A message in the footer of the page that is seen, be there a dialog over it or not."""
        if (page := self.page) is not None:
            page.say(text, role)

    @property
    def page(self) -> Page | None:
        return next((s for s in reversed(self.screen_stack) if isinstance(s, Page)), None)

    # Actions that work everywhere

    def action_act(self, name: str) -> None:
        if isinstance(self.screen, Page):
            self.screen.action_act(name)

    def do_go_tasks(self) -> None:
        self._go("tasks")

    def do_go_exports(self) -> None:
        self._go("exports")

    def do_go_connections(self) -> None:
        self._go("connections")

    def _go(self, mode: str) -> None:
        """To a main screen; pressed there once more, out of what lies over it."""
        if mode == self.current_mode:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        else:
            self.switch_mode(mode)

    def go_to_task(self, task_id: int) -> None:
        """To the list of tasks, and there to one that was just made."""
        from tui.screens.tasks import TasksScreen  # noqa: PLC0415 - screens import the base's application

        self._go("tasks")
        home = self.screen_stack[0]
        if isinstance(home, TasksScreen):
            home.go_to(task_id)

    def do_app_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def entries(self, *places: Place) -> list[Entry]:
        """Actions as they stand on the page that is seen."""
        page = self.page
        found = actions.of(*places) if places else page.actions() if page is not None else ()
        return [
            Entry(a, keymap.keys_of(a.id, self.keys), page.refusal(a) if page is not None else "")
            for a in found
        ]

    def do_app_help(self) -> None:
        page = self.page
        if page is not None:
            self.push_screen(Help(self.entries(), self.entries(Place.LIST), page.place.value))

    def do_app_menu(self) -> None:
        page = self.page
        if page is not None:
            self.push_screen(menu(self.entries(), page.menu_title()), self._perform)

    def do_app_palette(self) -> None:
        self.push_screen(Palette(self.entries()), self._perform)

    def _perform(self, name: str | None) -> None:
        page = self.page
        if name is not None and page is not None:
            page.action_act(name)

    def do_app_theme(self) -> None:
        names = list(look.THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self.remember(theme=self.theme)
        self.page_say(f"Theme: {self.theme}")

    # Leaving

    def do_app_suspend(self) -> None:
        """Hand over first: a stopped process serves nobody."""
        self.call(self.departure.hand_over, lambda _: self._stop_here(), doing="Handing over ...")

    def _stop_here(self) -> None:
        self.page_say("")
        self.action_suspend_process()

    def _resumed(self, _: App[str]) -> None:
        """Back from Ctrl-Z, or from a pager: the terminal shows nothing of what it showed before."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)
        self.host()
        self.reader.poke()

    def do_app_quit(self) -> None:
        engine = self.engine
        # A store that was migrated belongs to the newer Offramp: there is nothing to hand over here.
        elsewhere = isinstance(self._store_error, StoreTooNew)
        if engine is None or not engine.busy or not self.hosted.running or elsewhere:
            self.exit()
        elif engine.unfinished and (engine.here or not engine.served):
            self.push_screen(question(engine), self._leave)
        else:
            # Another engine serves, and goes on; or one is to serve what runs by itself.
            self._leave("leave")

    def _leave(self, answer: str | None) -> None:
        if answer == "leave":
            self.call(
                self.departure.hand_over,
                lambda _: self.exit("Tasks go on in the background: offramp ls"),
                doing="Handing over to the background ...",
            )
        elif answer == "abort":
            self.call(self.departure.abort_all, lambda done: self.exit(done.words()), doing="Aborting ...")
