"""What an attempt asks of Dask: to have errands carried out, to hear what is said of them, to let them go.

Dask chooses the worker, and another one where that is lost. What executions say are events of one topic, in
which those of other tasks talk, too.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec

from core.cluster.client import open_client
from core.cluster.errand import TOPIC, Errand, Saying, Slower
from core.errors import ConnectionLost

if TYPE_CHECKING:
    from distributed import Future

# How long the scheduler may take for an answer.
ANSWER_SECONDS = 20.0
MODULE = "core.cluster.part"


class Dispatch:
    """The way to the scheduler at `address`, open, for the attempt `program`. `hear` is called with what its
    executions say, in a thread of Dask's. Use as a context. Raises Unreachable, Unsupported."""

    def __init__(self, address: str, program: str, hear: Callable[[Saying], None]) -> None:
        self.address = address
        self._mark = f'"{program}"'
        self._hear = hear
        self._stack = ExitStack()
        self._client = self._stack.enter_context(open_client(address, program))
        self._client.subscribe_topic(TOPIC, self._heard)

    def _heard(self, event: tuple[float, str]) -> None:
        if self._mark in event[1]:
            self._hear(msgspec.json.decode(event[1], type=Saying))

    def send(self, errand: Errand, over: Callable[[], None]) -> Future[str]:
        """Have an errand carried out by some worker; `over` is called in another thread once it is done, has
        failed or was let go of."""
        text = msgspec.json.encode(errand).decode()
        key = f"offramp_part-{errand.program.replace(' ', '-')}-{errand.number}"
        future: Future[str] = self._client.submit(*_called("carry_out", text), key=key, retries=0)
        future.add_done_callback(lambda _: over())
        return future

    def threads(self) -> int:
        """How many parts the workers that are there could read at once. Raises ConnectionLost."""
        try:
            return sum(self._client.nthreads(callback_timeout=ANSWER_SECONDS).values())
        except (TimeoutError, OSError) as error:
            raise ConnectionLost(
                f"The Dask scheduler at {self.address} doesn't answer.", "What is finished is used again."
            ) from error

    def slow_down(self, slower: Slower, workers: Collection[str]) -> None:
        """Tell executions on these workers how fast they may go. Whoever can't be told is lost, or is told
        with the next part."""
        text = msgspec.json.encode(slower).decode()
        with suppress(TimeoutError, OSError):
            self._client.run(
                *_called("slow_down", text),
                workers=list(workers),
                on_error="ignore",
                callback_timeout=ANSWER_SECONDS,
            )

    def call_back(self, futures: Iterable[Future[str]]) -> bool:
        """Let go of errands: who carries them out notices that. False where the scheduler is gone, which they
        notice as well."""
        if self._client.status != "running":
            return False
        self._client.cancel(list(futures), force=True)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _called(function: str, text: str) -> tuple[Any, ...]:
    """A function of `core.cluster.part` by its name, for what Dask calls: nothing of this program is pickled,
    and a scheduler, which unpickles tasks, can do without it."""
    import toolz  # noqa: PLC0415 - comes with Dask, which may be missing

    return toolz.pipe, MODULE, importlib.import_module, operator.methodcaller(function, text)
