"""Work in processes of its own, forked from one that has never computed with MLX."""

import os
import traceback
from collections.abc import Callable


def start(work: Callable[[], None]) -> int:
    """The number of a process that ends with 0 if the work was done, with 1 if it failed."""
    number = os.fork()
    if number:
        return number
    try:
        work()
    except BaseException:  # noqa: BLE001 nothing may escape into what the parent was doing
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def end_of(number: int) -> int:
    """The exit code of a process, or the negative number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
