"""Picture files written byte by byte, for what no encoder at hand can be asked to write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from tests.fakes.pictures import png_chunk

# First row, first column, and the steps along both: the seven passes of an interlaced PNG.
_ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def pack(values: np.ndarray, depth: int) -> np.ndarray:
    """values: (H, W, C) -> (H, bytes of a row), each value in so many bits."""
    bits = values[..., None].astype(np.uint32) >> np.arange(depth)[::-1] & 1
    return np.packbits(bits.reshape(len(values), -1).astype(np.uint8), axis=1)


def png_of(
    values: np.ndarray, depth: int, kind: int, *chunks: bytes, interlaced: bool = False, filtering: int = 0
) -> bytes:
    """values: (H, W, C), the samples of a PNG of this colour type. filtering: the filter of every row, 0 to 4."""
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    parts = [values[row::down, column::across] for row, column, down, across in passes]
    bpp = max(1, depth * values.shape[2] // 8)
    rows = b"".join(_filtered(pack(part, depth), bpp, filtering) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, interlaced)
    body = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _filtered(rows: np.ndarray, bpp: int, filtering: int) -> bytes:
    """Each row as its difference from what the filter foretells, behind the filter's number."""
    here = rows.astype(int)
    left = np.pad(here, ((0, 0), (bpp, 0)))[:, :-bpp]
    above = np.pad(here, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    paeth = np.choose(
        np.argmin([np.abs(above - corner), np.abs(left - corner), np.abs(left + above - 2 * corner)], axis=0),
        [left, above, corner],
    )
    foretold = [0 * here, left, above, (left + above) // 2, paeth][filtering]
    differences = ((here - foretold) % 256).astype(np.uint8)
    return b"".join(bytes([filtering]) + row.tobytes() for row in differences)


def bmp(
    size: tuple[int, int], bits: int, data: bytes, *, palette: bytes = b"", masks: bytes = b"", compression: int = 0
) -> bytes:
    """A BMP with an INFO header. size: a negative height means that the first row is the upper one."""
    offset = 14 + 40 + len(masks) + len(palette)
    colours = len(palette) // 4
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(data), 0, 0, colours, colours)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + palette + data


def bmp_rows(values: np.ndarray, bits: int) -> bytes:
    """values: (H, W, C) -> rows from below, each filled up to whole groups of four bytes."""
    rows = pack(values, bits)[::-1]
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()


def tiff_of(tags: Mapping[int, Sequence[int]], data: bytes, *, big_endian: bool = False) -> bytes:
    """A TIFF of one directory whose values are all 32 bits wide; the data comes first, at offset 8."""
    order = ">" if big_endian else "<"
    lists, directory = b"", struct.pack(f"{order}H", len(tags))
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        value = packed if len(values) == 1 else struct.pack(f"{order}I", 8 + len(data) + len(lists))
        directory += struct.pack(f"{order}HHI", tag, 4, len(values)) + value
        lists += packed if len(values) > 1 else b""
    head = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(f"{order}I", 8 + len(data) + len(lists))
    return head + data + lists + directory + bytes(4)


def jpeg_of_scans(jpegs: Sequence[bytes]) -> bytes:
    """Grey JPEGs of one size and quality as the channels of one picture, each in a scan of its own."""
    first, n = jpegs[0], len(jpegs)
    frame, start = first.index(b"\xff\xc0"), first.index(b"\xff\xda")
    size = first[frame + 4 : frame + 9]
    channels = b"".join(bytes([1 + number, 0x11, 0]) for number in range(n))
    header = b"\xff\xc0" + struct.pack(">H", 8 + 3 * n) + size + bytes([n]) + channels
    begin = first[:frame] + header + first[frame + 4 + 9 : start]
    scans = [jpeg[jpeg.index(b"\xff\xda") : -2] for jpeg in jpegs]
    named = [scan[:5] + bytes([1 + number]) + scan[6:] for number, scan in enumerate(scans)]
    return begin + b"".join(named) + b"\xff\xd9"
