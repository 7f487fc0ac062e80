"""A few seconds of the soak: random kills, the seed printed; OFFRAMP_SEED repeats its choices."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.faults.soak import Soak
from tests.faults.soak_sources import sqlite_source

SECONDS = 6.0


def test_random_kills_for_a_few_seconds(tmp_path: Path) -> None:
    seed = int(os.environ.get("OFFRAMP_SEED", "0")) or random.randrange(1, 1 << 30)
    print(f"OFFRAMP_SEED={seed}")
    soak = Soak(tmp_path, [sqlite_source(tmp_path, seed)], seed)
    try:
        figures = soak.run(SECONDS)
    finally:
        soak.close()
    assert figures.good, "\n".join(figures.lines())
    assert figures.tasks >= 3


def test_a_soak_sees_what_is_wrong(tmp_path: Path) -> None:
    """A file that was changed, and one that was left."""
    soak = Soak(tmp_path, [sqlite_source(tmp_path, 1)], 1)
    soak._check, check = lambda task: None, soak._check  # type: ignore[method-assign]
    try:
        soak._add()
        (number,) = soak.unchecked
        assert soak.bench.until(lambda: soak.bench.settled(number), 60)
        task = soak.bench.task(number)
        victim = next(p for p in Path(task.output).rglob("*") if p.is_file() and p.name != "manifest.json")
        victim.write_bytes(victim.read_bytes() + b" ")
        (soak.out / f".partial-{number}-x").mkdir()
        check(task)
        soak._take_stock()
    finally:
        soak.close()
    assert any("differs from that of an undisturbed run" in words for words in soak.figures.wrong)
    assert len(soak.figures.leftovers) == 1
    assert not soak.figures.good
