"""The model in a process of its own: when that dies, it takes the calls down that it was at, and not the server.

The process is `mlxvision_mcp.child`. Pickled pairs go to and fro: (number, Request), or (number, None) to cancel it;
back come (number, Event), or (number, Exception). Number 0 is the loading; it ends with the model's name. The process
ends when its stdin does, so it never outlives this one. This protects from crashes, not from a model that means ill.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, cast

from mlxvision.errors import MLXVisionError
from mlxvision.types import Done, Event, Request


class LostError(MLXVisionError):
    """The process with the model died."""


class Isolated:
    """name: as for `load`."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._process: _Process | None = None

    @property
    def loaded(self) -> bool:
        return self._process is not None and self._process.fault is None

    def load(self) -> str:
        """Start the process. -> the model's name

        Raises: ModelError, OutOfMemoryError, LostError
        """
        process = _Process(self._name)
        try:
            called = IsolatedStream(process).next()
        except Exception:
            process.kill()
            raise
        self._process = process
        return called

    def stream(self, request: Request) -> IsolatedStream:
        stream = IsolatedStream(cast(_Process, self._process))
        stream.send(request)
        return stream

    def free(self) -> None:
        if self._process:
            self._process.kill()
        self._process = None


class IsolatedStream:
    """As the engine's: the events of one request."""

    def __init__(self, process: _Process) -> None:
        self._process, self._inbox = process, SimpleQueue()
        self._number = process.register(self._inbox)

    def __iter__(self) -> Iterator[Event]:
        """Raises: MLXVisionError if the request fails."""
        try:
            while not isinstance(event := self.next(), Done):
                yield event
            yield event
        finally:
            self.cancel()

    def next(self) -> Any:
        """Raises: MLXVisionError"""
        message = self._inbox.get()
        if isinstance(message, Exception):
            raise message
        return message

    def send(self, request: Request | None) -> None:
        self._process.outbox.put((self._number, request))

    def cancel(self) -> None:
        self.send(None)


class _Process:
    """One process from its start to its end, with a thread for each direction. fault: how it ended."""

    def __init__(self, name: str | None) -> None:
        self.outbox: SimpleQueue[tuple[int, Request | None] | None] = SimpleQueue()
        self.fault: LostError | None = None
        self._inboxes: dict[int, SimpleQueue[Any]] = {}
        self._numbers = count()
        command = [sys.executable, "-m", "mlxvision_mcp.child", *([name] if name else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for target, pipe in ((self._send, self._process.stdin), (self._receive, self._process.stdout)):
            Thread(target=target, args=(pipe,), daemon=True).start()

    def register(self, inbox: SimpleQueue[Any]) -> int:
        number = next(self._numbers)
        self._inboxes[number] = inbox
        if self.fault:  # set before all who are registered are told of it
            inbox.put(self.fault)
        return number

    def kill(self) -> None:
        self._process.kill()

    def _send(self, requests: IO[bytes]) -> None:
        with suppress(OSError), requests:
            while message := self.outbox.get():
                pickle.dump(message, requests, pickle.HIGHEST_PROTOCOL)
                requests.flush()

    def _receive(self, answers: IO[bytes]) -> None:
        with suppress(EOFError, OSError, pickle.UnpicklingError), answers:
            while True:
                number, message = pickle.load(answers)
                inbox = self._inboxes[number]
                if isinstance(message, Done | Exception | str):
                    del self._inboxes[number]
                inbox.put(message)
        self._process.kill()
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.fault = LostError("the process with the model died", how, "Call again: it is started anew")
        for inbox in list(self._inboxes.values()):
            inbox.put(self.fault)
        self.outbox.put(None)
