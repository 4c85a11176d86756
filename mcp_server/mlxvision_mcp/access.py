"""Which files may be read. What counts is the file that was opened, not the name that led to it."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from mlxvision.errors import ImageNotFoundError, ImageTooLargeError, UsageError, shorten, working_directory

_MAX_BYTES = 256 * 2**20
_MAX_NAMES = 10_000
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif")


def default_folders() -> list[str]:
    """The working directory, unless it is gone, or the root, where graphical hosts start; on macOS also the
    user's folders."""
    folder = working_directory() or os.sep
    here = [folder] if folder != os.sep else []
    if sys.platform != "darwin":
        return here
    return [*(str(Path.home() / name) for name in ("Pictures", "Desktop", "Documents", "Downloads")), *here]


class Access:
    """The folders whose files may be read."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = [os.path.realpath(os.path.expanduser(folder)) for folder in folders]

    def read(self, path: str) -> bytes | None:
        """The bytes of the file at an absolute path; None where nothing has this name.

        Raises: UsageError for a file outside of the folders, ImageNotFoundError, ImageTooLargeError
        """
        self._check(os.path.realpath(path), path)  # what lies outside is not even opened
        descriptor = _open(path)
        if descriptor is None:
            return None
        try:
            self._check(_real_path(descriptor), path)  # the name may have changed its meaning since
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise ImageNotFoundError("a folder, not an image file", path, self._pictures_in(path))
            if not stat.S_ISREG(status.st_mode):
                raise ImageNotFoundError("a special file, not an image file", path, "Give the path of a picture")
            return _read(descriptor, path)
        finally:
            os.close(descriptor)

    def pictures(self, folder: str) -> list[str]:
        """The names of the pictures in a folder; none outside of the folders that may be read."""
        if not self._holds(os.path.realpath(folder)):
            return []
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return []
        try:
            if not self._holds(_real_path(descriptor)):
                return []
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry in islice(entries, _MAX_NAMES)]
        finally:
            os.close(descriptor)
        return sorted(name for name in names if name.lower().endswith(_PICTURES))

    def _pictures_in(self, folder: str) -> str:
        names = self.pictures(folder)[:5]
        return f"Pictures in it: {shorten(', '.join(names))}" if names else "There are no pictures in it"

    def _holds(self, real_path: str) -> bool:
        return any(os.path.commonpath((folder, real_path)) == folder for folder in self._folders)

    def _check(self, real_path: str, path: str) -> None:
        if self._holds(real_path):
            return
        allowed = shorten(", ".join(self._folders)) or "there are none"
        straight = os.path.normpath(path)
        if self._holds(straight):
            raise UsageError(
                "a link that leads out of the folders this server may read",
                path,
                f"Copy the file into one of them ({allowed}), or start the server with --allow and the link's target",
            )
        folder = shorten(os.path.dirname(straight))
        raise UsageError(
            "the file lies outside of the folders this server may read",
            path,
            f"Move it into one of them ({allowed}), or start the server with --allow {folder}",
        )


def _open(path: str) -> int | None:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        next_step = "Check its permissions"
        if error.errno == errno.EPERM and sys.platform == "darwin":
            next_step = "Allow this app in System Settings > Privacy & Security > Files and Folders, and restart it"
        reason = os.strerror(error.errno or 0)
        raise ImageNotFoundError(f"the file cannot be opened ({reason})", path, next_step) from error


def _real_path(descriptor: int) -> str:
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")


def _read(descriptor: int, path: str) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        limit = f"At most {_MAX_BYTES // 2**20} MiB are read; save a smaller picture"
        raise ImageTooLargeError("the image has too many bytes", path, limit)
    return data
