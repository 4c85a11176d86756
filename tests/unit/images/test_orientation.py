"""EXIF orientation: every picture is shown the way it was taken."""

import numpy as np
import PIL.Image
import pytest
from PIL import ImageOps

from mlxvision.images import open_image
from tests.fakes.pictures import corners, encoded, gradient, quadrants

# Clockwise from the upper left, for a picture stored as red, green, yellow, blue.
UPRIGHT = {
    1: ["red", "green", "yellow", "blue"],
    2: ["green", "red", "blue", "yellow"],
    3: ["yellow", "blue", "red", "green"],
    4: ["blue", "yellow", "green", "red"],
    5: ["red", "blue", "yellow", "green"],
    6: ["blue", "red", "green", "yellow"],
    7: ["yellow", "green", "red", "blue"],
    8: ["green", "yellow", "blue", "red"],
}


def exif(orientation):
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once_and_recorded(format_name, orientation):
    image = open_image(encoded(quadrants(), format_name, exif=exif(orientation)))
    assert corners(image.pixels) == UPRIGHT[orientation]
    assert (image.width, image.height) == ((48, 32) if orientation < 5 else (32, 48))
    assert image.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_pixel_goes_where_pillow_would_turn_it(orientation):
    data = encoded(gradient(), "PNG", exif=exif(orientation))
    picture = PIL.Image.fromarray(gradient())
    picture.getexif()[0x0112] = orientation
    assert np.array_equal(open_image(data).pixels, np.asarray(ImageOps.exif_transpose(picture)))
    assert np.array_equal(open_image(picture).pixels, open_image(data).pixels)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_without_meaning_leaves_the_picture_as_it_is(value):
    image = open_image(encoded(quadrants(), "JPEG", exif=exif(value)))
    assert corners(image.pixels) == UPRIGHT[1]
    assert image.orientation == 1


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("damage", [b"Exif\0\0", b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"])
def test_a_whole_picture_with_damaged_exif_is_read(format_name, damage):
    image = open_image(encoded(quadrants(), format_name, exif=damage))
    assert corners(image.pixels) == UPRIGHT[1]
