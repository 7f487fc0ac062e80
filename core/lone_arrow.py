"""Arrow without what nothing here uses: whoever loads Arrow in a worker loads this first.

Arrow looks for pandas the first time it is given a Python value, and loads it where it is installed: a third
of a worker's start and 40 MB. It looks once, so it is let look while there is no pandas to be found. Whoever
asks for pandas outright (`to_pandas`) still gets it. And who loads Parquet loads Arrow's own clients of
object stores with it, which take 3 MB and 10 ms; it is built to do without them (`without`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _Hiding(MetaPathFinder):
    """Has modules not be there, for the thread that makes this."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._thread = threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} isn't needed", name=name)
        return None


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Whoever looks for these modules in this thread, within the block, doesn't find them, unless they are
    loaded."""
    hiding = _Hiding(names)
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)


if "pandas" not in sys.modules:
    with without("pandas"):
        pa.scalar(0)
