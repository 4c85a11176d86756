"""The formats that are read. Each is known by its first bytes, so that a file reaches one decoder and no other.

Pillow's `Image.open` is not used: it would try several decoders, and its JPEG opener hands some files to yet another.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Literal

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile

__all__ = [
    "SUPPORTED",
    "Format",
    "identify",
    "lacks_rows",
    "name_unsupported",
    "open_picture",
    "tile_px",
]

Format = Literal["PNG", "JPEG", "GIF", "WebP", "BMP", "TIFF", "AVIF"]
SUPPORTED = "PNG, JPEG, GIF, WebP, BMP, TIFF or AVIF"

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAGIC: dict[bytes, Format] = {
    _PNG_MAGIC: "PNG",
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
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PART_BYTES = 1 << 13  # inflated, at most a thousand times as many
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def identify(data: bytes) -> Format | None:
    """The format that the first bytes announce."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and not {b"avif", b"avis"}.isdisjoint(_brands(data)):
        return "AVIF"
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)


def name_unsupported(data: bytes) -> str:
    """What data of no supported format is, as far as its first bytes tell."""
    if not data:
        return "empty"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return "a HEIC picture"
    head = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for magic, name in _UNSUPPORTED.items() if head.startswith(magic)), "not an image")


def _brands(data: bytes) -> list[bytes]:
    """The brands of an ISO media file: the major one, a version, the compatible ones."""
    end = min(int.from_bytes(data[:4]), 256)
    return [data[at : at + 4] for at in range(8, end, 4)]


def open_picture(format_name: Format, file: BytesIO) -> ImageFile:
    """Read the header with the one decoder for this format; the pixels wait for `load`."""
    match format_name:
        case "PNG":
            return _open_png(file)
        case "JPEG":
            from PIL.JpegImagePlugin import JpegImageFile as Decoder
        case "GIF":
            from PIL.GifImagePlugin import GifImageFile as Decoder
        case "BMP":
            from PIL.BmpImagePlugin import BmpImageFile as Decoder
        case "TIFF":
            from PIL.TiffImagePlugin import TiffImageFile as Decoder
        case "WebP":
            return _open_webp(file)
        case "AVIF":
            from PIL.AvifImagePlugin import AvifImageFile as Decoder
    return Decoder(file)


def _open_png(file: BytesIO) -> ImageFile:
    from PIL.PngImagePlugin import PngImageFile

    picture = PngImageFile(file)
    # Pillow widens grey of 2 and 4 bits to 8, but not the grey that is to be transparent.
    if "transparency" in picture.info:
        picture.info["transparency"] *= {"L;2": 85, "L;4": 17}.get(str(picture.tile[0].args), 1)
    return picture


def _open_webp(file: BytesIO) -> ImageFile:
    from PIL.WebPImagePlugin import WebPImageFile

    class FirstFrame(WebPImageFile):
        """Lets go of libwebp's two canvases before Pillow makes its own."""

        def _get_next(self) -> tuple[bytes, int, int]:
            frame = super()._get_next()
            del self._decoder
            return frame

    return FirstFrame(file)


def tile_px(picture: PIL.Image.Image) -> int:
    """The pixels of one tile of a TIFF, which is decoded whole even where the picture is smaller; 0 without tiles."""
    if picture.format != "TIFF":
        return 0
    from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

    if not isinstance(picture, TiffImageFile):
        return 0
    return picture.tag_v2.get(TILEWIDTH, 0) * picture.tag_v2.get(TILELENGTH, 0)


def lacks_rows(picture: PIL.Image.Image, data: bytes) -> bool:
    """Whether the rows of a decoded PNG end too soon: Pillow leaves the rest black if the stream ends cleanly."""
    if picture.format != "PNG":
        return False
    width, height = picture.size
    *_, depth, colours, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, data.index(b"IHDR") + 4)
    if not interlaced and np.asarray(picture.crop((0, height - 1, width, height))).any():
        return False
    passes = _PNG_PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    bits = depth * _PNG_CHANNELS[colours]
    return _is_shorter(data, sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0))


def _is_shorter(data: bytes, n_bytes: int) -> bool:
    """Whether a PNG inflates to less."""
    stream, view, at = zlib.decompressobj(), memoryview(data), len(_PNG_MAGIC)
    while at < len(data) and n_bytes > 0:
        size = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            for start in range(at + 8, at + 8 + size, _PART_BYTES):
                n_bytes -= len(stream.decompress(view[start : min(start + _PART_BYTES, at + 8 + size)]))
        at += 12 + size
    return n_bytes > 0
