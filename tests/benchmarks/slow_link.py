"""A way to a server on which each connection has so many bytes a second, as over a long distance."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

PIECE = 1 << 16


class SlowLink:
    """Listens on `port` of 127.0.0.1 and hands on to `server` there; what the server sends on a connection
    goes through no faster than `rate` bytes a second."""

    def __init__(self, server: int, rate: int) -> None:
        self._server = server
        self._rate = rate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0)
        found = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = found.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(_end_others(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._server, limit=PIECE)
        await asyncio.gather(_hand_on(reader, ours, None), _hand_on(theirs, writer, self._rate))


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, rate: int | None) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    try:
        while piece := await source.read(PIECE):
            if rate is not None:
                # What wasn't sent in time is not made up for.
                due = max(due, loop.time() - 0.1) + len(piece) / rate
                await asyncio.sleep(due - loop.time())
            target.write(piece)
            await target.drain()
    except OSError:
        pass  # one side has gone, and so does the other
    finally:
        target.close()
