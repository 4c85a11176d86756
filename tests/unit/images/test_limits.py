"""A small file cannot cost much memory or time, and the picture of a phone is not too large."""

import base64
import subprocess
import sys
import zlib

import numpy as np
import PIL.Image
import pytest

import mlxvision.images.decoding as decoding
import mlxvision.images.source as reading
from mlxvision.errors import ImageNotFoundError, ImageTooLargeError
from mlxvision.images import open_image
from tests.fakes.pictures import encoded, gradient, png, png_chunk, tiff
from tests.safety.corpus.image_files import jpeg_of_scans

COUNT_MEMORY = """
import sys
from mlxvision.errors import ImageError
from mlxvision.images import open_image

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

before = peak()
try:
    print(open_image(sys.argv[1]).width)
except ImageError as error:
    print(type(error).__name__)
print((peak() - before) // 10**6)
"""


def black(width: int, height: int, depth: int, colour_type: int, channels: int) -> bytes:
    row = bytes(1 + (width * depth * channels + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png((width, height), depth, colour_type, b"").replace(
        png_chunk(b"IDAT", zlib.compress(b"")), png_chunk(b"IDAT", data)
    )


def outcome(path) -> tuple[str, int]:
    command = [sys.executable, "-c", COUNT_MEMORY, str(path)]
    said, megabytes = subprocess.run(
        command, check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout.split()
    return said, int(megabytes)


def test_a_17_kb_png_of_144_megapixels_is_refused_at_once(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(black(12_000, 12_000, 1, 0, 1))
    assert path.stat().st_size < 18_000
    with pytest.raises(ImageTooLargeError, match=r"12000x12000 pixels are too many: .*at most 82 megapixels"):
        open_image(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_48_megapixels_without_their_data_are_refused_within_the_memory(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png((8_000, 6_000), 8, 2, bytes(1000)))
    said, megabytes = outcome(path)
    assert said == "ImageFormatError"
    assert megabytes < 300


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_48_megapixels_are_read_within_the_memory(tmp_path):
    path = tmp_path / "phone.jpg"
    PIL.Image.new("RGB", (8_000, 6_000), "navy").save(path)
    said, megabytes = outcome(path)
    assert said == "8000"
    assert megabytes < 400


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("options", [{"method": 0}, {"lossless": True, "quality": 0, "method": 0}])
def test_48_megapixels_of_webp_are_read_within_the_memory(tmp_path, options):
    path = tmp_path / "phone.webp"
    PIL.Image.new("RGB", (8_000, 6_000), "navy").save(path, **options)
    said, megabytes = outcome(path)
    assert said == "8000"
    assert megabytes < 600


def test_of_a_webp_s_file_there_are_two_copies(monkeypatch):
    data = encoded(gradient(), "WEBP", lossless=True)
    needed = 48 * 32 * 12 + 2 * len(data)
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", needed)
    assert open_image(data).width == 48
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", needed - 1)
    with pytest.raises(ImageTooLargeError, match=r"48x32 pixels are too many: bytes\. Make it smaller"):
        open_image(data)


@pytest.mark.parametrize(
    ("size", "options", "cost"),
    [((2000, 1000), {"format": "JPEG"}, 7.25), ((2000, 1000), {"format": "JPEG", "progressive": True}, 12)],
)
def test_the_limit_depends_on_what_the_decoder_needs(monkeypatch, size, options, cost):
    data = encoded(PIL.Image.new("RGB", size), options["format"], progressive=options.get("progressive", False))
    needed = int(size[0] * size[1] * cost) + len(data)
    monkeypatch.setattr(decoding, "_ALWAYS_TAKEN_PX", 0)
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", needed)
    assert open_image(data).width == size[0]
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", needed - 13)
    with pytest.raises(ImageTooLargeError):
        open_image(data)


def test_a_jpeg_whose_channels_come_one_by_one_is_as_costly_as_a_progressive_one(monkeypatch):
    data = jpeg_of_scans([encoded(gradient()[..., channel], "JPEG") for channel in range(3)])
    monkeypatch.setattr(decoding, "_ALWAYS_TAKEN_PX", 0)
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", 48 * 32 * 12 + len(data))
    assert open_image(data).width == 48
    monkeypatch.setattr(decoding, "_MEMORY_BYTES", 48 * 32 * 12 + len(data) - 1)
    with pytest.raises(ImageTooLargeError):
        open_image(data)


def test_a_jpeg_of_hundreds_of_scans_is_refused():
    data = encoded(gradient(), "JPEG", progressive=True)
    scan, end = data.rindex(b"\xff\xda"), len(data) - 2
    n_before = data.count(b"\xff\xda\0") - 1
    for n, refused in [(100 - n_before, False), (101 - n_before, True)]:
        many = data[:scan] + data[scan:end] * n + data[end:]
        if refused:
            with pytest.raises(ImageTooLargeError, match="more than 100 scans"):
                open_image(many)
        else:
            assert open_image(many).width == 48


SEGMENT = b"\xff\xe1" + (98).to_bytes(2) + b"Exif\0\0" + bytes(90)


@pytest.mark.parametrize(
    ("data", "at", "part"),
    [
        (encoded(gradient(), "PNG"), 33, png_chunk(b"abCd", b"")),
        (encoded(gradient(), "JPEG"), 2, SEGMENT),
        (encoded(gradient(), "JPEG"), 2, b"\xff\xfe\0\2"),
    ],
    ids=["PNG chunks", "JPEG EXIF", "JPEG comments"],
)
def test_a_file_of_very_many_tiny_parts_is_given_up(monkeypatch, data, at, part):
    assert open_image(data).width == 48
    monkeypatch.setattr(decoding, "_MOST_CPU_S", 0.05)
    with pytest.raises(ImageTooLargeError, match=r"decoding takes too long: bytes\. Save"):
        open_image(data[:at] + 60_000 * part + data[at:])


def test_a_tiny_tiff_in_a_huge_tile_is_refused():
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
    with pytest.raises(ImageTooLargeError, match="tiles of the TIFF"):
        open_image(tiff(*tags, data=zlib.compress(bytes(9))))


@pytest.mark.parametrize("size", [(65_535, 1), (1, 65_535)])
@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "BMP"])
def test_the_thinnest_picture_is_read(size, format_name):
    image = open_image(encoded(PIL.Image.new("RGB", size, "red"), format_name))
    assert (image.width, image.height) == size
    assert (image.pixels == [255, 0, 0]).all()


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_a_longer_side_is_refused(size):
    with pytest.raises(ImageTooLargeError, match="65535 pixels a side"):
        open_image(encoded(PIL.Image.new("L", size), "PNG"))


def test_a_huge_pil_image_is_refused_without_decoding_it(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(black(9_200, 9_200, 1, 0, 1))
    with PIL.Image.open(path) as picture, pytest.raises(ImageTooLargeError, match="9200x9200"):
        open_image(picture)


def test_pillows_own_bomb_is_told_in_our_words():
    gif = bytearray(encoded(gradient(), "GIF"))
    frame = gif.index(b"\x2c", 13 + 3 * 256 if gif[10] & 7 == 7 else 13)
    gif[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(ImageTooLargeError):
        open_image(bytes(gif))


@pytest.mark.parametrize("giving", ["bytes", "file", "data URL", "base64"])
def test_too_many_bytes_are_refused_before_decoding(monkeypatch, tmp_path, giving):
    data = encoded(gradient(), "BMP")
    path = tmp_path / "large.bmp"
    path.write_bytes(data)
    text = base64.encodebytes(data).decode()
    source = {"bytes": data, "file": path, "data URL": f"data:image/bmp;base64,{text}", "base64": text}[giving]
    assert open_image(source).width == 48
    monkeypatch.setattr(reading, "_MAX_BYTES", len(data) - 1)
    monkeypatch.setattr(reading, "_MAX_TEXT_BYTES", len(data) - 1)
    with pytest.raises(ImageTooLargeError, match="too many bytes"):
        open_image(source)


@pytest.mark.parametrize("format_name", ["GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_formats_whose_metadata_is_copied_often_have_smaller_files(monkeypatch, format_name):
    data = encoded(gradient(), format_name)
    assert open_image(data).width == 48
    monkeypatch.setattr(decoding, "_MOST_BYTES", len(data) - 1)
    with pytest.raises(ImageTooLargeError, match=r"too many bytes of \w+: bytes\. At most \d+ MB are read; save the"):
        open_image(data)


@pytest.mark.parametrize("kind", [b"tEXt", b"eXIf", b"abCd"])
def test_a_png_of_much_metadata_is_refused_before_it_is_read(kind):
    data = encoded(gradient(), "PNG")
    for n_bytes, refused in [(31_000_000, False), (33_000_000, True)]:
        long = data[:33] + png_chunk(kind, b"a\0" + bytes(n_bytes)) + data[33:]
        if refused:
            with pytest.raises(ImageTooLargeError, match="PNG with too much metadata"):
                open_image(long)
        elif kind == b"abCd":
            assert open_image(long).width == 48


def test_pixels_in_one_long_chunk_are_no_metadata(monkeypatch):
    rows = np.random.default_rng(6).integers(0, 256, (600, 1 + 3 * 600), np.uint8)
    rows[:, 0] = 0
    data = png((600, 600), 8, 2, rows.tobytes())
    monkeypatch.setattr(decoding, "_MOST_PNG_METADATA_BYTES", len(data) // 8)
    assert np.array_equal(open_image(data).pixels.reshape(600, -1), rows[:, 1:])


def test_a_long_text_that_is_neither_path_nor_base64_is_refused_at_once():
    with pytest.raises(ImageNotFoundError, match="too long for a path: a b!a b!") as caught:
        open_image("a b!" * 10_000_000)
    assert len(str(caught.value)) < 300
