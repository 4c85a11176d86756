"""What libraries write to descriptor 2, out of Python's reach, kept from standing beside our one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.Lock()  # two at once could each put back what the other has put there


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send descriptor 2 nowhere, for the whole process."""
    with _one_at_a_time:
        try:
            kept = os.dup(2)
        except OSError:  # closed, so it shows nothing anyway
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
