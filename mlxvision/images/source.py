"""Where the bytes of a picture come from. A file is opened once; what that descriptor is decides, not its name."""

from __future__ import annotations

import binascii
import errno
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterator
from itertools import islice
from os import PathLike

from mlxvision.errors import (
    ImageFormatError,
    ImageNotFoundError,
    ImageTooLargeError,
    UsageError,
    shorten,
    working_directory,
)
from mlxvision.images.formats import identify

__all__ = ["read"]

_MAX_BYTES = 256 * 2**20
_MAX_TEXT_BYTES = 128 * 2**20  # as base64, which is in memory beside them
_LONGEST_PATH = 1 << 16
_MAX_NAMES = 10_000

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(source: str | PathLike[str] | bytes | bytearray | memoryview) -> tuple[bytes, str]:
    """The bytes of a picture, and what messages and receipts call it.

    Raises: UsageError, ImageNotFoundError, ImageFormatError (broken base64), ImageTooLargeError.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size(memoryview(source).nbytes, _MAX_BYTES, "bytes")
        return bytes(source), "bytes"
    if isinstance(source, PathLike):
        return _read_path(os.fsdecode(source)), shorten(source)
    if not isinstance(source, str):
        raise UsageError("an image cannot be opened from this type", type(source).__name__, "Give a path or bytes")
    if source == "-":
        return _read_stdin(), "stdin"
    if source[:5].lower() == "data:":
        return _read_data_url(source), "data URL"
    if source[:5].lower() == "file:":
        return _read_path(_path_of_url(source)), shorten(source)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source):
        raise UsageError("nothing is fetched from a network", source, "Download the picture and give its path")
    return _read_text(source)


def _check_size(n_bytes: int, most: int, name: str) -> None:
    if n_bytes > most:
        limit = f"At most {most // 2**20} MiB are read; save a smaller picture"
        raise ImageTooLargeError("the image has too many bytes", name, limit)


def _read_stdin() -> bytes:
    if sys.stdin is None:  # the process was started without it
        raise ImageNotFoundError("there is no standard input", "-", "Give the path of a picture")
    try:
        data = sys.stdin.buffer.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable("stdin", error) from error
    _check_size(len(data), _MAX_BYTES, "stdin")
    return data


def _read_text(source: str) -> tuple[bytes, str]:
    """A path, or else base64 without a header."""
    try:
        return _read_path(source), shorten(source)
    except ImageNotFoundError:
        data = _from_base64(source, "base64")
        if data is None or identify(data) is None:
            raise
        return data, "base64"


def _read_data_url(url: str) -> bytes:
    header, _, body = url.partition(",")
    if not re.fullmatch(r"data:(image/|application/octet-stream)[^,]*;base64", header, re.IGNORECASE):
        raise ImageFormatError("not a data URL of an image", header, "Write data:image/png;base64,…")
    data = _from_base64(body, "data URL")
    if data is None:
        raise ImageFormatError("the data URL is not valid base64", header, "Encode the whole file again")
    return data


def _from_base64(text: str, name: str) -> bytes | None:
    """None for what is no base64. Raises: ImageTooLargeError"""
    if not re.fullmatch(r"[A-Za-z0-9+/\s]*(=\s*){0,2}", text, re.ASCII):
        return None
    _check_size(len(text) * 3 // 4, _MAX_TEXT_BYTES, name)
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        return None


def _path_of_url(url: str) -> str:
    from urllib.parse import unquote_to_bytes, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError("not a file URL", url, "Write file:///path/to/picture") from None
    if parts.netloc.lower() not in ("", "localhost"):
        raise UsageError("a file URL of another machine", url, "Copy the picture here and give its path")
    return os.fsdecode(unquote_to_bytes(parts.path))


def _read_path(given: str) -> bytes:
    if len(given) > _LONGEST_PATH:
        raise ImageNotFoundError("too long for a path", given, "Check the path")
    for path in _spellings(given):
        descriptor = _open(path)
        if descriptor is not None:
            return _read_descriptor(descriptor, given)
    raise ImageNotFoundError("no such file", given, _advice(os.path.expanduser(given)))


def _spellings(given: str) -> Iterator[str]:
    """What a path pasted from a terminal or a file manager can mean, the literal reading first."""
    path = os.path.expanduser(given)
    yield path
    quoted = re.fullmatch(r"""\s*(['"])(.*)\1\s*""", given, re.DOTALL)
    yield os.path.expanduser(quoted[2] if quoted else re.sub(r"\\(.)", r"\1", given))
    folder, name = os.path.split(path)
    same = [entry for entry in _names(folder) if _folded(entry) == _folded(name)]
    if len(same) == 1:
        yield os.path.join(folder, same[0])


def _folded(name: str) -> str:
    """Equal for names that look the same: macOS decomposes accents and puts U+202F into names of screenshots."""
    return unicodedata.normalize("NFC", name).replace("\N{NARROW NO-BREAK SPACE}", " ")


def _open(path: str) -> int | None:
    """A descriptor, or None where nothing has this name."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        what = f"the file cannot be opened ({_reason(error)})"
        raise ImageNotFoundError(what, path, "Check its permissions") from error


def _read_descriptor(descriptor: int, given: str) -> bytes:
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
            raise ImageNotFoundError(f"{kind}, not an image file", given, "Give the path of a picture")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(given, error) from error
    finally:
        os.close(descriptor)
    _check_size(len(data), _MAX_BYTES, given)
    return data


def _unreadable(given: str, error: OSError) -> ImageNotFoundError:
    return ImageNotFoundError(f"the file cannot be read ({_reason(error)})", given, "Copy it to another disk")


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0)


def _advice(path: str) -> str:
    import difflib

    folder, name = os.path.split(path)
    near = ", ".join(difflib.get_close_matches(name, _names(folder)))
    advice = f"Similar names there: {shorten(near)}" if near else "Check the path"
    here = working_directory() or "a folder that is gone"
    return advice if os.path.isabs(path) else f"{advice} (it is relative to {shorten(here)})"


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder or os.curdir) as entries:
            return [entry.name for entry in islice(entries, _MAX_NAMES)]
    except (OSError, ValueError):
        return []
