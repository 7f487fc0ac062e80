"""Power cuts: a small export is recorded, effect by effect, and started again from each moment of it.

What was not synced is lost, wholly, partly or by blocks (`tests/faults/losses.py`), while rows change in the
source to others of the same length. So whatever comes out must be, byte for byte, of one point in time:
nothing else tells a file that was mended from one that lies.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core import faults
from core.errors import BrokenObject, ConnectionLost
from core.faults import Point
from core.model.file_settings import FileSettings, IfExists
from core.model.vocabulary import Consistency, Format, OnError
from core.pipeline import manifest as manifests
from core.pipeline import place as places
from core.pipeline.disk import Disk
from core.pipeline.verify import verify
from tests.faults.losses import losses
from tests.faults.power import Moment, World, restore
from tests.pipeline.conftest import Bench, bench, tree
from tests.pipeline.memory import MemoryJournal
from tests.pipeline.scripted import Thing, table, view
from tests.pipeline.test_crash import CASES, Died, Unsynced

__all__ = ["bench"]

SEED = int(os.environ.get("OFFRAMP_SEED", "0")) or random.randrange(1, 1 << 30)

Make = Callable[..., Bench]
Scenario = Callable[[Bench, World], None]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 3)
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 3)


def fail_once(b: Bench, read: str, error: Exception) -> None:
    """This read (`TABLE:a 3:6`) fails in its middle, the next time it is tried."""
    now = [""]

    def hook(step: str, about: str) -> None:
        if step == "read":
            now[0] = about
        if step == "chunk" and now[0] == read:
            b.database.hook = lambda _step, _about: None
            raise error

    b.database.hook = hook


# What is recorded


def once(b: Bench, world: World) -> None:
    b.run(world.disk)


def goes_on(b: Bench, world: World) -> None:
    """A lost connection in the second part, then an attempt that goes on."""
    part = b.settings.consistency is Consistency.PART or b.database.reopens
    fail_once(b, "TABLE:a 3:6" if part else "TABLE:a all", ConnectionLost("Cut."))
    b.run(world.disk)
    assert b.journal.error is not None
    b.run(world.disk)


def goes_on_with_other_rows(b: Bench, world: World) -> None:
    fail_once(b, "TABLE:b all", ConnectionLost("Cut."))
    b.run(world.disk)
    later(b)
    b.run(world.disk)


def completes_a_published_part(b: Bench, world: World) -> None:
    fail_once(b, "TABLE:b all", BrokenObject("It is broken."))
    b.run(world.disk)
    assert b.journal.error is not None
    assert b.journal.error.code == "incomplete"
    b.run(world.disk)


def dying(patch: pytest.MonkeyPatch, point: Point) -> None:
    def reached(now: Point) -> None:
        if now is point:
            raise Died

    patch.setattr(faults, "reached", reached)


def dies(point: Point) -> Scenario:
    """The worker dies at this point; the power is cut during the attempt after that."""

    def scenario(b: Bench, world: World) -> None:
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, point)
            with pytest.raises(Died):
                b.run(world.disk)
        del world.moments[:-1]
        b.run(world.disk)

    return scenario


def is_aborted(b: Bench, world: World) -> None:
    def hook(step: str, about: str) -> None:
        if step == "chunk" and about == "TABLE:b":
            b.cancel.request()

    b.database.hook = hook
    b.run(world.disk)
    assert b.journal.error is not None
    assert b.journal.error.code == "aborted"


SCENARIOS: dict[str, tuple[Scenario, dict[str, Any]]] = {
    # What others of the cases do, the longer scenarios below do first.
    **{name: (once, CASES[name]) for name in ("object", "merged")},
    "goes on, reopens": (goes_on, {"reopens": True, "format": Format.SQL}),
    "goes on, part": (goes_on, {"consistency": Consistency.PART}),
    "goes on, many files": (goes_on, {"reopens": True, "files": FileSettings(single=False)}),
    "goes on, limit": (goes_on, {"reopens": True, "files": FileSettings(max_records=2)}),
    "goes on, task, reopens": (goes_on, {"reopens": True, "consistency": Consistency.TASK}),
    "begins anew": (goes_on, {"consistency": Consistency.TASK, "format": Format.SQL}),
    "other rows": (goes_on_with_other_rows, {}),
    "other rows, task": (goes_on_with_other_rows, {"consistency": Consistency.TASK}),
    "completes a published part": (
        completes_a_published_part,
        {"on_error": OnError.CONTINUE, "format": Format.SQL},
    ),
    "is aborted": (is_aborted, {}),
    "file by file": (once, {"inside": True}),
    "file by file, goes on": (goes_on, {"inside": True, "reopens": True}),
    **{
        f"dies: {point.name}": (dies(point), {"reopens": True})
        for point in (
            Point.CHECKPOINT_SYNCED,
            Point.OBJECT_STORED,
            Point.MANIFEST_WRITTEN,
            Point.PUBLISHING,
            Point.RENAMED,
            Point.FINISH_NEXT,
        )
    },
    "replaces": (once, {"earlier": True}),
    "replaces in two steps": (once, {"earlier": True, "two_steps": True}),
    **{
        f"replaces{' in two steps' if two else ''}, dies: {point.name}": (
            dies(point),
            {"earlier": True, "two_steps": two},
        )
        for point, two in ((Point.PUBLISHING, True), (Point.RENAMED, False), (Point.RENAMED, True))
    },
    **{
        f"file by file, dies: {point.name}": (dies(point), {"inside": True})
        for point in (Point.MANIFEST_WRITTEN, Point.FORWARDED, Point.RENAMED, Point.FINISH_NEXT)
    },
}


# What is in the source, now and later: other rows, as long as those of before


def things() -> list[Thing]:
    return [table("a", 7), table("b", 4), view("v", "a")]


def later(b: Bench) -> None:
    for thing in b.database.things.values():
        thing.rows = [(key, (note or b"").upper()) for key, note in thing.rows]


def check_published(output: Path, versions: list[dict[str, bytes]], settings: Any) -> dict[str, bytes]:
    """A manifest tells the truth, and each file is of one point in time: all of the same where the task is."""
    manifest = manifests.load(Disk(output), "")
    # A manifest that says of itself that it isn't complete is about to be followed by another, and names
    # don't change as one: what it lacks may be there already, and the script that loads all of it.
    coming = set() if manifest.complete else {"load.sql", "TABLE/b.sql", "TABLE/b-schema.sql"}
    problems = [v for v in verify(output).problems if not v.name.startswith(".partial-")]
    assert {v.name for v in problems} <= coming, problems
    found = tree(output, but={"manifest.json"})
    files = {path: data for path, data in found.items() if not path.startswith(".partial-")}
    assert {e.path for e in manifest.files} ^ set(files) <= coming
    files = {path: data for path, data in files.items() if path not in coming}
    if settings.consistency is Consistency.TASK:
        assert any(all(v.get(path) == data for path, data in files.items()) for v in versions), (
            "times are mixed"
        )
    elif settings.consistency is Consistency.OBJECT:
        for path, data in files.items():
            assert data in [version.get(path) for version in versions], f"{path} mixes times"
    else:
        for path, data in files.items():
            lines = [version[path].lower().splitlines() for version in versions]
            assert data.lower().splitlines() in lines, f"{path} has lost or doubled rows"
    return files


@pytest.mark.parametrize("name", SCENARIOS)
def test_power_is_cut_at_every_step(
    name: str, bench: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"OFFRAMP_SEED={SEED}")
    scenario, case = SCENARIOS[name]
    inside = case.get("inside", False)
    earlier, two_steps = case.get("earlier", False), case.get("two_steps", False)
    case = {key: value for key, value in case.items() if key not in ("inside", "earlier", "two_steps")}
    if earlier:
        case["files"] = FileSettings(if_exists=IfExists.REPLACE)
    if two_steps:
        monkeypatch.setattr(Disk, "exchange", lambda self, first, second: False)
    versions = []
    for change in (lambda _: None, later):
        undisturbed = bench(*things(), output=tmp_path / f"undisturbed{len(versions)}" / "export", **case)
        change(undisturbed)
        undisturbed.good(Unsynced)
        versions.append(undisturbed.files())
    if inside:
        monkeypatch.setattr(places, "builds_inside", lambda target: target.is_dir())

    world = World(tmp_path / "world")
    output = world.directory / "out" / "export"
    b = bench(*things(), output=output, **case)
    world.adopt(output if inside else output.parent)
    if inside:
        output.mkdir()
    if earlier:
        task = b.journal.task()
        older = msgspec.structs.replace(task, id=5, created=task.created - timedelta(days=1))
        Bench(b.database, output, b.settings, MemoryJournal(older)).good(world.disk)
    world.watch(b.journal)
    scenario(b, world)
    assert len(world.moments) > 2
    b.database.hook = lambda _step, _about: None
    later(b)

    seen = set()
    # A seed of its own for each scenario, so that one alone is the same as one among all.
    chance = random.Random(SEED + zlib.crc32(name.encode()))
    for moment in world.moments:
        for loss in losses(chance):
            world.rebuild(moment.copy(), loss)
            state = (tree_of(world.directory), repr(moment.journal))
            if state in seen:
                continue
            seen.add(state)
            try:
                start_again(b, moment, output, versions, inside=inside)
            except BaseException as error:
                error.add_note(f"after {moment.label!r}, {type(loss).__name__}, OFFRAMP_SEED={SEED}")
                error.add_note("\n".join(line[:200] for line in tree_of(world.directory)))
                raise
    assert len(seen) > 1


def start_again(
    b: Bench, moment: Moment, output: Path, versions: list[dict[str, bytes]], *, inside: bool
) -> None:
    """What is there at power-on is no lie, and another attempt gives a whole and true result."""
    if (output / "manifest.json").exists():
        check_published(output, versions, b.settings)
    elif not inside:
        assert not output.exists() or not list(output.iterdir()), "an unfinished directory has its final name"
    journal = restore(moment)
    if journal.outcome is not None:
        error, published = journal.outcome
        assert not published or (output / "manifest.json").exists(), "the store says published"
        if error is None or error.code == "aborted":
            assert leftovers(output) == [], "nobody comes to sweep them"
        if error is None:
            assert manifests.load(Disk(output), "").complete
            return
    again = Bench(b.database, output, b.settings, journal)
    if again.run(Unsynced).outcome != (None, True):
        # What was built before the cut without a broken object is published first.
        assert again.journal.error is not None
        assert again.journal.error.code == "incomplete"
        check_published(output, versions, b.settings)
        again.good(Unsynced)
    assert again.manifest().complete
    files = check_published(output, versions, b.settings)
    assert set(files) == set(versions[0])
    assert leftovers(output) == []


def leftovers(output: Path) -> list[str]:
    return [str(p) for where in (output.parent, output) if where.exists() for p in where.glob(".partial*")]


def tree_of(directory: Path) -> tuple[str, ...]:
    return tuple(
        f"{path.relative_to(directory)}{'/' if path.is_dir() else f' {path.read_bytes()!r}'}"
        for path in sorted(directory.rglob("*"))
    )


def test_the_manifest_of_an_earlier_build_is_not_believed_of_files_made_anew(
    bench: Make, tmp_path: Path
) -> None:
    """Its sizes fit, its checksums don't."""
    b = bench(*things())
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, Point.MANIFEST_WRITTEN)
        with pytest.raises(Died):
            b.run(Unsynced)
        (work,) = b.beside
        (b.output.parent / work / "TABLE" / "b.csv").unlink()
        later(b)
        dying(patch, Point.OBJECT_STORED)
        with pytest.raises(Died):
            b.run(Unsynced)
    b.good(Unsynced)
    assert verify(b.output).ok
