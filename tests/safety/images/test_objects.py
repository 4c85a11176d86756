"""What only a script can give for an image: arrays, buffers and pictures of Pillow."""

import array
from io import BytesIO

import numpy as np
import PIL.Image
import pytest

from mlxvision.errors import ImageFormatError, UsageError
from mlxvision.images import open_image
from tests.fakes.pictures import corners, quadrants
from tests.safety.corpus.images import PICTURE
from tests.safety.images.messages import fault_of_message

ARRAYS = {
    "colours": quadrants(),
    "planes": quadrants().transpose(2, 0, 1),
    "a batch": quadrants()[None],
    "booleans": np.zeros((4, 4), bool),
    "complex numbers": np.zeros((4, 4), complex),
    "not numbers": np.full((4, 4, 3), np.nan),
    "objects": np.array([object()]),
    "nothing": np.zeros((0, 4, 3), np.uint8),
    "a scalar": np.array(7),
    "bytes of a picture": np.frombuffer(PICTURE, np.uint8),
    "times": np.array(["2026-11-20"], "datetime64[D]"),
    "records": np.zeros(3, [("r", "u1"), ("g", "u1")]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_refused_since_nobody_knows_what_its_axes_mean(name):
    with pytest.raises(UsageError, match=r"cannot be opened from this type: ndarray\. Give a path or bytes") as caught:
        open_image(ARRAYS[name])
    assert fault_of_message(str(caught.value)) is None


@pytest.mark.parametrize(
    "buffer",
    [bytearray(PICTURE), memoryview(PICTURE), memoryview(array.array("B", PICTURE)), np.bytes_(PICTURE)],
    ids=["bytearray", "memoryview", "of an array", "NumPy"],
)
def test_any_buffer_of_a_file_s_bytes_is_read(buffer):
    assert corners(open_image(buffer).pixels) == ["red", "green", "yellow", "blue"]


def test_a_picture_of_pillow_that_was_closed_is_refused():
    picture = PIL.Image.open(BytesIO(PICTURE))
    picture.close()
    with pytest.raises(ImageFormatError, match="Pillow cannot decode the picture"):
        open_image(picture)


def test_postscript_that_pillow_opened_is_not_given_to_another_program():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    with PIL.Image.open(BytesIO(eps)) as picture, pytest.raises(ImageFormatError, match="another program"):
        open_image(picture)
