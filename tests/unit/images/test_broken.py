"""Whatever the bytes are: a picture, or one short error of our own, and nothing else."""

import os
import re
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxvision.errors import ImageError, ImageFormatError, ImageTooLargeError
from mlxvision.images import open_image
from tests.fakes.pictures import encoded, gradient, png, png_chunk, tiff
from tests.safety.corpus.image_files import jpeg_of_scans

EXIF = PIL.Image.Exif()
EXIF[0x0112] = 6
EXIF[0x010F] = "maker"

WHOLE = {
    "PNG": encoded(gradient(), "PNG", exif=EXIF),
    "palette PNG": encoded(PIL.Image.fromarray(gradient()).convert("P"), "PNG"),
    "JPEG": encoded(gradient(), "JPEG", exif=EXIF),
    "progressive JPEG": encoded(gradient(), "JPEG", progressive=True),
    "CMYK JPEG": encoded(PIL.Image.fromarray(gradient()).convert("CMYK"), "JPEG"),
    "GIF": encoded(gradient(), "GIF"),
    "WebP": encoded(gradient(), "WEBP", exif=EXIF),
    "lossless WebP": encoded(gradient(), "WEBP", lossless=True),
    "BMP": encoded(gradient(), "BMP"),
    "TIFF": encoded(gradient(), "TIFF", exif=EXIF),
    "LZW TIFF": encoded(gradient(), "TIFF", compression="tiff_lzw"),
    "deflate TIFF": encoded(gradient(), "TIFF", compression="tiff_deflate"),
    "fax TIFF": encoded(PIL.Image.fromarray(gradient()).convert("1"), "TIFF", compression="group4"),
    "float TIFF": encoded(gradient()[..., 0].astype(np.float32), "TIFF"),
    "AVIF": encoded(gradient(), "AVIF", exif=EXIF),
}


def assert_presentable(error: ImageError) -> None:
    text = str(error)
    assert len(text) < 400
    assert text.isprintable()
    assert not re.search(r"\b0x[0-9a-f]{6,}|object at|<_io|Traceback|PIL\.", text)


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_picture_is_refused_unless_only_a_trailer_is_missing(name):
    data = WHOLE[name]
    whole = open_image(data)
    ends = sorted({*range(0, len(data), max(1, len(data) // 60)), *range(len(data) - 8, len(data))})
    refused = 0
    for end in ends:
        try:
            image = open_image(data[:end])
        except ImageFormatError as error:
            assert_presentable(error)
            refused += 1
        else:
            assert np.array_equal(image.pixels, whole.pixels), f"{name} cut at {end} of {len(data)}"
    assert refused >= len(ends) - 12


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"just some words\n", "not an image"),
        (b"\0" * 1000, "not an image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><svg/>', "an XML file, perhaps an SVG drawing"),
        (b"8BPS\0\1" + b"\0" * 50, "a Photoshop file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (encoded(gradient(), "PPM"), "not an image"),
        (encoded(gradient(), "ICO"), "not an image"),
        (encoded(gradient(), "JPEG2000"), "a JPEG 2000 picture"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, data, said):
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with pytest.raises(ImageFormatError, match=rf"the file is {said}: .*picture\.png\. Give a picture as PNG, JPEG"):
        open_image(path)


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_under_a_wrong_suffix_is_read(tmp_path, name):
    path = tmp_path / "picture.eps"
    path.write_bytes(WHOLE[name])
    assert open_image(path).sha256 == open_image(WHOLE[name]).sha256


@pytest.mark.parametrize(
    "data",
    [
        png((0, 5), 8, 2, b""),
        png((5, 0), 8, 2, b""),
        b"GIF89a" + bytes(7) + b"\x2c" + bytes(10) + b"\x3b",
        encoded(gradient(), "BMP").replace((48).to_bytes(4, "little"), bytes(4), 1),
        tiff((256, 0), (257, 5), (258, 8), (259, 1), (262, 1), (273, 8), (278, 5), (279, 0)),
    ],
)
def test_a_picture_without_pixels_is_refused(data):
    with pytest.raises(ImageFormatError):
        open_image(data)


def test_a_pil_image_without_pixels_is_refused():
    with pytest.raises(ImageFormatError, match="0x5 pixels"):
        open_image(PIL.Image.new("RGB", (0, 5)))


def test_a_pil_image_that_cannot_be_decoded_is_refused(tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(WHOLE["PNG"][:200])
    with PIL.Image.open(path) as picture, pytest.raises(ImageFormatError, match="Pillow cannot decode") as caught:
        open_image(picture)
    assert_presentable(caught.value)


def test_a_pil_image_of_premultiplied_grey_is_refused():
    with pytest.raises(ImageFormatError, match="mode La"):
        open_image(PIL.Image.new("LA", (2, 2)).convert("La"))


@pytest.mark.parametrize("name", ["LZW TIFF", "deflate TIFF"])
def test_a_damaged_tiff_writes_nothing_to_the_terminal(capfd, name):
    data = bytearray(WHOLE[name])
    data[20:60] = b"\xff" * 40
    with pytest.raises(ImageFormatError):
        open_image(bytes(data))
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still open")
    assert capfd.readouterr().err == "still open"


def test_a_tiff_with_absurd_samples_logs_nothing(caplog):
    data = tiff(
        (256, 2), (257, 2), (258, 8), (259, 1), (262, 1), (273, 8), (277, 4000), (278, 2), (279, 4), data=b"abcd"
    )
    with pytest.raises(ImageFormatError):
        open_image(data)
    assert caplog.records == []


mutations = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete"]), st.integers(0, 2**16), st.binary(min_size=1, max_size=4)),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for kind, place, value in changes:
        at = place % (len(data) + 1)
        end = at if kind == "insert" else at + len(value)
        data = data[:at] + (b"" if kind == "delete" else value) + data[end:]
    return data


@pytest.mark.parametrize("name", WHOLE)
@given(changes=mutations)
@settings(max_examples=60)
def test_a_mutated_picture_is_an_image_or_an_image_error(name, changes):
    try:
        image = open_image(mutated(WHOLE[name], changes))
    except (ImageFormatError, ImageTooLargeError) as error:
        assert_presentable(error)
    else:
        assert image.pixels.dtype == np.uint8
        assert image.pixels.shape == (image.height, image.width, 3)


ROW = b"\0" + bytes([9] * 12)
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def interlaced(grey: np.ndarray, left_out: int = 0) -> bytes:
    """left_out: so many of its last rows."""
    parts = [grey[top::down, left::across] for left, top, across, down in PASSES]
    rows = [b"\0" + row.tobytes() for part in parts if part.size for row in part]
    data = png(grey.shape[::-1], 8, 0, b"".join(rows[: len(rows) - left_out]))
    head = data[12:28] + b"\1"
    return data[:12] + head + zlib.crc32(head).to_bytes(4) + data[33:]


@pytest.mark.parametrize("n_rows", [1, 4, 5])
@pytest.mark.parametrize("last", [ROW, bytes(13)], ids=["grey", "black"])
def test_a_png_whose_rows_end_too_soon_is_refused_although_its_stream_ends_well(n_rows, last):
    data = png((4, 5), 8, 2, ROW * (n_rows - 1) + last)
    if n_rows == 5:
        assert open_image(data).height == 5
        return
    with pytest.raises(ImageFormatError, match="the PNG data is damaged or incomplete"):
        open_image(data)


@pytest.mark.parametrize(("depth", "colours", "row"), [(1, 0, 1), (2, 3, 3), (16, 0, 18), (8, 4, 18), (16, 6, 72)])
def test_rows_are_counted_in_every_depth(depth, colours, row):
    palette = png_chunk(b"PLTE", bytes(12))
    rows = [b"\0" + bytes(row)] * 3
    size = (9 if row > 1 else 8, 3)
    assert open_image(png(size, depth, colours, b"".join(rows), palette)).height == 3
    with pytest.raises(ImageFormatError):
        open_image(png(size, depth, colours, b"".join(rows[:2]), palette))
    with pytest.raises(ImageFormatError):
        open_image(png(size, depth, colours, b"".join(rows)[:-1], palette))


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 11])
def test_the_rows_of_an_interlaced_png_are_counted(side):
    picture = PIL.Image.new("L", (side, side), 200)
    whole = interlaced(np.asarray(picture))
    assert (open_image(whole).pixels == 200).all()
    with pytest.raises(ImageFormatError):
        open_image(interlaced(np.asarray(picture), left_out=1))


def cut_jpeg(data: bytes, part: float) -> bytes:
    """Without the rest of its scans, but with an end."""
    start = data.index(b"\xff\xda") + 14
    return data[: start + int((len(data) - start) * part)] + b"\xff\xd9"


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"restart_marker_blocks": 5}, {"subsampling": 0}],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_was_cut_and_then_ended_is_refused(mode, options):
    noise = np.random.default_rng(1).integers(0, 256, (61, 95, 3), np.uint8)
    data = encoded(PIL.Image.fromarray(noise).convert(mode), "JPEG", **options)
    assert open_image(data).width == 95
    for percent in range(0, 50 if "progressive" in options else 80, 3):  # its last scan only makes it finer
        with pytest.raises(ImageFormatError, match="the JPEG data is damaged or incomplete"):
            open_image(cut_jpeg(data, percent / 100))


def test_a_jpeg_that_was_cut_within_a_marker_and_then_ended_is_refused():
    noise = encoded(np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8), "JPEG", quality=95)
    at = noise.index(b"\xff\0", 3000) + 1
    with pytest.raises(ImageFormatError):
        open_image(noise[:at] + b"\xff\xd9")


def test_a_jpeg_of_several_scans_is_refused_without_the_last_one():
    data = jpeg_of_scans([encoded(gradient()[..., channel], "JPEG") for channel in range(3)])
    assert open_image(data).width == 48
    with pytest.raises(ImageFormatError):
        open_image(data[: data.rindex(b"\xff\xda")] + b"\xff\xd9")


@pytest.mark.parametrize("side", [1, 8, 9, 16, 17, 100])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 1}, {"progressive": True}], ids=str)
def test_a_whole_jpeg_that_ends_in_the_grey_of_a_cut_one_is_read(side, mode, options):
    data = encoded(
        PIL.Image.new(mode, (side, side), (128,) * len(PIL.Image.new(mode, (1, 1)).getbands())), "JPEG", **options
    )
    assert open_image(data).width == side
    assert open_image(data + b"what cameras write after the end \xff\xd9").width == side
