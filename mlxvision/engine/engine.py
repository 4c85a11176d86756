"""Requests in, events out; the work itself happens on the MLX thread."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag
from typing import Any, cast

import mlx.core as mx

from mlxvision.engine.answer import Emit, Interruption
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.many import Job, Many, Result
from mlxvision.engine.meeting import meet
from mlxvision.engine.memory import Memory
from mlxvision.engine.plan import carry_out
from mlxvision.engine.sampling import check_sampling
from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from mlxvision.loading.load import load_model
from mlxvision.loading.memory import LowMemory
from mlxvision.loading.resolve import resolve
from mlxvision.loading.stored import StoredNet
from mlxvision.nn.decoder import KVBits, quantize_memory
from mlxvision.nn.quantized import share_of_16_bit
from mlxvision.nn.sharing import Group
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

    def load(
        self,
        name: str | Path | None = None,
        *,
        force: bool = False,
        low_memory: LowMemory = "auto",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        group: Group | None = None,
        kv_bits: KVBits | None = None,
    ) -> Model:
        """name: a directory, a pulled repository `owner/name[@revision]`, or a card; None: the default model.

        force: load and answer even if the estimate says that the memory does not suffice.
        low_memory: whether the part that sees and the part that answers take turns in memory, so that a new image
        costs reading both again; "auto": if they do not fit together.
        min_pixels, max_pixels: scale pictures up to at least, down to at most so many; for models that show them in
        their own size.
        group: machines that share the decoder, as `launched` finds them; all are to ask the same, and stop when the
        first one does.
        kv_bits: how finely keys and values of text are remembered; answers are then only near the model's own.

        Raises: ModelError, OutOfMemoryError, UsageError
        """
        directory = resolve(None if name is None else str(name))
        called = str(name or directory.name)
        limits = {"min_pixels": min_pixels, "max_pixels": max_pixels}
        options = partial(load_model, force=force, low_memory=low_memory, **limits, group=group)

        def load() -> Model:
            model = options(directory, called)
            return _remembering_less(model, kv_bits) if kv_bits else model

        return shared_worker().submit(load).result()

    @property
    def peak_bytes(self) -> int:
        """The most memory that arrays have taken in this process: weights, caches and what was computed with."""
        return mx.get_peak_memory()

    def free(self) -> None:
        """Give the memory of images, and of models that nobody holds any more, back to the system."""
        for job in (gc.collect, self.images.clear, mx.clear_cache):
            shared_worker().submit(job)

    def stream(self, model: Model, request: Request, memory: Memory | None = None) -> Stream:
        """Raises: UsageError at once for values that no model could serve; other errors when the stream is read."""
        check_sampling(request.sampling)
        kept, worker = memory or Memory(), shared_worker()

        def submit(emit: Emit, interruption: Interruption) -> Future[Done]:
            def interrupted() -> FinishReason | None:
                return "cancelled" if worker.stopping.is_set() else interruption()

            def answer() -> Done:
                met, agreed = meet(model, interrupted)
                return carry_out(met, request, kept, self.images, emit, agreed)

            return worker.submit(answer)

        return Stream(submit, request.deadline_s)

    def batch(self, model: Model, jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """Carry out many jobs, as many together as there is memory for: each one's number and result, as it ends.

        Answers are greedy; `deadline_s` has no effect. Leaving the loop stops the work within one token.

        jobs: called on the MLX thread, each when there is room for it.
        """
        worker, left = shared_worker(), Flag()
        results: SimpleQueue[tuple[int, Result] | None] = SimpleQueue()

        def interrupted() -> FinishReason | None:
            return "cancelled" if left.is_set() or worker.stopping.is_set() else None

        def tell(number: int, result: Result) -> None:
            results.put((number, result))

        def answer_all() -> None:
            met, agreed = meet(model, interrupted)
            Many(met, jobs, self.images, tell, agreed).run()

        future = worker.submit(answer_all)
        future.add_done_callback(lambda _: results.put(None))
        try:
            while (ended := results.get()) is not None:
                yield ended
            future.result()
        finally:
            left.set()


def _remembering_less(model: Model, kv_bits: KVBits) -> Model:
    """Its revision tells so, for it answers otherwise. Raises: UsageError if it cannot"""
    quantize_memory(cast(StoredNet, model.net).module, kv_bits)
    whole = model.family.request_bytes

    def request_bytes(config: Any, images: int, tokens: int) -> int:
        fixed = whole(config, images, 0)
        return fixed + math.ceil((whole(config, images, tokens) - fixed) * share_of_16_bit(kv_bits))

    family = replace(model.family, request_bytes=request_bytes)
    return replace(model, revision=f"{model.revision}-kv{kv_bits}", family=family)
