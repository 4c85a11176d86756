"""Opening a picture leaves the rest of the process, and the rest of the machine, alone."""

import subprocess
import sys
import threading
import warnings
from io import BytesIO

import PIL.Image
import pytest

from mlxvision.images import open_image
from tests.fakes.pictures import encoded, gradient

WATCHED = """
import sys
events = []
forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.")
def watch(event, arguments):
    if event.startswith(forbidden):
        events.append(event)
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & 3 and arguments[0] != "/dev/null":
        events.append(f"writes {arguments[0]}")
sys.addaudithook(watch)
from mlxvision.errors import MLXVisionError
from mlxvision.images import open_image
for source in sys.argv[1:]:
    try:
        open_image(source)
        print("read")
    except MLXVisionError as error:
        print(type(error).__name__)
print(events)
"""

MODULES = """
import sys
from mlxvision.images import open_image
open_image(sys.argv[1])
print(*sorted(name for name in sys.modules if name.startswith("PIL.") and name.endswith("Plugin")))
print({"mlx", "transformers", "PIL.ImageCms", "urllib.request", "difflib"} & set(sys.modules))
"""


def run(script: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-B", "-W", "error", "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout.splitlines()


def test_no_socket_no_process_and_no_file_is_made(tmp_path):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "vector.png").write_bytes(eps)
    (tmp_path / "page.png").write_bytes(b"%PDF-1.7\n%%EOF\n")
    formats = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]
    for name in formats:
        (tmp_path / name).write_bytes(encoded(gradient(), name))
    paths = [str(tmp_path / name) for name in [*formats, "vector.png", "page.png", "gone.png"]]
    *outcomes, events = run(WATCHED, *paths, "http://127.0.0.1:9/a.png", "file://server/a.png")
    assert outcomes == ["read"] * 7 + ["ImageFormatError"] * 2 + ["ImageNotFoundError"] + ["UsageError"] * 2
    assert events == "[]"


@pytest.mark.parametrize(("format_name", "plugin"), [("PNG", "Png"), ("GIF", "Gif"), ("WEBP", "WebP"), ("BMP", "Bmp")])
def test_only_the_decoder_that_is_needed_is_loaded(tmp_path, format_name, plugin):
    path = tmp_path / "picture"
    path.write_bytes(encoded(gradient(), format_name))
    plugins, others = run(MODULES, str(path))
    assert plugins == f"PIL.{plugin}ImagePlugin"
    assert others == "set()"


PALETTE_WITH_ALPHA = encoded(PIL.Image.fromarray(gradient()).convert("P"), "PNG", transparency=bytes(range(256)))
CUT_EXIF = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")


@pytest.mark.parametrize("data", [PALETTE_WITH_ALPHA, CUT_EXIF], ids=["palette with alpha", "cut EXIF"])
def test_warnings_of_pillow_stay_inside_and_filters_stay_as_they_were(data):
    with pytest.warns(UserWarning), PIL.Image.open(BytesIO(data)) as picture:
        picture.getexif()
        picture.convert("RGB")
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert open_image(data).width == 48
    assert seen == []
    assert warnings.filters == before


def test_pictures_can_be_opened_from_many_threads():
    data = [encoded(gradient()[:, :width], "JPEG", quality=95) for width in range(8, 40)]
    expected = [open_image(one).sha256 for one in data]
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda at=at: found.update({at: open_image(data[at]).sha256}))
        for at in range(len(data))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[at] for at in range(len(data))] == expected
