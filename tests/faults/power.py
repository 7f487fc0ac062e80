"""A file system that loses power: what of a recorded run is on the disk afterwards, within what POSIX allows.

`World` keeps a model beside the real files: each file has the bytes that programs see and those of its last
fsync, each directory the names that programs see and those that an fsync of it has made durable. A name
(mkdir, creation, unlink, rename) may reach the disk before or after anything else; a rename is all or
nothing, as file systems with a journal have it. After every effect and every word to the store the model is
copied, together with the journal, whose writes are durable when they return.
"""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.pipeline.disk import Disk, OpenFile
from tests.pipeline.memory import MemoryJournal

if TYPE_CHECKING:
    from tests.faults.losses import Loss


@dataclass(eq=False)
class File:
    seen: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


@dataclass(eq=False)
class Directory:
    seen: dict[str, Node] = field(default_factory=dict)
    synced: dict[str, Node] = field(default_factory=dict)


Node = File | Directory
Change = tuple[tuple[Directory, str, Node | None], ...]
"""Names that change together: (directory, name, what it names from now on)."""


@dataclass
class Model:
    """`pending` are changes of names that no fsync has made durable, in their order."""

    root: Directory = field(default_factory=Directory)
    pending: list[Change] = field(default_factory=list)

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in path.split("/") if path else []:
            node = node.seen.get(name) if isinstance(node, Directory) else None
        return node

    def directory(self, path: str) -> Directory:
        node = self.find(path)
        assert isinstance(node, Directory), path
        return node

    def place(self, path: str) -> tuple[Directory, str]:
        above, _, name = path.rpartition("/")
        return self.directory(above), name

    def change(self, *names: tuple[str, Node | None]) -> None:
        change = tuple((*self.place(path), node) for path, node in names)
        apply(change, lambda directory: directory.seen)
        self.pending.append(change)

    def sync(self, path: str) -> None:
        directory = self.directory(path)
        done = [change for change in self.pending if any(where is directory for where, _, _ in change)]
        for change in done:
            apply(change, lambda where: where.synced)
        self.pending = [change for change in self.pending if change not in done]


def apply(change: Change, names: Callable[[Directory], dict[str, Node]]) -> None:
    for directory, name, node in change:
        if node is None:
            names(directory).pop(name, None)
        else:
            names(directory)[name] = node


@dataclass(frozen=True)
class Moment:
    """The world after one step (`label`), with power still on."""

    label: str
    model: Model
    journal: dict[str, Any]

    def copy(self) -> Model:
        return copy.deepcopy(self.model)


class World:
    """Everything below `directory`, and the task's journal once `watch` has it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.model = Model()
        self.moments: list[Moment] = []
        self.journal: MemoryJournal | None = None

    def step(self, label: str) -> None:
        if self.journal is not None:
            self.moments.append(Moment(label, copy.deepcopy(self.model), remember(self.journal)))

    def disk(self, root: Path) -> Disk:
        return RecordingDisk(root, self)

    def watch(self, journal: MemoryJournal) -> None:
        """Note what this journal is told, too. What isn't durable (progress, stages) is no step."""
        self.journal = journal
        self.step("begin")
        for name in ("plan", "update", "finish_object", "set_snapshot", "publishing", "finish"):
            setattr(journal, name, self._told(name, getattr(journal, name)))

    def _told(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def told(*args: Any, **more: Any) -> None:
            call(*args, **more)
            self.step(f"told {name}")

        return told

    def adopt(self, path: Path) -> None:
        """Directories that were made durable before the record begins."""
        for step in reversed([path, *path.parents]):
            if step.is_relative_to(self.directory) and step != self.directory:
                name = self.name(step)
                if self.model.find(name) is None:
                    self.model.change((name, Directory()))
                    self.model.sync(name.rpartition("/")[0])

    def name(self, path: Path) -> str:
        found = str(path.relative_to(self.directory))
        return "" if found == "." else found

    def rebuild(self, model: Model, loss: Loss) -> None:
        """Put on the disk what is left of a moment. `model` is used up."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        for change in model.pending:
            if loss.keeps_name():
                apply(change, lambda where: where.synced)
        made: dict[int, Path] = {}
        for path, node in walk(model.root, self.directory):
            if isinstance(node, Directory):
                path.mkdir(exist_ok=True)
            elif id(node) in made:
                os.link(made[id(node)], path)
            else:
                made[id(node)] = path
                path.write_bytes(loss.content(node))


def walk(directory: Directory, path: Path) -> Iterator[tuple[Path, Node]]:
    for name, node in directory.synced.items():
        yield path / name, node
        if isinstance(node, Directory):
            yield from walk(node, path / name)


def remember(journal: MemoryJournal) -> dict[str, Any]:
    return {
        "_task": journal._task,
        "_objects": list(journal._objects),
        "_files": {number: list(files) for number, files in journal._files.items()},
        "common": list(journal.common),
        "outcome": journal.outcome,
    }


def restore(moment: Moment) -> MemoryJournal:
    """A journal as it was at that moment."""
    journal = MemoryJournal(moment.journal["_task"])
    for name, value in copy.deepcopy(moment.journal).items():
        setattr(journal, name, value)
    return journal


class RecordingDisk(Disk):
    """Does what a Disk does, without waiting for the real one, and lets the model follow."""

    def __init__(self, root: Path, world: World) -> None:
        super().__init__(root)
        self._world = world
        self._open: dict[int, tuple[File, int]] = {}

    def _name(self, path: str) -> str:
        return self._world.name(self.root / path)

    def make_root(self) -> None:
        super().make_root()
        model = self._world.model
        for path in self._made:
            name = self._world.name(path)
            if model.find(name) is None:
                model.change((name, Directory()))
                self._world.step(f"mkdir {name}")
                model.sync(name.rpartition("/")[0])
                self._world.step(f"sync above {name}")

    def drop_root(self) -> None:
        made = list(self._made)
        super().drop_root()
        for path in reversed(made):
            if not path.exists():
                self._world.model.change((self._world.name(path), None))
                self._world.step(f"rmdir {path.name}")

    def make_directory(self, path: str) -> None:
        super().make_directory(path)
        if self._world.model.find(self._name(path)) is None:
            self._world.model.change((self._name(path), Directory()))
            self._world.step(f"mkdir {path}")

    def sync_directory(self, path: str) -> None:
        assert (self.root / path).is_dir(), path
        self._world.model.sync(self._name(path))
        self._world.step(f"sync directory {path}")

    def remove_tree(self, path: str) -> None:
        super().remove_tree(path)
        node = self._world.model.find(self._name(path))
        if node is not None:
            self._forget(self._name(path), node)
            self._world.model.sync(self._name(path).rpartition("/")[0])
            self._world.step(f"sync above {path}")

    def _forget(self, name: str, node: Node) -> None:
        """One name after the other, as rmtree does, in the worst order: the manifest, which came last, goes
        first."""
        if isinstance(node, Directory):
            for inner, below in reversed(list(node.seen.items())):
                self._forget(f"{name}/{inner}", below)
        self._world.model.change((name, None))
        self._world.step(f"remove {name}")

    def remove_directory(self, path: str) -> None:
        super().remove_directory(path)
        self._unname(path)

    def remove(self, path: str) -> None:
        super().remove(path)
        self._unname(path)

    def _unname(self, path: str) -> None:
        if self._world.model.find(self._name(path)) is not None:
            self._world.model.change((self._name(path), None))
            self._world.step(f"remove {path}")

    def open(self, path: str) -> OpenFile:
        file = super().open(path)
        node = self._world.model.find(self._name(path))
        if node is None:
            node = File()
            self._world.model.change((self._name(path), node))
            self._world.step(f"create {path}")
        assert isinstance(node, File)
        self._open[file.descriptor] = node, 0
        return file

    def truncate(self, file: OpenFile, size: int) -> None:
        super().truncate(file, size)
        node, _ = self._open[file.descriptor]
        self._open[file.descriptor] = node, size
        if len(node.seen) != size:
            node.seen[:] = node.seen[:size].ljust(size, b"\0")
            self._world.step(f"truncate {file.path} to {size}")

    def write(self, file: OpenFile, data: bytes | memoryview) -> None:
        super().write(file, data)
        node, at = self._open[file.descriptor]
        node.seen[at : at + len(data)] = data
        self._open[file.descriptor] = node, at + len(data)
        self._world.step(f"write {len(data)} bytes to {file.path}")

    def sync(self, file: OpenFile) -> None:
        node, _ = self._open[file.descriptor]
        node.synced = bytes(node.seen)
        self._world.step(f"sync {file.path}")

    def replace(self, source: str, target: str) -> None:
        super().replace(source, target)
        self._moved(source, target)

    def rename_directory(self, source: str, target: str) -> None:
        super().rename_directory(source, target)
        self._moved(source, target)

    def _moved(self, source: str, target: str) -> None:
        node = self._world.model.find(self._name(source))
        self._world.model.change((self._name(source), None), (self._name(target), node))
        self._world.step(f"rename {source} to {target}")

    def exchange(self, first: str, second: str) -> bool:
        if not super().exchange(first, second):
            return False
        model = self._world.model
        one, other = model.find(self._name(first)), model.find(self._name(second))
        model.change((self._name(first), other), (self._name(second), one))
        self._world.step(f"exchange {first} and {second}")
        return True

    def link(self, source: str, target: str) -> None:
        super().link(source, target)
        self._world.model.change((self._name(target), self._world.model.find(self._name(source))))
        self._world.step(f"link {source} to {target}")
