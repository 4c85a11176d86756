"""Pictures that must be read: every way to store a pixel, with the size and the colours of the four quadrants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import PIL.Image

from tests.fakes.pictures import CORNERS, HEIGHT, WIDTH, encoded, png_chunk, quadrants
from tests.safety.corpus.image_files import bmp, bmp_rows, jpeg_of_scans, png_of, tiff_of

RED, GREEN, BLUE, YELLOW = CORNERS.values()
COLOURS = (RED, GREEN, YELLOW, BLUE)
WHITE = (255, 255, 255)
GREYS = tuple((level, level, level) for level in (240, 160, 80, 10))
ONE_BIT = (WHITE, (0, 0, 0), (0, 0, 0), (0, 0, 0))

# Where the four stored quadrants, clockwise from the upper left, are once a picture is upright.
UPRIGHT = {1: "0123", 2: "1032", 3: "2301", 4: "3210", 5: "0321", 6: "3012", 7: "2103", 8: "1230"}

Colours = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Good:
    """colours: of the four quadrants, clockwise from the upper left. size: (width, height) once upright."""

    name: str
    data: bytes
    colours: Colours
    tolerance: int = 0
    size: tuple[int, int] = (WIDTH, HEIGHT)


def good_images() -> list[Good]:
    return [*_pngs(), *_transparent_pngs(), *_saved(), *_turned(), *_jpegs(), *_bmps(), *_tiffs(), *_shapes()]


def quarter(*clockwise: object) -> np.ndarray:
    """(H, W, C) with these four samples in its quadrants."""
    corners = np.array(clockwise, np.int64).reshape(4, -1)
    return corners[[[0, 1], [3, 2]]].repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)


def grey() -> np.ndarray:
    return quarter(*(level for level, _, _ in GREYS))[..., 0].astype(np.uint8)


def exif(orientation: int) -> PIL.Image.Exif:
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    return tags


def _palette(colours: Colours) -> bytes:
    return png_chunk(b"PLTE", bytes(sum(colours, ())))


def _samples(depth: int, kind: int) -> tuple[np.ndarray, Colours]:
    """The samples of a PNG, and the colours they stand for. Its first quadrant is transparent where there is alpha."""
    scale = 257 if depth == 16 else 1
    values: Colours = COLOURS if kind in (2, 6) else GREYS
    if kind == 0 and depth < 8:
        levels = {1: (1, 0, 0, 0), 2: (3, 2, 1, 0), 4: (14, 9, 4, 1)}[depth]
        return quarter(*levels), tuple((level * 255 // (2**depth - 1),) * 3 for level in levels)
    if kind == 3:
        places = (0, 1, 1, 1) if depth == 1 else (0, 1, 2, 3)
        return quarter(*places), tuple(COLOURS[place] for place in places)
    samples = quarter(*values)[..., : 1 if kind in (0, 4) else 3]
    if kind in (0, 2):
        return samples * scale, values
    return np.dstack([samples, quarter(0, 255, 255, 255)]) * scale, (WHITE, *values[1:])


def _pngs() -> Iterator[Good]:
    kinds = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    for kind, depths in kinds.items():
        for depth, interlaced in product(depths, (False, True)):
            samples, colours = _samples(depth, kind)
            extra = [_palette(COLOURS[: 2**depth])] if kind == 3 else []
            yield Good(
                f"png type {kind} depth {depth}{' interlaced' * interlaced}",
                png_of(samples, depth, kind, *extra, interlaced=interlaced),
                colours,
            )
    for filtering in range(1, 5):
        yield Good(f"png filter {filtering}", png_of(quarter(*COLOURS), 8, 2, filtering=filtering), COLOURS)


def _transparent_pngs() -> Iterator[Good]:
    """One sample is declared transparent: that of the first quadrant."""
    for depth in (1, 2, 4, 8, 16):
        samples, colours = _samples(depth, 0)
        chunk = png_chunk(b"tRNS", int(samples[0, 0, 0]).to_bytes(2))
        yield Good(f"png transparent grey of {depth}", png_of(samples, depth, 0, chunk), (WHITE, *colours[1:]))
    for depth in (8, 16):
        samples, colours = _samples(depth, 2)
        chunk = png_chunk(b"tRNS", b"".join(int(value).to_bytes(2) for value in samples[0, 0]))
        yield Good(f"png transparent colour of {depth}", png_of(samples, depth, 2, chunk), (WHITE, *colours[1:]))
    for depth in (1, 2, 4, 8):
        samples, colours = _samples(depth, 3)
        data = png_of(samples, depth, 3, _palette(COLOURS[: 2**depth]), png_chunk(b"tRNS", b"\0"))
        yield Good(f"png transparent palette of {depth}", data, (WHITE, *colours[1:]))


def _saved() -> Iterator[Good]:
    """What Pillow writes by itself."""
    colour, level = PIL.Image.fromarray(quadrants()), PIL.Image.fromarray(grey())
    clear = PIL.Image.fromarray(quarter(*((*c, 0 if c == RED else 255) for c in COLOURS)).astype(np.uint8))
    one_bit = PIL.Image.fromarray((quarter(1, 0, 0, 0)[..., 0] * 255).astype(np.uint8)).convert("1")
    later = [PIL.Image.new("RGB", (WIDTH, HEIGHT), "white")] * 3
    frames = {"save_all": True, "append_images": later}
    pictures = {"RGB": (colour, COLOURS), "L": (level, GREYS), "RGBA": (clear, (WHITE, *COLOURS[1:]))}
    pictures |= {"1": (one_bit, ONE_BIT), "P": (colour.quantize(8), COLOURS)}
    for mode in ("CMYK", "YCbCr", "LAB"):
        pictures[mode] = (colour.convert(mode), COLOURS)
    pictures["I;16"] = (PIL.Image.fromarray(grey().astype(np.uint16) * 257), GREYS)
    pictures["I"] = (PIL.Image.fromarray(grey().astype(np.int32)), GREYS)
    pictures["F"] = (PIL.Image.fromarray(grey().astype(np.float32) / 255), GREYS)
    for form, modes, options, tolerance in _SAVES:
        for mode in modes.split():
            picture, colours = pictures[mode]
            told = " ".join((form, mode, *(f"{key}={value!s:.14}" for key, value in options.items())))
            loss = max(tolerance, 12 if mode in ("YCbCr", "LAB") else 0)
            yield Good(told, encoded(picture, form, **options), colours, loss)
    for form in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        yield Good(f"{form} animated", encoded(colour, form, **frames), COLOURS, 12)
    yield Good("GIF transparent", encoded(clear, "GIF"), (WHITE, *COLOURS[1:]))


_SAVES: list[tuple[str, str, dict[str, object], int]] = [
    ("PNG", "RGB L RGBA 1 P I;16", {"optimize": True}, 0),
    ("JPEG", "RGB L CMYK YCbCr", {}, 12),
    ("JPEG", "RGB L CMYK", {"progressive": True}, 12),
    ("JPEG", "RGB", {"subsampling": 0}, 12),
    ("JPEG", "RGB", {"subsampling": 1}, 12),
    ("JPEG", "RGB", {"keep_rgb": True}, 12),
    ("JPEG", "RGB", {"restart_marker_rows": 1}, 12),
    ("JPEG", "RGB", {"optimize": True, "quality": 100, "comment": b"c" * 60_000}, 12),
    ("GIF", "RGB L 1 P", {}, 0),
    ("GIF", "RGB L", {"interlace": True}, 0),
    ("GIF", "P", {"interlace": False, "comment": b"c" * 60_000}, 0),
    ("WEBP", "RGB L RGBA", {}, 12),
    ("WEBP", "RGB L RGBA", {"lossless": True}, 0),
    ("WEBP", "RGB", {"quality": 30, "method": 6}, 24),
    ("WEBP", "RGB", {"icc_profile": b"no profile at all"}, 12),
    ("BMP", "RGB L 1 P", {}, 0),
    ("AVIF", "RGB L RGBA", {}, 12),
    ("AVIF", "RGB", {"quality": 100, "subsampling": "4:4:4"}, 4),
    ("AVIF", "RGB", {"quality": 30}, 24),
    ("TIFF", "RGB L RGBA 1 P CMYK YCbCr LAB I;16 I F", {}, 0),
    ("TIFF", "RGB L RGBA P CMYK I;16", {"compression": "tiff_lzw"}, 0),
    ("TIFF", "RGB L F I;16", {"compression": "tiff_adobe_deflate"}, 0),
    ("TIFF", "RGB", {"compression": "tiff_deflate"}, 0),
    ("TIFF", "RGB L 1", {"compression": "packbits"}, 0),
    ("TIFF", "RGB L", {"compression": "jpeg"}, 12),
    ("TIFF", "1", {"compression": "group3"}, 0),
    ("TIFF", "1", {"compression": "group4"}, 0),
    ("TIFF", "RGB", {"big_tiff": True}, 0),
    ("TIFF", "RGB", {"compression": "tiff_lzw", "tiffinfo": {317: 2}}, 0),
    ("TIFF", "RGB", {"icc_profile": b"no profile at all"}, 0),
]


def _turned() -> Iterator[Good]:
    for form, (orientation, places) in product(("JPEG", "PNG", "WEBP", "TIFF", "AVIF"), UPRIGHT.items()):
        size = (WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH)
        colours = tuple(COLOURS[int(place)] for place in places)
        data = encoded(quadrants(), form, exif=exif(orientation))
        yield Good(f"{form} EXIF {orientation}", data, colours, 12, size)


def _jpegs() -> Iterator[Good]:
    channels = [np.asarray(part) for part in PIL.Image.fromarray(quadrants()).convert("YCbCr").split()]
    apart = jpeg_of_scans([encoded(channel, "JPEG", quality=95) for channel in channels])
    yield Good("JPEG with a scan for each channel", apart, COLOURS, 12)
    # In a YCCK file as Adobe writes it, the inks are inverted, and then stored as if they were RGB.
    inks = np.asarray(PIL.Image.fromarray(255 - quadrants()).convert("YCbCr"))
    stored = np.dstack([255 - inks, np.zeros(inks.shape[:2], np.uint8)])
    cmyk = encoded(PIL.Image.frombytes("CMYK", (WIDTH, HEIGHT), stored.tobytes()), "JPEG", quality=95)
    transform = cmyk.index(b"Adobe") + 11
    yield Good("JPEG YCCK", cmyk[:transform] + b"\2" + cmyk[transform + 1 :], COLOURS, 12)
    plain = encoded(quadrants(), "JPEG")
    yield Good("JPEG with a trailer", plain + plain + bytes(1000), COLOURS, 12)
    yield Good("JPEG of a phone, with a preview", encoded(quadrants(), "MPO", save_all=True), COLOURS, 12)


def _bmps() -> Iterator[Good]:
    palette = bytes(sum(((b, g, r, 0) for r, g, b in COLOURS), ()))
    size, four = (WIDTH, HEIGHT), quarter(0, 1, 2, 3)
    bgr = quarter(*(c[::-1] for c in COLOURS))
    yield Good("BMP of 4 bits", bmp(size, 4, bmp_rows(four, 4), palette=palette), COLOURS)
    yield Good("BMP of 8 bits", bmp(size, 8, bmp_rows(four, 8), palette=palette), COLOURS)
    yield Good("BMP of 24 bits", bmp(size, 24, bmp_rows(bgr, 8)), COLOURS)
    yield Good("BMP from above", bmp((WIDTH, -HEIGHT), 24, bgr.astype(np.uint8).tobytes()), COLOURS)
    packed = quarter(*((r >> 3) << 10 | (g >> 3) << 5 | b >> 3 for r, g, b in COLOURS)).astype("<u2")
    yield Good("BMP of 15 bits", bmp(size, 16, packed[::-1].tobytes()), COLOURS, 8)
    packed = quarter(*((r >> 3) << 11 | (g >> 2) << 5 | b >> 3 for r, g, b in COLOURS)).astype("<u2")
    masks = b"".join(mask.to_bytes(4, "little") for mask in (0xF800, 0x07E0, 0x001F))
    yield Good("BMP of 16 bits", bmp(size, 16, packed[::-1].tobytes(), masks=masks, compression=3), COLOURS, 8)
    half = WIDTH // 2
    rows = [(3, 2)] * (HEIGHT // 2) + [(0, 1)] * (HEIGHT // 2)
    runs = b"".join(bytes([half, left, half, right, 0, 0]) for left, right in rows) + b"\0\1"
    yield Good("BMP of runs of 8 bits", bmp(size, 8, runs, palette=palette, compression=1), COLOURS)
    runs = b"".join(bytes([half, left * 17, half, right * 17, 0, 0]) for left, right in rows) + b"\0\1"
    yield Good("BMP of runs of 4 bits", bmp(size, 4, runs, palette=palette, compression=2), COLOURS)


def _tiffs() -> Iterator[Good]:
    pixels = quadrants()
    raw = {256: [WIDTH], 257: [HEIGHT], 258: [8, 8, 8], 259: [1], 262: [2], 277: [3], 273: [8], 278: [HEIGHT]}
    for big_endian in (False, True):
        data = tiff_of(raw | {279: [pixels.nbytes]}, pixels.tobytes(), big_endian=big_endian)
        yield Good(f"TIFF by hand{', big-endian' * big_endian}", data, COLOURS)
    strips = {273: [8 + 8 * row * WIDTH * 3 for row in range(4)], 278: [8], 279: [8 * WIDTH * 3] * 4}
    yield Good("TIFF of four strips", tiff_of(raw | strips, pixels.tobytes()), COLOURS)
    plane = WIDTH * HEIGHT
    planes = {284: [2], 273: [8 + plane * c for c in range(3)], 279: [plane] * 3}
    yield Good("TIFF of three planes", tiff_of(raw | planes, pixels.transpose(2, 0, 1).tobytes()), COLOURS)
    tiles = pixels.reshape(2, 16, 3, 16, 3).transpose(0, 2, 1, 3, 4).tobytes()
    tags = {tag: value for tag, value in raw.items() if tag not in (273, 278)}
    tags |= {322: [16], 323: [16], 324: [8 + 768 * n for n in range(6)], 325: [768] * 6}
    yield Good("TIFF of six tiles", tiff_of(tags, tiles), COLOURS)
    light = raw | {258: [8], 277: [1], 262: [0], 279: [plane]}
    yield Good("TIFF whose 0 is white", tiff_of(light, (255 - grey()).tobytes()), GREYS)


def _shapes() -> Iterator[Good]:
    for width, height in [(1, 1), (2, 3), (3, 1), (20_000, 1), (1, 20_000), (100, 1), (1000, 10), (7, 333)]:
        for form in ("PNG", "TIFF"):
            data = encoded(PIL.Image.new("RGB", (width, height), RED), form)
            yield Good(f"{form} of {width}x{height}", data, (RED,) * 4, 0, (width, height))
    yield Good("WEBP of 16383x2", encoded(PIL.Image.new("RGB", (16_383, 2), RED), "WEBP"), (RED,) * 4, 12, (16_383, 2))
