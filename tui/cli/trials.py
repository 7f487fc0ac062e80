"""Trying a connection or a destination, step by step."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.cli.output import Output

if TYPE_CHECKING:
    from connectors.base import TestStep


def tell(steps: Iterable[TestStep], args: argparse.Namespace, out: Output, kind: str) -> int:
    """Tell each step when it is done; with --json all of them at the end. `kind` and `args.name` say what is
    tried. Gives the exit status: 1 where a step failed."""
    seen = []
    for step in steps:
        seen.append(step)
        if not args.json:
            out.data(f"{'ok  ' if step.ok else 'FAIL'}  {step.name}: {step.detail}")
    good = bool(seen) and all(step.ok for step in seen)
    if args.json:
        tree = [{"name": step.name, "ok": step.ok, "detail": step.detail} for step in seen]
        out.json({kind: args.name, "ok": good, "steps": tree})
    return 0 if good else 1
