"""The one thread that makes MLX calls.

MLX streams belong to a thread, a lazy array fails on another thread, and a thread that ends after using MLX can crash
the process at exit. So there is one for the whole process, it is a daemon, and should it ever end, another takes its
place. A thread that comes back from MLX while the interpreter shuts down aborts the process, so the shutdown waits
until this one rests.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

import mlx.core as mx

T = TypeVar("T")

_PATIENCE_S = 4


class Worker:
    """Runs jobs one after the other on its own thread.

    stopping: set when the process ends; a long job is to look at it between its steps.
    """

    def __init__(self) -> None:
        self.stopping = Event()
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._start()
        atexit.register(self._stop)

    def submit(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put((future, job))
        return future

    def _start(self) -> None:
        Thread(target=self._run, name="mlxvision", daemon=True).start()

    def _stop(self) -> None:
        self.stopping.set()
        with suppress(TimeoutError):
            self.submit(lambda: None).result(_PATIENCE_S)

    def _run(self) -> None:
        try:
            while True:
                self._run_next()
        finally:
            mx.clear_streams()
            self._start()

    def _run_next(self) -> None:
        """Its variables end with it, so that an idle thread keeps no model alive."""
        future, job = self._jobs.get()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 it belongs to the one who waits; the thread must go on
                future.set_exception(error)


@cache
def shared_worker() -> Worker:
    return Worker()
