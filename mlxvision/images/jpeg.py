"""What libjpeg keeps to itself: how a JPEG is sent, and whether all of it came.

Where a scan ends too soon, libjpeg fills the rest with the middle grey and says so nowhere that Pillow could hear it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import PIL.Image

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

__all__ = ["is_cut", "is_multipass"]

_SEGMENT = re.compile(rb"\xff+([\x02-\xcf\xd9-\xfe])", re.DOTALL)
_START_OF_SCAN, _END = 0xDA, 0xD9
_N_COEFFICIENTS = 64
_MORE = bytes(range(1, 13))  # libjpeg reads up to eight ahead


class _Scan(NamedTuple):
    """Components by id; their coefficients from first to last; is_exact: down to the last bit; end: of the data."""

    components: list[int]
    first: int
    last: int
    is_exact: bool
    end: int


def is_multipass(picture: PIL.Image.Image, data: bytes) -> bool:
    """Whether a JPEG comes in several scans, so that all its coefficients are held until the last one."""
    jpeg = _as_jpeg(picture)
    if jpeg is None:
        return False
    first = next(_scans(data), None)
    return "progressive" in jpeg.info or first is None or len(first.components) < jpeg.layers


def is_cut(picture: PIL.Image.Image, data: bytes) -> bool:
    """Whether a decoded JPEG was cut and then ended in good form."""
    jpeg = _as_jpeg(picture)
    if jpeg is None:
        return False
    scans = list(_scans(data))
    if _lacks_scans(jpeg, scans):
        return True
    return "progressive" not in jpeg.info and _ends_grey(jpeg) and _asks_for_more(data, scans[-1].end)


def _as_jpeg(picture: PIL.Image.Image) -> JpegImageFile | None:
    if picture.format != "JPEG":
        return None
    from PIL.JpegImagePlugin import JpegImageFile

    return picture if isinstance(picture, JpegImageFile) else None


def _scans(data: bytes) -> Iterator[_Scan]:
    at, header_at = 2, 0
    while segment := _SEGMENT.search(data, at):
        kind, size_at = segment[1][0], segment.end()
        if header_at:
            yield _scan(data, header_at, segment.start())
        if kind == _END:
            return
        header_at = size_at if kind == _START_OF_SCAN else 0
        at = size_at + int.from_bytes(data[size_at : size_at + 2])
    if header_at:
        yield _scan(data, header_at, len(data))


def _scan(data: bytes, at: int, end: int) -> _Scan:
    size = int.from_bytes(data[at : at + 2])
    *components, first, last, bits = data[at + 3 : at + size].ljust(3, b"\0")
    return _Scan(components[::2], first, last, bits & 15 == 0, end)


def _lacks_scans(picture: JpegImageFile, scans: list[_Scan]) -> bool:
    missing = set(product([component for component, *_ in picture.layer], range(_N_COEFFICIENTS)))
    for scan in scans:
        if "progressive" not in picture.info:
            missing.difference_update(product(scan.components, range(_N_COEFFICIENTS)))
        elif scan.is_exact:
            missing.difference_update(product(scan.components, range(scan.first, scan.last + 1)))
    return bool(missing)


def _ends_grey(picture: PIL.Image.Image) -> bool:
    width, height = picture.size
    corner = np.asarray(picture.crop(((width - 1) // 4 * 4, (height - 1) // 4 * 4, width, height)))
    return bool(((corner >= 126) & (corner <= 129)).all())


def _asks_for_more(data: bytes, end: int) -> bool:
    """Whether a few bytes in place of what follows the last scan are not enough, as they are for one that is whole."""
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(_Unended(data, end))
    picture.draft(None, (1, 1))
    try:
        picture.load()
    except OSError:
        return True
    return False


class _Unended(BytesIO):
    """A JPEG up to the end of a scan, and then a little of what looks like more of it."""

    def __init__(self, data: bytes, end: int) -> None:
        super().__init__(data)
        self._end, self._more = end, _MORE

    def read(self, size: int | None = -1, /) -> bytes:
        left = self._end - self.tell()
        if left > 0:
            return super().read(left if size is None or size < 0 else min(size, left))
        part, self._more = self._more, b""
        return part
