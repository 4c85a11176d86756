"""A picture's bytes to its pixels: the limits, and the shield around Pillow."""

from __future__ import annotations

import hashlib
import logging
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import PIL.features
import PIL.Image
from PIL.ExifTags import Base as ExifTag

from mlxvision.errors import ImageFormatError, ImageTooLargeError
from mlxvision.images.formats import (
    SUPPORTED,
    Format,
    identify,
    lacks_rows,
    name_unsupported,
    open_picture,
    tile_px,
)
from mlxvision.images.jpeg import is_cut, is_multipass
from mlxvision.images.pixels import upright_rgb
from mlxvision.silence import silent_stderr
from mlxvision.types import Image

__all__ = ["decode", "flatten"]

# What one picture may cost, its file included. The 48 megapixels of a phone are taken even with a large file, but for
# WebP: of such a file libwebp has a copy.
_MEMORY_BYTES = 596_000_000
_ALWAYS_TAKEN_PX = 48_000_000
_LONGEST_SIDE_PX = 65_535

# Peak bytes per pixel, measured: Pillow keeps 4, the result 3, and some decoders whole frames of their own.
_COSTS = {"PNG": 7.25, "GIF": 7.25, "BMP": 7.25, "JPEG": 7.25, "TIFF": 12, "AVIF": 10, "WebP": 12}
_COST_MULTIPASS = 12

# Pillow makes up to four copies of a file's metadata; of PNG text five, but PNG pixels come in parts of 64 KiB.
_MOST_BYTES = _MEMORY_BYTES // 4
_MOST_PNG_METADATA_BYTES = 32_000_000
_LONGEST_PNG_PART_BYTES = 1 << 16

_MOST_CPU_S = 8.0
_MOST_SCANS = 100  # a progressive JPEG has about ten; each costs time for every pixel, and a hundred bytes

# What Pillow's decoders raise on damaged files: they check little, and let whatever comes of it out.
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_BOMBS = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning, MemoryError)

# Warning filters belong to the whole process, and the memory is meant for one picture at a time.
_one_at_a_time = threading.Lock()
_tiff_log = logging.getLogger("PIL.TiffImagePlugin")


def decode(data: bytes, source: str) -> Image:
    """Decode a picture's bytes; source names it in messages.

    Raises: ImageFormatError, ImageTooLargeError.
    """
    format_name = identify(data)
    if format_name is None:
        raise ImageFormatError(f"the file is {name_unsupported(data)}", source, f"Give a picture as {SUPPORTED}")
    if format_name in ("WebP", "AVIF") and not PIL.features.check(format_name.lower()):
        raise ImageFormatError(f"this build of Pillow reads no {format_name}", source, "Install Pillow from PyPI")
    if format_name not in ("PNG", "JPEG") and len(data) > _MOST_BYTES:
        advice = f"At most {_MOST_BYTES // 10**6} MB are read; save the picture as JPEG or PNG"
        raise ImageTooLargeError(f"too many bytes of {format_name}", source, advice)
    with _silent_pillow():
        with _own_errors(f"the {format_name} data is damaged or incomplete", source):
            picture = open_picture(format_name, _Watched(data, source, is_png=format_name == "PNG"))
            multipass = is_multipass(picture, data)
            cost = _COST_MULTIPASS if multipass else _COSTS[format_name]
            _check_size(picture, _most_px(format_name, cost, len(data)), source)
            if multipass and data.count(b"\xff\xda\0") > _MOST_SCANS:
                raise ImageTooLargeError(f"a JPEG of more than {_MOST_SCANS} scans", source, "Save the picture again")
            turned, orientation = _load(picture)
            if lacks_rows(picture, data) or is_cut(picture, data):
                raise EOFError
        return _finish(picture, turned, orientation, source)


def flatten(picture: PIL.Image.Image) -> Image:
    """Do the same with a picture that the caller opened with Pillow.

    Raises: ImageFormatError, ImageTooLargeError.
    """
    source = "PIL image"
    if picture.format == "EPS":
        raise ImageFormatError("PostScript, which Pillow has another program draw", source, "Save it as PNG first")
    with _silent_pillow():
        with _own_errors("Pillow cannot decode the picture", source):
            _check_size(picture, int(_MEMORY_BYTES / _COSTS["PNG"]), source)
            turned, orientation = _load(picture)
        return _finish(picture, turned, orientation, source)


class _Watched(BytesIO):
    """A file that Pillow may not read for ever, part by part in Python, nor take much of for metadata."""

    def __init__(self, data: bytes, source: str, *, is_png: bool) -> None:
        super().__init__(data)
        self._source, self._is_png = source, is_png
        self._end_s = time.thread_time() + _MOST_CPU_S
        self._metadata_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end_s:
            raise ImageTooLargeError("decoding takes too long", self._source, "Save the picture again")
        if self._is_png and size and size > _LONGEST_PNG_PART_BYTES:
            self._metadata_bytes += size
            if self._metadata_bytes > _MOST_PNG_METADATA_BYTES:
                raise ImageTooLargeError("a PNG with too much metadata", self._source, "Save the picture without it")
        return super().read(size)


def _most_px(format_name: Format, cost: float, n_bytes: int) -> int:
    """n_bytes: of the file."""
    if format_name == "WebP":
        return int((_MEMORY_BYTES - 2 * n_bytes) / cost)
    return max(int((_MEMORY_BYTES - n_bytes) / cost), _ALWAYS_TAKEN_PX)


def _check_size(picture: PIL.Image.Image, most_px: int, source: str) -> None:
    width, height = picture.size
    if min(width, height) < 1:
        raise ImageFormatError(f"a picture of {width}x{height} pixels", source, "Give one that is not empty")
    advice = f"Make it smaller: at most {most_px / 1e6:.0f} megapixels and {_LONGEST_SIDE_PX} pixels a side are read"
    if max(width, height) > _LONGEST_SIDE_PX or width * height > most_px:
        raise ImageTooLargeError(f"{width}x{height} pixels are too many", source, advice)
    if tile_px(picture) > most_px:
        raise ImageTooLargeError("the tiles of the TIFF are too large", source, advice)


def _load(picture: PIL.Image.Image) -> tuple[int, int]:
    """Decode, and tell two EXIF orientations: the one Pillow has applied (it does for TIFF), the one left to apply."""
    if picture.format != "TIFF":
        picture.load()
        return 1, _orientation(picture)
    orientation = _orientation(picture)
    with silent_stderr():  # libtiff complains there
        picture.load()
    return orientation, _orientation(picture)


def _orientation(picture: PIL.Image.Image) -> int:
    """The EXIF orientation; 1 where there is none or EXIF is damaged, for the picture can be whole all the same."""
    try:
        value = picture.getexif().get(ExifTag.Orientation)
    except _DAMAGED:
        return 1
    return next((known for known in range(1, 9) if known == value), 1)


def _finish(picture: PIL.Image.Image, turned: int, orientation: int, source: str) -> Image:
    pixels = upright_rgb(picture, orientation, source)
    height, width, _ = pixels.shape
    digest = hashlib.sha256(f"{width}x{height}\n".encode("ascii"))
    digest.update(pixels.data)
    return Image(pixels, source, orientation if turned == 1 else turned, digest.hexdigest())


@contextmanager
def _silent_pillow() -> Iterator[None]:
    with _one_at_a_time, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        _tiff_log.addFilter(_drop)
        try:
            yield
        finally:
            _tiff_log.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False


@contextmanager
def _own_errors(damaged: str, source: str) -> Iterator[None]:
    """Turn Pillow's exceptions into ours: their texts hold memory addresses and other internals."""
    try:
        yield
    except _BOMBS as error:
        raise ImageTooLargeError("decoding needs too much memory", source, "Make it smaller first") from error
    except _DAMAGED as error:
        raise ImageFormatError(damaged, source, "Save or download the picture again") from error
