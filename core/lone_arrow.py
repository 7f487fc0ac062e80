"""Arrow without pandas: whoever loads Arrow in a worker loads this first.

Arrow looks for pandas the first time it is given a Python value, and loads it where it is installed: a third
of a worker's start and 40 MB for what nothing here uses. It looks once, so it is let look while there is no
pandas to be found. Whoever asks for pandas outright (`to_pandas`) still gets it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa

HIDDEN = "pandas"


class _Hiding(MetaPathFinder):
    """Has pandas not be there, for the thread that makes this."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == HIDDEN and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{HIDDEN} isn't needed", name=HIDDEN)
        return None


def _look() -> None:
    if HIDDEN in sys.modules:
        return
    hiding = _Hiding()
    sys.meta_path.insert(0, hiding)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(hiding)


_look()
