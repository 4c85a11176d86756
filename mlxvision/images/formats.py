"""The formats that are read. Each is known by its first bytes, so that a file reaches one decoder and no other.

Pillow's `Image.open` is not used: it would try several decoders, and its JPEG opener hands some files to yet another.
"""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import PIL.features
from PIL.ImageFile import ImageFile

from mlxvision.errors import ImageFormatError

__all__ = ["SUPPORTED", "Format", "identify", "name_unsupported", "open_picture"]

Format = Literal["PNG", "JPEG", "GIF", "WebP", "BMP", "TIFF", "AVIF"]
SUPPORTED = "PNG, JPEG, GIF, WebP, BMP, TIFF or AVIF"

_MAGIC: dict[bytes, Format] = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_UNSUPPORTED = {
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"8BPS": "a Photoshop file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file, perhaps an SVG drawing",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
}
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def identify(data: bytes) -> Format | None:
    """The format that the first bytes announce."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and b"avif" in (brands := _brands(data)) or b"avis" in brands:
        return "AVIF"
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)


def name_unsupported(data: bytes) -> str:
    """What data of no supported format is, as far as its first bytes tell."""
    if not data:
        return "empty"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return "a HEIC picture"
    head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for magic, name in _UNSUPPORTED.items() if head.startswith(magic)), "not an image")


def _brands(data: bytes) -> list[bytes]:
    """The brands of an ISO media file: the major one, a version, the compatible ones."""
    end = min(int.from_bytes(data[:4]), 256)
    return [data[at : at + 4] for at in range(8, end, 4)]
