"""Every failure a caller may want to tell apart.

    MLXVisionError
    ├── UsageError               an argument that cannot be served
    ├── ImageError               an image that cannot be shown to a model
    │   ├── ImageNotFoundError   nothing there, or not a file
    │   ├── ImageFormatError     not an image we read, or a damaged one
    │   └── ImageTooLargeError   more pixels or bytes than we accept
    ├── ModelError               a model that cannot be used
    │   ├── ModelNotFoundError   neither a directory, nor a pulled repository, nor a card
    │   ├── ModelFormatError     a checkpoint that is broken, incomplete or implausible
    │   ├── UnsupportedModelError    a checkpoint of no family we have
    │   └── DownloadError        a pull that did not arrive, or not intact
    └── OutOfMemoryError         a model or request that does not fit this machine

Each message says what happened, the value it happened with, and what to do next.
"""

import os
import unicodedata

__all__ = [
    "DownloadError",
    "ImageError",
    "ImageFormatError",
    "ImageNotFoundError",
    "ImageTooLargeError",
    "MLXVisionError",
    "ModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "OutOfMemoryError",
    "UnsupportedModelError",
    "UsageError",
]

_LONGEST_VALUE = 160
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def shorten(value: object) -> str:
    """Printable, one-line form of a value of unknown origin: no control characters, the middle left out."""
    text = str(value)
    if len(text) > _LONGEST_VALUE:
        half = (_LONGEST_VALUE - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


class MLXVisionError(Exception):
    """A failure said in three parts.

    what: what happened, as a clause without a full stop.
    value: what it happened with; shortened and stripped of control characters.
    next_step: what the user can do, as a clause without a full stop.
    """

    def __init__(self, what: str, value: object, next_step: str) -> None:
        super().__init__(what, shorten(value), next_step)  # so that it can be pickled

    def __str__(self) -> str:
        what, value, next_step = self.args
        return f"{what}: {value}. {next_step}."


class UsageError(MLXVisionError):
    """An argument that cannot be served."""


class ImageError(MLXVisionError):
    """An image that cannot be shown to a model."""


class ImageNotFoundError(ImageError):
    """Nothing at that place, or not a regular file."""


class ImageFormatError(ImageError):
    """Not an image of a supported format, or a damaged one."""


class ImageTooLargeError(ImageError):
    """More bytes or pixels than are accepted."""


class ModelError(MLXVisionError):
    """A model that cannot be used."""


class ModelNotFoundError(ModelError):
    """Neither a directory, nor a pulled repository, nor the name of a card."""


class ModelFormatError(ModelError):
    """A checkpoint that is broken, incomplete or implausible."""


class UnsupportedModelError(ModelError):
    """A checkpoint that belongs to no known family."""


class DownloadError(ModelError):
    """A pull that did not arrive, or did not arrive intact."""


class OutOfMemoryError(MLXVisionError):
    """A model or request that does not fit into this machine's memory."""


def working_directory() -> str | None:
    """None if it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
