"""The one model of the process: loaded in the background, asked by one call at a time, let go when idle."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from anyio import from_thread, to_thread

from mlxvision.errors import MLXVisionError
from mlxvision.types import Done, Progress, Request, Token
from mlxvision_mcp.inside import Inside
from mlxvision_mcp.isolate import Isolated, IsolatedStream

if TYPE_CHECKING:
    from mlxvision.engine import Stream

_MOST_WAITING = 4
_BEAT_S = 4.0
_PAUSE_S = 0.5
_MESSAGES = {
    "queue": "queue: {} ahead",
    "load": "load: the model",
    "read": "read: piece {} of {}",
    "encode": "encode: image {} of {}",
    "prefill": "prefill: token {} of {}",
    "decode": "decode: token {}",
}

_log = logging.getLogger(__name__)


class BusyError(MLXVisionError):
    """More calls than may wait, or a call whose time was over before its first word."""


class Call:
    """How long one call may take, and what its host is told meanwhile.

    deadline_s: from now. report: takes a number that only grows, a total, and a message.
    """

    def __init__(self, deadline_s: float, report: Callable[[float, float | None, str | None], Awaitable[None]]) -> None:
        self.deadline = anyio.current_time() + deadline_s
        self.timings_ms: dict[str, float] = {}
        self._deadline_s, self._report = deadline_s, report
        self._n_reports, self._reported_at = 0, anyio.current_time()
        self._stage = self._message = ""

    async def tell(self, stage: str, *numbers: int) -> None:
        """Report a new stage at once, and the steps of one now and then."""
        self._message = _MESSAGES[stage].format(*numbers)
        if stage != self._stage or anyio.current_time() > self._reported_at + _PAUSE_S:
            self._stage = stage
            await self._send()

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Meanwhile, repeat the last report whenever nothing new was told for long."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat)
            yield
            tasks.cancel_scope.cancel()

    @contextmanager
    def limited(self, stage: str, too_late: str) -> Iterator[None]:
        """Raises: BusyError at the deadline, with too_late as what happened"""
        start = time.perf_counter()
        with anyio.CancelScope(deadline=self.deadline) as scope:
            yield
        if scope.cancelled_caught:
            raise self.late(too_late, "Call again in a moment")
        self.timings_ms[stage] = round((time.perf_counter() - start) * 1000, 3)

    def late(self, what: str, next_step: str) -> BusyError:
        return BusyError(what, f"deadline of {self._deadline_s:g} s", next_step)

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._reported_at + _BEAT_S - anyio.current_time())
            if anyio.current_time() >= self._reported_at + _BEAT_S:
                await self._send()

    async def _send(self) -> None:
        self._n_reports += 1
        self._reported_at = anyio.current_time()
        await self._report(self._n_reports, None, self._message)


class Work:
    """home: where the model lives. keep_alive_s: how long an idle one is kept."""

    def __init__(self, home: Inside | Isolated, keep_alive_s: float) -> None:
        self._home, self._keep_alive_s = home, keep_alive_s
        self._loading: asyncio.Task[str] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._calls: list[Call] = []
        self._moved = anyio.Event()

    def preload(self) -> None:
        """Load the model in the background, if it is not there."""
        if self._loading is None:
            self._load().add_done_callback(lambda _: self._expire_later())

    @asynccontextmanager
    async def turn(self, call: Call) -> AsyncIterator[None]:
        """Wait until all earlier calls are answered.

        Raises: BusyError
        """
        if len(self._calls) > _MOST_WAITING:
            raise BusyError("the server is busy", f"{len(self._calls)} calls", "Call again when one is answered")
        self._calls.append(call)
        try:
            with call.limited("queue", "earlier calls took all the time there was"):
                await self._until_first(call)
            yield
        finally:
            self._calls.remove(call)
            self._moved.set()
            self._moved = anyio.Event()
            self._expire_later()

    async def load(self, call: Call) -> str:
        """-> the name of the model, which is there now

        Raises: BusyError, ModelError, OutOfMemoryError, LostError
        """
        task = self._loading
        if task is None or (task.done() and not self._home.loaded):
            task = self._load()
        with call.limited("load", "the model is still being loaded"):
            if not task.done():
                await call.tell("load")
            await asyncio.wait([task])
        return task.result()

    async def answer(self, request: Request, call: Call) -> Done:
        """What there is at the deadline, at the latest. To leave this stops the work within one token.

        Raises: BusyError if there is nothing, MLXVisionError
        """
        stream = self._home.stream(replace(request, deadline_s=call.deadline - anyio.current_time()))
        try:
            done = await to_thread.run_sync(_follow, stream, call, abandon_on_cancel=True)
        finally:
            stream.cancel()
        if done.finish_reason == "time" and not done.text:  # which would say that there is nothing to read
            raise call.late("there was no time for the first word", "Ask for less, or about a smaller picture")
        return done

    async def _until_first(self, call: Call) -> None:
        while True:
            moved, ahead = self._moved, self._calls.index(call)
            await call.tell("queue", ahead)
            if not ahead:
                return
            await moved.wait()

    def _load(self) -> asyncio.Task[str]:
        self._loading = asyncio.create_task(asyncio.to_thread(self._home.load))
        self._loading.add_done_callback(_log_failure)
        return self._loading

    def _expire_later(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(self._keep_alive_s, self._expire)

    def _expire(self) -> None:
        if self._loading and self._loading.done() and not self._calls:
            self._loading = None
            self._home.free()


def _log_failure(task: asyncio.Task[str]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("the model cannot be loaded: %s", error)


def _follow(stream: Stream | IsolatedStream, call: Call) -> Done:
    """Tell the host what happens. Runs on a thread of its own, which waits for the engine."""
    events, n_tokens = iter(stream), 0
    while not isinstance(event := next(events), Done):
        match event:
            case Progress(stage, done, total):
                from_thread.run(call.tell, stage, done + 1, total)
            case Token():
                n_tokens += 1
                from_thread.run(call.tell, "decode", n_tokens)
    return event
