"""The process with the model, for `mlxvision_mcp.isolate`, which says what its pipes carry."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, BinaryIO

from mlxvision.errors import MLXVisionError
from mlxvision.types import Event, Request
from mlxvision_mcp.inside import Inside
from mlxvision_mcp.wire import claim, end

if TYPE_CHECKING:
    from mlxvision.engine import Stream

_log = logging.getLogger(__name__)


class _Child:
    def __init__(self, inside: Inside, answers: BinaryIO) -> None:
        self._inside, self._answers = inside, answers
        self._streams: dict[int, Stream] = {}
        self._writing = Lock()

    def serve(self, requests: BinaryIO) -> None:
        """Raises: EOFError, UnpicklingError when the server is gone"""
        Thread(target=self._load, daemon=True).start()
        while True:
            number, request = pickle.load(requests)
            if request:
                self._begin(number, request)
            elif stream := self._streams.get(number):
                stream.cancel()

    def _load(self) -> None:
        with self._telling_faults(0):
            self._tell(0, self._inside.load())

    def _begin(self, number: int, request: Request) -> None:
        with self._telling_faults(number):
            self._streams[number] = stream = self._inside.stream(request)
            Thread(target=self._follow, args=(number, stream), daemon=True).start()

    def _follow(self, number: int, stream: Stream) -> None:
        with self._telling_faults(number):
            for event in stream:
                self._tell(number, event)
        del self._streams[number]

    @contextmanager
    def _telling_faults(self, number: int) -> Iterator[None]:
        try:
            yield
        except MLXVisionError as error:
            self._tell(number, error)
        except Exception as error:  # noqa: BLE001 the last line of this process
            _log.error("a fault of mlxvision", exc_info=error)
            self._tell(number, RuntimeError(type(error).__name__))

    def _tell(self, number: int, message: Event | Exception | str) -> None:
        try:
            with self._writing:
                pickle.dump((number, message), self._answers, pickle.HIGHEST_PROTOCOL)
                self._answers.flush()
        except OSError:
            end()


def main() -> None:
    wire = claim()
    try:
        _Child(Inside(sys.argv[1] if sys.argv[1:] else None), wire.answers).serve(wire.requests)
    except (EOFError, pickle.UnpicklingError):
        end()


if __name__ == "__main__":
    main()
