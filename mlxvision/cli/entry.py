"""From arguments to an exit code."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from mlxvision.cli.parser import build_parser
from mlxvision.cli.terminal import Ended, say
from mlxvision.errors import ImageError, MLXVisionError, ModelError, OutOfMemoryError, UsageError

EXIT_CODES: dict[type[Exception], int] = {
    UsageError: 2,
    ImageError: 3,
    ModelError: 4,
    OutOfMemoryError: 5,
    Exception: 1,
}
"""The first class that an error belongs to gives its exit code. 128 + N stands for the signal N."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argv: by default the arguments of the process.

    A signal, or a stdout that nobody reads any more, ends the whole process.
    """
    # NumPy would start a thread for each core, at 50 ms of CPU, for products of matrices that it is never asked for.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # stderr belongs to our own lines
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDONLY)  # else the first file opened gets the number 0, which MLX does not read
    if os.environ.get("MLX_RANK", "0") != "0":
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 of machines that answer together, the first one speaks
    with _raising_signals():
        try:
            return _run(argv)
        except Ended as end:
            if end.line:
                say(end.line)
            os._exit(end.code)  # an orderly exit would pull the interpreter from under a computing MLX thread


def _run(argv: Sequence[str] | None) -> int:
    debug = False
    try:
        args = build_parser().parse_args(argv)
        debug = args.debug
        return args.run(args)
    except Exception as error:  # noqa: BLE001 the last resort of the whole program
        if debug:
            say("".join(traceback.format_exception(error)))
        return _report(error)


def _report(error: Exception) -> int:
    if isinstance(error, MLXVisionError):
        say(f"mlxvision: {error}")
    else:
        say(f"mlxvision: a fault of mlxvision itself: {type(error).__name__}. Run it again with --debug to see where.")
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))


@contextmanager
def _raising_signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
