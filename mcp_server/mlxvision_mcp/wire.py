"""The two ends of the protocol, kept to the protocol, and the ways in which the process ends.

Descriptors 0 and 1 are taken away at once and for good: whatever prints, also at import, in C++ or while the
interpreter goes down, writes to stderr. A host that is gone is noticed at its end of any stream.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

LONGEST_LINE_BYTES = 64 * 2**20
_PART_BYTES = 2**16
_PATIENCE_S = 1.0
_GONE = select.POLLERR | select.POLLHUP


class Wire(NamedTuple):
    """What the host sends, and what it is sent."""

    requests: BinaryIO
    answers: BinaryIO


def end(code: int = 0) -> None:
    """End the process now: no thread that computes is waited for, and none can crash it."""
    os._exit(code)


def claim() -> Wire:
    """Take over stdin and stdout, and end the process by a signal, and when nobody reads its output."""
    for number, code in ((signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)):
        signal.signal(number, lambda number, frame, code=code: end(code))
    _fill_gaps()
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # A descriptor of its own for stderr, since decoding a TIFF points number 2 elsewhere for a moment.
    _start(_end_when_unread, answers, os.dup(2))
    return Wire(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))


def read_line(requests: BinaryIO) -> bytes | None:
    """None for a line that is too long. Empty at the end, when the process has a moment to finish."""
    line = requests.readline(LONGEST_LINE_BYTES)
    if not line:
        _start(_end_soon)
    if len(line) < LONGEST_LINE_BYTES or line.endswith(b"\n"):
        return line
    del line
    while len(part := requests.readline(_PART_BYTES)) == _PART_BYTES and not part.endswith(b"\n"):
        pass
    return None


def write_line(answers: BinaryIO, line: bytes) -> None:
    try:
        answers.write(line + b"\n")
        answers.flush()
    except OSError:  # nobody will hear an answer
        end()


def _fill_gaps() -> None:
    """A process started without stdin or stderr would get other files under their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            if descriptor == 1:
                end()  # nobody will hear an answer
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _start(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _end_soon() -> None:
    threading.Event().wait(_PATIENCE_S)
    end()


def _end_when_unread(*descriptors: int) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, 0)
    while True:
        for descriptor, event in poll.poll():
            if event & _GONE:
                end()
            poll.unregister(descriptor)  # a terminal or device, which macOS cannot watch
