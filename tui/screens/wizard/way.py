"""The way through the steps: where one is, what was seen, what comes next."""

from __future__ import annotations

from collections.abc import Mapping

from tui.look import Glyphs
from tui.runs import Line, join, run
from tui.screens.wizard.field import Step
from tui.screens.wizard.fields import step_named, step_of, steps
from tui.screens.wizard.rules import Known


class Way:
    """`first` is the name of a step, or the id of one of its fields: where it begins. `filled`: every step
    has been gone through before, elsewhere."""

    def __init__(self, first: str, *, filled: bool = False) -> None:
        self.begins = self.step = step_named(first)
        self.seen = set(Step) if filled else {self.step}

    def go(self, step: Step) -> None:
        self.step = step
        self.seen.add(step)

    def after(self, known: Known) -> Step:
        there = steps(known)
        place = there.index(self.step) if self.step in there else len(there) - 1
        return there[min(place + 1, len(there) - 1)]

    def before(self, known: Known, first: Step) -> Step | None:
        """None where there is none before it, or where one is at `first`."""
        there = steps(known)
        place = there.index(self.step) if self.step in there else 0
        return there[place - 1] if place > 0 and self.step is not first else None

    def lines(self, wrong: Mapping[str, str], known: Known, glyphs: Glyphs) -> list[Line]:
        """The steps, with a mark for the current one, for what is done, and for what is wrong."""
        bad = {step_of(name) for name in wrong}
        made = []
        for each in steps(known):
            here, seen = each is self.step, each in self.seen
            mark, role = " ", "dim"
            if each is not Step.SUMMARY and each in bad and seen:
                mark, role = glyphs.bad, "bad"
            elif here:
                mark, role = glyphs.cursor, "accent"
            elif each is not Step.SUMMARY and seen:
                mark, role = glyphs.good, "good"
            label = run(each.value, "accent" if here else "" if seen else "dim")
            made.append(join(run(f"{mark} ", role), label))
        return made
