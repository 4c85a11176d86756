"""Files that must be refused: no picture, damaged ones, ones that lie about their size, and bombs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import product
from zipfile import ZipFile

import numpy as np

from mlxvision.errors import ImageError, ImageFormatError, ImageTooLargeError
from tests.fakes.pictures import encoded, gradient, png, png_chunk, tiff
from tests.safety.corpus.image_files import bmp


@dataclass(frozen=True, slots=True)
class Bad:
    """error: its class; ImageError itself where nobody can say whether the picture survives, and it may be read."""

    name: str
    data: bytes
    error: type[ImageError] = ImageFormatError


def bad_images() -> list[Bad]:
    return [*_other_files(), *_truncated(), *_flipped(), *_lying(), *_bombs()]


@cache
def noise() -> dict[str, bytes]:
    """Pictures that no encoder can make small, so that most of a file is its pixels."""
    pixels = np.random.default_rng(6).integers(0, 256, (32, 48, 3), np.uint8)
    forms: dict[str, dict[str, object]] = {
        "PNG": {},
        "JPEG": {},
        "JPEG progressive": {"progressive": True},
        "JPEG grey": {},
        "JPEG with restarts": {"restart_marker_blocks": 2},
        "GIF": {},
        "WEBP": {},
        "WEBP lossless": {"lossless": True},
        "BMP": {},
        "TIFF": {},
        "TIFF LZW": {"compression": "tiff_lzw"},
        "TIFF deflate": {"compression": "tiff_adobe_deflate"},
        "TIFF JPEG": {"compression": "jpeg"},
        "AVIF": {},
    }
    return {
        name: encoded(pixels[..., 0] if "grey" in name else pixels, name.split()[0], **options)
        for name, options in forms.items()
    }


def _other_files() -> Iterator[Bad]:
    archive = BytesIO()
    with ZipFile(archive, "w") as file:
        file.writestr("picture.png", noise()["PNG"])
    safetensors = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n%%EOF\n"
    others = {
        "empty": b"",
        "one byte": b"\x89",
        "zeros": bytes(4096),
        "text": b"What a nice picture!\n" * 50,
        "HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "XML with an entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
        "PDF": b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        "EPS": eps,
        "EPS for Windows": b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 32, len(eps), 0, 0, 0, 0) + bytes(4) + eps,
        "WMF": b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<5H", 0, 0, 99, 99, 1440) + bytes(40),
        "EMF": struct.pack("<2I", 1, 108) + bytes(32) + b" EMF" + bytes(64),
        "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 32, 48, 8, 3) + bytes(12),
        "FITS": b"SIMPLE  =                    T".ljust(2880),
        "FLI": struct.pack("<IHHHHHH", 500, 0xAF11, 2, 48, 32, 8, 3).ljust(500, b"\0"),
        "McIdas": b"\0\0\0\0\0\0\0\4" + bytes(256),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200),
        "JPEG XL": b"\xff\x0a" + bytes(100),
        "zip": archive.getvalue(),
        "gzip": zlib.compress(noise()["PNG"], wbits=31),
        "safetensors": struct.pack("<Q", len(safetensors)) + safetensors + b"\0",
        "NumPy": b"\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\n\1\2\3",
        "pickle": b"\x80\4cos\nsystem\n(S'true'\ntR.",
        "ELF": b"\x7fELF\2\1\1" + bytes(60),
        "WAV": b"RIFF\x24\0\0\0WAVEfmt " + bytes(24),
        "PNG in UTF-8": noise()["PNG"].decode("latin-1").encode(),
        "PNG after a newline": b"\n" + noise()["PNG"],
    }
    for name, data in others.items():
        yield Bad(f"not a picture: {name}", data)
    for form in ("PPM", "ICO", "JPEG2000", "TGA", "SGI", "PCX", "DDS"):
        yield Bad(f"not a picture we read: {form}", encoded(gradient(), form))


def _truncated() -> Iterator[Bad]:
    for (name, data), percent in product(noise().items(), (1, 10, 30, 50, 70, 90)):
        yield Bad(f"{name} cut at {percent} %", data[: len(data) * percent // 100])
    for (name, data), percent in product(noise().items(), (0, 10, 50, 70)):
        if name.startswith("JPEG"):
            start = data.index(b"\xff\xda") + 14
            end = start + (len(data) - start) * percent // 100
            yield Bad(f"{name} cut at {percent} % of its scans and ended in good form", data[:end] + b"\xff\xd9")


def _flipped() -> Iterator[Bad]:
    """A PNG protects all of its bytes; what a flipped bit does elsewhere, only the decoder knows."""
    data = noise()["PNG"]
    for at in (9, 17, 22, 24, 25, 29, 45, 400, 2000, 4000):
        flipped = data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]
        yield Bad(f"PNG with a flipped bit at {at}", flipped)
    for (name, whole), part in product(noise().items(), (0.02, 0.3, 0.8)):
        at = int(part * len(whole))
        flipped = whole[:at] + bytes(255 - byte for byte in whole[at : at + 3]) + whole[at + 3 :]
        yield Bad(f"{name} with three bytes wrong at {part:.0%}", flipped, ImageError)


def _lying() -> Iterator[Bad]:
    rows = b"".join(b"\0" + bytes(range(3 * 4)) for _ in range(4))
    large = ImageTooLargeError
    yield Bad("PNG with fewer rows than it says", png((4, 5), 8, 2, rows))
    yield Bad("PNG without rows", png((4, 4), 8, 2, b""))
    for size, error in [((0, 4), ImageFormatError), ((2**31 - 1, 1), large), ((2**32 - 1,) * 2, large)]:
        yield Bad(f"PNG of {size[0]}x{size[1]}", png(size, 8, 2, rows), error)
    yield Bad("PNG of unknown colours", png((4, 4), 3, 5, rows))
    yield Bad(
        "PNG with two headers",
        png((4, 4), 8, 2, rows, png_chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))),
        ImageError,
    )
    yield Bad("PNG without a palette", png((4, 4), 8, 3, rows), ImageError)
    for name, at, order in [("GIF", 6, "<HH"), ("BMP", 18, "<ii")]:
        data = bytearray(noise()[name])
        data[at : at + struct.calcsize(order)] = struct.pack(order, 60_000, 60_000)
        yield Bad(f"{name} of 60000x60000", bytes(data), large)
    jpeg = bytearray(noise()["JPEG"])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    yield Bad("JPEG of 65500x65500", bytes(jpeg), large)
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 0, 48)
    yield Bad("JPEG without a height", bytes(jpeg))
    avif = bytearray(noise()["AVIF"])
    size_at = avif.index(b"ispe") + 8
    avif[size_at : size_at + 8] = struct.pack(">II", 60_000, 60_000)
    yield Bad("AVIF of 60000x60000", bytes(avif), ImageError)
    webp = noise()["WEBP lossless"]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    body = b"WEBP" + extended + webp[12:]
    yield Bad("WebP on a canvas of 16383x16383", b"RIFF" + struct.pack("<I", len(body)) + body, ImageError)
    for width in (0, 2**31, 2**32 - 1):
        tags = [(256, width), (257, 5), (258, 8), (259, 1), (262, 1), (273, 8), (278, 5), (279, 25)]
        yield Bad(f"TIFF of {width}x5", tiff(*tags, data=bytes(25)), ImageError)
    yield Bad("BMP of negative width", bmp((-4, 4), 24, bytes(48)), large)
    yield Bad("BMP from above, of -2147483648 rows", bmp((4, -(2**31)), 24, bytes(48)), ImageError)


def _bombs() -> Iterator[Bad]:
    """Small files that ask for much: what is refused here may cost neither memory nor time before."""
    large, rows = ImageTooLargeError, b"".join(b"\0" + bytes(12) for _ in range(4))
    zeros = zlib.compress(bytes(64 * 2**20), 9)
    one_bit = png((12_000, 12_000), 1, 0, bytes(1501) * 12_000)
    yield Bad("PNG of 144 megapixels in 17 KB", one_bit, large)
    yield Bad("PNG of 48 megapixels without data", png((8000, 6000), 8, 2, bytes(1000)))
    for kind, head in [(b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0"), (b"iCCP", b"x\0\0")]:
        yield Bad(
            f"PNG with 64 MB in {kind.decode()}", png((4, 4), 8, 2, rows, png_chunk(kind, head + zeros)), ImageError
        )
    yield Bad("PNG of which 64 MB follow the last row", png((4, 4), 8, 2, rows + bytes(64 * 2**20)), ImageError)
    jpeg = encoded(gradient(), "JPEG", progressive=True)
    scan, end = jpeg.rindex(b"\xff\xda"), len(jpeg) - 2
    yield Bad("JPEG of 2000 scans", jpeg[:scan] + jpeg[scan:end] * 2000 + jpeg[end:], large)
    entry = struct.pack("<HHII", 0x0112, 3, 2**32 - 1, 8)
    looped = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 9) + entry * 9 + struct.pack("<I", 8)
    yield Bad("JPEG whose EXIF has endless tags and goes round", encoded(gradient(), "JPEG", exif=looped), ImageError)
    yield Bad(
        "JPEG with 60 MB of EXIF offsets",
        encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 65_000),
        ImageError,
    )
    gif = encoded(gradient(), "GIF")
    frame = gif.index(b"\x2c", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    yield Bad("GIF with a frame of 65535x65535", gif[: frame + 5] + b"\xff" * 4 + gif[frame + 9 :], large)
    yield Bad("GIF of 20000 frames", gif[:-1] + gif[frame:-1] * 20_000 + b";", ImageError)
    tags = [
        (256, 16),
        (257, 16),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, 20_000),
        (323, 20_000),
        (324, 8),
        (325, 9),
    ]
    yield Bad("TIFF in a tile of 400 megapixels", tiff(*tags, data=zlib.compress(bytes(9))), large)
    tags = [(256, 4), (257, 4), (258, 8), (259, 8), (262, 1), (273, 8), (277, 65_535), (278, 4), (279, 2**32 - 1)]
    yield Bad("TIFF of 65535 channels", tiff(*tags, data=zeros[:1000]), ImageError)
    tags = [(256, 4), (257, 4), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1), (278, 4), (279, len(zeros))]
    yield Bad("TIFF with a strip of 64 MB", tiff(*tags, data=zeros), ImageError)
    round_trip = tiff((256, 4), (257, 4))[:-4] + struct.pack("<I", 8)
    yield Bad("TIFF whose directories go round", round_trip)
    yield Bad(
        "BMP of runs that never end", bmp((6000, 6000), 8, b"\0\2\0\0" * 1000, palette=bytes(1024), compression=1)
    )
    yield Bad("PNG of 50000 chunks", png((4, 4), 8, 2, rows, *[png_chunk(b"abCd", b"")] * 50_000), ImageError)
