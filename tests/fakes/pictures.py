"""Pictures whose right answer is known because they are made here."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import PIL.Image

WIDTH, HEIGHT = 48, 32
CORNERS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "yellow": (240, 230, 20)}


def quadrants() -> np.ndarray:
    """(32, 48, 3) uint8: red and green above, blue and yellow below."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    red, green, blue, yellow = CORNERS.values()
    pixels[: HEIGHT // 2, : WIDTH // 2] = red
    pixels[: HEIGHT // 2, WIDTH // 2 :] = green
    pixels[HEIGHT // 2 :, : WIDTH // 2] = blue
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = yellow
    return pixels


def gradient() -> np.ndarray:
    """(32, 48, 3) uint8 in which no two pixels are equal."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([rows * 8, columns * 5, (rows * 31 + columns * 7) % 256], axis=-1).astype(np.uint8)


def corners(pixels: np.ndarray) -> list[str]:
    """The names of the colours met clockwise from the upper left, each probed in the middle of its quadrant."""
    height, width, _ = pixels.shape
    probes = [(1, 1), (1, 3), (3, 3), (3, 1)]
    return [_name(pixels[height * row // 4, width * column // 4]) for row, column in probes]


def _name(colour: np.ndarray) -> str:
    return min(CORNERS, key=lambda name: int(np.abs(colour.astype(int) - CORNERS[name]).max()))


def encoded(picture: np.ndarray | PIL.Image.Image, format_name: str, **options: object) -> bytes:
    """The bytes of a picture in a format, with options of Pillow's `save`."""
    file = BytesIO()
    picture = PIL.Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(file, format_name, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size: tuple[int, int], depth: int, colour_type: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG file byte by byte: rows with their filter bytes; further chunks stand before the data."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    body = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(*tags: tuple[int, int], data: bytes = b"") -> bytes:
    """A little-endian TIFF of one directory with 32-bit (tag, value) pairs; the data comes first, at offset 8."""
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4)
