"""What every screen of Offramp has in common: title, footer, actions, and the way to what it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from tui import actions, keymap
from tui.actions import Action, Place
from tui.reading import Query, Seen
from tui.runs import EMPTY, Line, join, run, text_of
from tui.widgets.chrome import Footer, TitleLine

if TYPE_CHECKING:
    from tui.app import OfframpApp


class Page(Screen[Any]):
    """A whole screen. A subclass sets `place` and `BINDINGS = bindings(place)`, and says in

    `body()`        its widgets between title and footer,
    `wanted()`       what it reads from the store (`tui.reading`), None for nothing,
    `read(seen)`    how it shows what was read; also called now and then with the same, as time goes on,
    `subject()`     the thing that its actions are about, for `Action.applies`,
    `heading()`     the title line's two ends,
    `do_…()`        its actions (`Action.method`),
    `parts()`       widgets that carry out actions of their own in the same way.
    """

    place: ClassVar[Place]
    _seen: Seen | None = None

    @property
    def offramp(self) -> OfframpApp:
        from tui.app import OfframpApp  # noqa: PLC0415 - the application imports its screens

        assert isinstance(self.app, OfframpApp)  # noqa: S101 - pages are shown by nothing else
        return self.app

    def compose(self) -> ComposeResult:
        yield TitleLine()
        yield from self.body()
        yield Footer()

    # What a screen says

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def wanted(self) -> Query | None:
        return None

    def read(self, seen: Seen) -> None:
        """Show what was read. `seen.error` is there instead of a value where that failed."""

    def tick(self) -> None:
        """Time has gone on: show what was read last once more, in the words of now."""
        if self._seen is not None:
            self.read(self._seen)

    def subject(self) -> Any:
        return None

    def parts(self) -> tuple[Widget, ...]:
        return ()

    def menu_title(self) -> str:
        """What the menu of actions is about."""
        return self.place.value.capitalize()

    def heading(self) -> tuple[Line, Line]:
        """By default the three main screens, and how the engine stands."""
        names = []
        for name, label in (
            ("go.tasks", "Tasks"),
            ("go.exports", "Exports"),
            ("go.connections", "Connections"),
        ):
            here = label.lower() == self.place.value
            key = actions.key_name(keymap.keys_of(name, self.offramp.keys)[0])
            names.append(join(run(f"{key} ", "dim"), run(label, "accent" if here else "dim")))
        return join(run("Offramp", "strong"), *names, between="  "), self.offramp.engine_line()

    # What happens to it

    @property
    def was_read(self) -> bool:
        """Whether anything was read for it yet."""
        return self._seen is not None

    @property
    def message(self) -> str:
        """What is said in the footer's place, "" where the keys are shown."""
        return text_of(self.query_one(Footer).message)

    def take(self, seen: Seen) -> None:
        """What the reader found for this page's query."""
        self._seen = seen
        self.read(seen)
        self.refresh_actions()

    def on_screen_resume(self) -> None:
        self.ask_again()
        self.refresh_title()
        self.refresh_actions()

    def ask_again(self) -> None:
        """Read what `wanted` says now. To be called whenever that changes."""
        if self.app.screen is self:
            self.offramp.reader.want(self.wanted())

    def refresh_title(self) -> None:
        self.query_one(TitleLine).put(*self.heading())

    def refresh_actions(self) -> None:
        """Offer in the footer what applies to the subject as it is now."""
        self.query_one(Footer).put(
            [(action, self.offramp.key_of(action)) for action in self.actions() if not self.refusal(action)]
        )

    def actions(self) -> tuple[Action, ...]:
        """Those of this screen, then those that work everywhere."""
        return actions.of(self.place, Place.ANY)

    def refusal(self, action: Action) -> str:
        """Why an action can't be done now, "" where it can."""
        if action.writes and self.offramp.read_only:
            return f"{action.label}: not with --read-only."
        return action.applies(self.subject())

    def action_act(self, name: str) -> None:
        """Do an action, or say why not."""
        action = actions.BY_ID[name]
        self.say("")
        if refusal := self.refusal(action):
            self.say(refusal, "warn")
            return
        holders = (self, *self.parts(), self.app)
        getattr(next(holder for holder in holders if hasattr(holder, action.method)), action.method)()

    def say(self, text: str, role: str = "accent") -> None:
        """A message in the footer's place, until the next action or for some seconds; "" takes it away."""
        footer = self.query_one(Footer)
        footer.say(run(text, role) if text else EMPTY)
        if text:
            said = footer.message
            self.set_timer(6, lambda: footer.say(EMPTY) if footer.message is said else None)
