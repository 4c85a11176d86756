"""Writing to stdout and stderr."""

import re
import signal
import sys
from contextlib import suppress
from typing import Self, TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLEAR_LINE = "\r\x1b[K"


class Ended(BaseException):
    """The process is to end now. code: the exit code. line: for stderr, if there is something to say."""

    def __init__(self, code: int, line: str = "") -> None:
        self.code, self.line = code, line


def write(text: str) -> None:
    """Put text on stdout at once; a terminal gets it without control characters.

    Raises: Ended if stdout does not take it.
    """
    try:
        _put(sys.stdout, _harmless(sys.stdout, text))
    except BrokenPipeError:
        raise Ended(128 + signal.SIGPIPE) from None
    except OSError as error:
        raise Ended(1, f"mlxvision: cannot write to stdout: {error.strerror}. Send the answer elsewhere.") from None


def say(line: str) -> None:
    """Put a line on stderr, if there is one to put it on."""
    with suppress(OSError):
        _put(sys.stderr, _harmless(sys.stderr, line.rstrip("\n")) + "\n")


class Status:
    """A line on stderr that says what is going on and is gone afterwards. Shown only on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = is_terminal(sys.stderr) and not quiet
        self._stands = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        if not self.shown:
            return
        import shutil

        width = shutil.get_terminal_size().columns - 1
        self._put(_CLEAR_LINE + _CONTROL.sub("", text)[:width])
        self._stands = True

    def clear(self) -> None:
        if self._stands:  # else an answer would be wiped out that is on the same terminal
            self._put(_CLEAR_LINE)
        self._stands = False

    def _put(self, text: str) -> None:
        with suppress(OSError):
            _put(sys.stderr, text)


def in_units(nbytes: int) -> str:
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.1f} MB"


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _put(stream: TextIO | None, text: str) -> None:
    """stream: None if the process was started without it."""
    if stream is not None:
        stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))  # as the locale can
        stream.flush()


def _harmless(stream: TextIO | None, text: str) -> str:
    return _CONTROL.sub("", text) if is_terminal(stream) else text
