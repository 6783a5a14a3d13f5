"""How much is taken at once: turns for the work that takes long, and requests of one principal in a minute.

Whoever finds too many waiting is told to come back (429) instead of making everybody wait. A turn ends when its work has, not
when its client leaves: what runs in a thread takes its share of the machine until it stops.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from fastapi import Request

from rag.api.errors import ApiError, ClientLeft
from rag.api.metrics import Metrics
from rag.config import ServerConfig
from rag.stopping import Stop

Value = TypeVar("Value")
_LOOK_S = 0.2  # how often to look whether the client is still there
_SILENCE_S = 15.0  # after which a proxy may take a stream for dead
_MAX_NAMES = 10_000
_MINUTE_S = 60.0


class Workbench:
    """Runs work in threads, a few pieces at a time; the rest waits in the order in which it came."""

    def __init__(self, config: ServerConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._turns = asyncio.Semaphore(config.max_concurrent)
        self._n_inside = 0  # both those that wait and those that are worked on
        self._threads = ThreadPoolExecutor(config.max_concurrent, thread_name_prefix="answer")

    async def run(self, request: Request, work: Callable[[Stop], Value]) -> Value:
        """Do a piece of work and give its result.

        Raises: ApiError when too many wait; ClientLeft; Stopped when it takes too long; whatever the work raises.
        """
        await self._turn(request)
        stop = Stop(self._config.timeout_s)
        future = self._start(lambda: work(stop))
        try:
            while not future.done():
                await asyncio.wait({future}, timeout=_LOOK_S)
                await self._look(request, stop, future)
            return future.result()
        finally:
            stop.set()

    async def stream(
        self, request: Request, work: Callable[[Stop], Generator[Value, None, None]]
    ) -> AsyncIterator[Value | None]:
        """Give what a piece of work yields as it comes, and None now and then while nothing does.

        Raises: as `run`; ApiError before the first value, so that a caller who takes one can still answer 429.
        """
        await self._turn(request)
        stop = Stop(self._config.timeout_s)
        loop, values = asyncio.get_running_loop(), asyncio.Queue[Value]()

        def pump() -> None:
            with closing(work(stop)) as found:
                for value in found:
                    loop.call_soon_threadsafe(values.put_nowait, value)

        future, told = self._start(pump), time.monotonic()
        getting: asyncio.Future[Value] | None = None
        try:
            yield None
            while not (future.done() and values.empty()):
                getting = asyncio.ensure_future(values.get())
                both: set[asyncio.Future[Any]] = {getting, future}
                await asyncio.wait(both, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
                    told = time.monotonic()
                    continue
                getting.cancel()
                await self._look(request, stop, future)
                if time.monotonic() - told > _SILENCE_S:
                    yield None
                    told = time.monotonic()
            future.result()
        finally:
            stop.set()
            if getting is not None:
                getting.cancel()  # else it waits for ever when whoever reads has left

    async def _look(self, request: Request, stop: Stop, future: "asyncio.Future[Value]") -> None:
        """Leave where nobody waits, or where it takes too long."""
        if future.done():
            return
        if await request.is_disconnected():
            raise ClientLeft
        if stop.is_late:
            stop.check()

    async def _turn(self, request: Request) -> None:
        """Wait for a turn; it is given back by `_start`."""
        if self._n_inside >= self._config.max_concurrent + self._config.max_queued:
            raise _overloaded(self._metrics)
        self._n_inside += 1
        self._metrics.waiting.inc()
        has_turn = False
        try:
            has_turn = await asyncio.wait_for(self._turns.acquire(), self._config.max_wait_s)
            if await request.is_disconnected():
                raise ClientLeft
        except BaseException as error:
            self._n_inside -= 1
            if has_turn:
                self._turns.release()
            if isinstance(error, TimeoutError):
                raise _overloaded(self._metrics) from error
            raise
        finally:
            self._metrics.waiting.dec()

    def _start(self, work: Callable[[], Value]) -> "asyncio.Future[Value]":
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._metrics.running.inc()
        future.add_done_callback(self._done)
        return future

    def _done(self, future: "asyncio.Future[Value]") -> None:
        self._metrics.running.dec()
        self._n_inside -= 1
        self._turns.release()
        if not future.cancelled():
            future.exception()  # whoever waited for it may have left: then nobody else asks

    def close(self) -> None:
        """Let running work end, and take no more."""
        self._threads.shutdown(wait=True)


class Rates:
    """Counts the requests of each principal: so many a minute, saved up while there are none."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str, cost: float = 1.0) -> None:
        """Count a request.

        Raises: ApiError when there were too many.
        """
        if not self._per_minute:
            return
        now = time.monotonic()
        if len(self._left) > _MAX_NAMES:  # those that have as much left as who never came
            self._left = {name: (left, since) for name, (left, since) in self._left.items() if now - since < _MINUTE_S}
        left, since = self._left.get(name, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * self._per_minute / 60)
        if left < cost:
            wait = max(1, round((cost - left) * 60 / self._per_minute))
            raise ApiError(
                "rate",
                f"cannot take the request now: `{name}` sent over {self._per_minute} in a minute. Try again in {wait} seconds.",
                {"Retry-After": str(wait)},
            )
        self._left[name] = (left - cost, now)


def _overloaded(metrics: Metrics) -> ApiError:
    metrics.refused.inc()
    return ApiError(
        "overloaded", "cannot take the question now: too many are waiting. Try again in a few seconds.", {"Retry-After": "2"}
    )
