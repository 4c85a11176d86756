"""Every format and every way to store a pixel ends in the same upright, opaque RGB."""

import hashlib
import struct
from io import BytesIO

import numpy as np
import PIL.Image
import pytest

from mlxvision.errors import ImageFormatError
from mlxvision.images import open_image
from tests.fakes.pictures import CORNERS, HEIGHT, WIDTH, corners, encoded, gradient, png, png_chunk, quadrants

CLOCKWISE = ["red", "green", "yellow", "blue"]


def transparent(*values: int) -> bytes:
    return png_chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_a_lossless_format_gives_the_very_pixels(format_name, options):
    image = open_image(encoded(gradient(), format_name, **options))
    assert np.array_equal(image.pixels, gradient())
    assert (image.width, image.height, image.orientation, image.source) == (WIDTH, HEIGHT, 1, "bytes")


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "subsampling": 0}),
        ("WEBP", {}),
        ("AVIF", {}),
        ("GIF", {}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_a_lossy_format_gives_the_right_colours_in_the_right_places(format_name, options):
    image = open_image(encoded(quadrants(), format_name, **options))
    assert corners(image.pixels) == CLOCKWISE
    assert np.abs(image.pixels[HEIGHT // 4, WIDTH // 4].astype(int) - CORNERS["red"]).max() <= 12


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [
        ("P", "PNG"),
        ("P", "BMP"),
        ("P", "TIFF"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("YCbCr", "JPEG"),
        ("YCbCr", "TIFF"),
        ("LAB", "TIFF"),
    ],
)
def test_a_colour_space_is_turned_into_rgb(mode, format_name):
    picture = PIL.Image.fromarray(quadrants()).convert(mode)
    assert corners(open_image(encoded(picture, format_name)).pixels) == CLOCKWISE


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBa"])
def test_a_pil_image_of_any_mode_is_turned_into_rgb(mode):
    picture = PIL.Image.fromarray(quadrants())
    picture = picture.convert("RGBA").convert(mode) if mode == "RGBa" else picture.convert(mode)
    image = open_image(picture)
    assert corners(image.pixels) == CLOCKWISE
    assert image.source == "PIL image"


def test_an_inverted_cmyk_jpeg_keeps_its_colours():
    plain = encoded(PIL.Image.fromarray(quadrants()).convert("CMYK"), "JPEG", quality=100)
    assert b"Adobe" in plain
    white = encoded(PIL.Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG", quality=100)
    assert corners(open_image(plain).pixels) == CLOCKWISE
    assert open_image(white).pixels.min() > 250


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 0), (257, 1), (32768, 128), (65279, 254), (65535, 255)])
@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_and_not_clipped(value, expected, format_name):
    data = encoded(np.full((3, 5), value, np.uint16), format_name)
    assert (open_image(data).pixels == expected).all()


def test_big_endian_grey_of_16_bits_is_scaled():
    picture = PIL.Image.frombytes("I;16B", (2, 1), struct.pack(">2H", 65535, 25700))
    assert open_image(picture).pixels[0].tolist() == [[255] * 3, [100] * 3]


def test_colour_of_16_bits_looks_like_grey_of_16_bits():
    grey = open_image(png((2, 1), 16, 0, b"\0" + struct.pack(">2H", 700, 65000)))
    colour = open_image(png((2, 1), 16, 2, b"\0" + struct.pack(">6H", *[700] * 3, *[65000] * 3)))
    assert grey.sha256 == colour.sha256


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 51.4, 255]], np.float32), [0, 51, 255]),
        (np.array([[0, 257, 65535]], np.float32), [0, 1, 255]),
    ],
)
def test_grey_of_32_bits_is_scaled_to_the_white_that_holds_it(values, expected):
    assert open_image(encoded(values, "TIFF")).pixels[0, :, 0].tolist() == expected


@pytest.mark.parametrize("value", [-1, 65536, np.inf, np.nan])
def test_grey_of_32_bits_without_a_plausible_white_is_refused(value):
    values = np.array([[0, value, 1]], np.float32)
    with pytest.raises(ImageFormatError, match="32-bit values"):
        open_image(encoded(values, "TIFF"))


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF", "GIF"])
def test_one_bit_is_black_or_white(format_name):
    picture = PIL.Image.new("1", (9, 2))
    picture.putpixel((8, 1), 1)
    expected = np.zeros((2, 9, 3), np.uint8)
    expected[1, 8] = 255
    assert np.array_equal(open_image(encoded(picture, format_name)).pixels, expected)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_becomes_white_and_what_is_half_so_becomes_paler(format_name):
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 128], [10, 20, 30, 255]]], np.uint8)
    options = {"lossless": True, "exact": True} if format_name == "WEBP" else {}
    image = open_image(encoded(pixels, format_name, **options))
    assert image.pixels[0].tolist() == [[255, 255, 255], [127, 127, 127], [10, 20, 30]]


def test_grey_with_alpha_is_composited_over_white():
    image = open_image(png((2, 1), 8, 4, bytes([0, 40, 0, 40, 255])))
    assert image.pixels[0].tolist() == [[255] * 3, [40] * 3]


PALETTE = png_chunk(b"PLTE", bytes([9, 9, 9, 200, 0, 0]))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png((2, 1), 8, 3, b"\0\0\1", PALETTE, png_chunk(b"tRNS", b"\0")), [[255] * 3, [200, 0, 0]]),
        (png((2, 1), 8, 3, b"\0\0\1", PALETTE, png_chunk(b"tRNS", b"\x80\xff")), [[132] * 3, [200, 0, 0]]),
        (png((2, 1), 1, 3, b"\0\x40", PALETTE, png_chunk(b"tRNS", b"\xff\0")), [[9] * 3, [255] * 3]),
        (png((2, 1), 8, 0, b"\0\7\x08", transparent(7)), [[255] * 3, [8] * 3]),
        (png((2, 1), 1, 0, b"\0\x40", transparent(0)), [[255] * 3, [255] * 3]),
        (png((2, 1), 2, 0, b"\0\x10", transparent(1)), [[0] * 3, [255] * 3]),
        (png((2, 1), 4, 0, b"\0\x12", transparent(2)), [[17] * 3, [255] * 3]),
        (png((2, 1), 16, 0, b"\0" + struct.pack(">2H", 4660, 4661), transparent(4660)), [[255] * 3, [18] * 3]),
        (png((2, 1), 8, 2, bytes(range(7)), transparent(1, 2, 3)), [[255] * 3, [4, 5, 6]]),
    ],
    ids=["palette", "palette half", "palette 1 bit", "grey", "grey 1 bit", "grey 2", "grey 4", "grey 16", "colour"],
)
def test_a_transparent_colour_of_a_png_becomes_white(data, expected):
    assert open_image(data).pixels[0].tolist() == expected


def test_a_transparent_colour_of_a_gif_becomes_white():
    picture = PIL.Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 50, 60, 70])
    picture.putpixel((0, 0), 0)
    pixels = open_image(encoded(picture, "GIF", transparency=0)).pixels
    assert pixels[0, :2].tolist() == [[255, 255, 255], [50, 60, 70]]


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_several_is_shown(format_name):
    later = [PIL.Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("white", "black")]
    data = encoded(quadrants(), format_name, save_all=True, append_images=later)
    assert PIL.Image.open(BytesIO(data)).n_frames == 3
    assert corners(open_image(data).pixels) == CLOCKWISE


def test_the_digest_names_size_and_pixels():
    image = open_image(encoded(gradient(), "PNG"))
    assert image.sha256 == hashlib.sha256(b"48x32\n" + gradient().tobytes()).hexdigest()
    assert image.sha256 == open_image(encoded(gradient(), "BMP")).sha256
    assert image.sha256 != open_image(encoded(gradient().reshape(WIDTH, HEIGHT, 3), "PNG")).sha256


def test_the_pixels_cannot_be_changed_behind_their_digest():
    image = open_image(encoded(gradient(), "PNG"))
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 0


def test_a_picture_of_many_strips_is_whole():
    pixels = np.random.default_rng(5).integers(0, 256, (1100, 2100, 3), np.uint8)
    assert np.array_equal(open_image(encoded(pixels, "BMP")).pixels, pixels)
