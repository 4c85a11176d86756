"""Requests in, events out; the work itself happens on the MLX thread."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag

import mlx.core as mx

from mlxvision.engine.answer import Emit, Interruption
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.plan import carry_out
from mlxvision.engine.sampling import check_sampling
from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from mlxvision.loading.load import load_model
from mlxvision.loading.resolve import resolve
from mlxvision.types import Done, Event, FinishReason, Progress, Request, Token


class Stream:
    """The events of one request, as they happen. Leaving the loop, or `cancel`, stops the work within one token."""

    def __init__(self, submit: Callable[[Emit, Interruption], Future[Done]], deadline_s: float | None) -> None:
        self._events: SimpleQueue[Progress | Token | None] = SimpleQueue()
        self._cancelled = Flag()
        self._ends = math.inf if deadline_s is None else time.monotonic() + deadline_s
        self._future = submit(self._events.put, self._interruption)
        self._future.add_done_callback(lambda _: self._events.put(None))

    def __iter__(self) -> Iterator[Event]:
        """Raises: MLXVisionError if the request fails."""
        try:
            while (event := self._events.get()) is not None:
                yield event
            self._events.put(None)  # another loop then ends too
            yield self._future.result()
        finally:
            self.cancel()

    def cancel(self) -> None:
        """May be called from any thread. The stream then ends with a Done whose finish_reason is "cancelled"."""
        self._cancelled.set()

    def _interruption(self) -> FinishReason | None:
        if self._cancelled.is_set():
            return "cancelled"
        return "time" if time.monotonic() > self._ends else None

    def result(self) -> Done:
        """Wait for the end. Raises: MLXVisionError if the request fails."""
        try:
            return self._future.result()
        finally:
            self.cancel()


class Engine:
    """Loads models and answers requests, in the order in which they come.

    images: what was computed of pictures, for all requests; by default in memory only.
    """

    def __init__(self, images: ImageCache | None = None) -> None:
        self.images = images or ImageCache()

    def load(self, name: str | Path | None = None, *, force: bool = False) -> Model:
        """name: a directory, a pulled repository `owner/name[@revision]`, or a card; None: the default model.

        force: load even if the estimate says that the memory does not suffice.

        Raises: ModelError, OutOfMemoryError
        """
        directory = resolve(None if name is None else str(name))
        return shared_worker().submit(lambda: load_model(directory, str(name or directory.name), force=force)).result()

    def free(self) -> None:
        """Give the memory of images, and of models that nobody holds any more, back to the system."""
        gc.collect()
        shared_worker().submit(self.images.clear)
        shared_worker().submit(mx.clear_cache)

    def stream(self, model: Model, request: Request, memory: Memory | None = None) -> Stream:
        """Raises: UsageError at once for values that no model could serve; other errors when the stream is read."""
        check_sampling(request.sampling)
        kept, worker = memory or Memory(), shared_worker()

        def submit(emit: Emit, interruption: Interruption) -> Future[Done]:
            def interrupted() -> FinishReason | None:
                return "cancelled" if worker.stopping.is_set() else interruption()

            return worker.submit(lambda: carry_out(model, request, kept, self.images, emit, interrupted))

        return Stream(submit, request.deadline_s)
