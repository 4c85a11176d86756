"""Where a picture may come from, and what is said where there is none."""

import base64
import io
import os
import socket
import unicodedata
from pathlib import Path

import PIL.Image
import pytest

from mlxvision.errors import ImageError, ImageFormatError, ImageNotFoundError, UsageError
from mlxvision.images import open_image, save_png
from tests.fakes.pictures import encoded, gradient

DATA = encoded(gradient(), "PNG")
DIGEST = open_image(DATA).sha256


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with one picture in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "receipt.png").write_bytes(DATA)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (DATA, "bytes"),
        (bytearray(DATA), "bytes"),
        (memoryview(DATA), "bytes"),
        (memoryview(DATA[::-1])[::-1], "bytes"),
        (PIL.Image.fromarray(gradient()), "PIL image"),
        (f"data:image/png;base64,{base64.b64encode(DATA).decode()}", "data URL"),
        (f"DATA:image/png;name=a.png;BASE64,{base64.encodebytes(DATA).decode()}", "data URL"),
        (f"data:application/octet-stream;base64,{base64.b64encode(DATA).decode()}", "data URL"),
        (base64.b64encode(DATA).decode(), "base64"),
        (base64.encodebytes(DATA).decode(), "base64"),
    ],
)
def test_every_kind_of_source_gives_the_same_picture(source, name):
    image = open_image(source)
    assert (image.sha256, image.source) == (DIGEST, name)


@pytest.mark.parametrize("source", ["receipt.png", "./receipt.png", Path("receipt.png"), "../{}/receipt.png"])
def test_a_path_is_relative_to_the_working_directory(folder, source):
    source = source.format(folder.name) if isinstance(source, str) else source
    image = open_image(source)
    assert (image.sha256, image.source) == (DIGEST, str(source))


def test_in_a_folder_that_is_gone_a_path_is_nowhere(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ImageNotFoundError, match=r"it is relative to a folder that is gone\)\.$"):
        open_image("receipt.png")


def test_a_tilde_is_the_home_directory(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert open_image("~/receipt.png").source == "~/receipt.png"
    assert open_image(Path("~/receipt.png")).sha256 == DIGEST
    assert open_image("'~/receipt.png'").sha256 == DIGEST


@pytest.mark.parametrize("prefix", ["file://", "file://localhost", "FILE:", "file:"])
def test_a_file_url_is_decoded(folder, prefix):
    (folder / "a b#ü%.png").write_bytes(DATA)
    assert open_image(f"{prefix}{folder}/a%20b%23%C3%BC%25.png").sha256 == DIGEST


def test_a_file_url_of_another_machine_is_refused(folder):
    with pytest.raises(UsageError, match="another machine"):
        open_image(f"file://server{folder}/receipt.png")


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DATA), encoding="utf-8"))
    image = open_image("-")
    assert (image.sha256, image.source) == (DIGEST, "stdin")


def test_empty_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    with pytest.raises(ImageFormatError, match="the file is empty: stdin"):
        open_image("-")


def test_a_process_without_standard_input_is_told_so(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ImageNotFoundError, match="there is no standard input"):
        open_image("-")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a regular file that cannot be read")
def test_a_file_that_cannot_be_read_is_refused_without_its_address(monkeypatch):
    with pytest.raises(ImageNotFoundError, match=r"cannot be read \(Input/output error\): /proc/self/mem\. Copy"):
        open_image("/proc/self/mem")
    with open("/proc/self/mem", encoding="latin-1") as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(ImageNotFoundError, match=r"cannot be read \(Input/output error\): stdin"):
            open_image("-")


@pytest.mark.parametrize("url", ["http://a.example/b.png", "HTTPS://a.example/b.png", "ftp://a/b.png", "s3://a/b.png"])
def test_nothing_is_fetched(url):
    with pytest.raises(UsageError, match=r"nothing is fetched .* Download the picture"):
        open_image(url)


@pytest.mark.parametrize(
    "url",
    [
        "data:,hello",
        "data:text/plain;base64,aGVsbG8=",
        "data:image/png,abc",
        "data:image/png;base64",
        f"data:image/png;base64,{base64.b64encode(DATA).decode()[:-1]}",
        f"data:image/png;base64,*{base64.b64encode(DATA).decode()}",
        "data:image/png;base64,",
        "data:image/svg+xml;base64,PHN2Zy8+",
    ],
)
def test_a_data_url_without_an_image_is_refused(url):
    with pytest.raises(ImageFormatError):
        open_image(url)


def test_base64_of_something_else_is_taken_for_a_path():
    with pytest.raises(ImageNotFoundError, match="no such file"):
        open_image(base64.b64encode(b"just some words, not a picture").decode())


def test_a_file_whose_name_is_base64_of_a_picture_is_read_as_a_file(folder):
    name = base64.b64encode(b"GIF89a").decode()
    (folder / name).write_bytes(DATA)
    assert open_image(name).source == name


def test_huge_base64_is_not_repeated_in_the_error():
    with pytest.raises(ImageError) as caught:
        open_image(base64.b64encode(b"x" * 10**6).decode())
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("source", [None, 3, 2.5, ["receipt.png"], object()])
def test_another_type_is_refused(source):
    with pytest.raises(UsageError, match="cannot be opened from this type"):
        open_image(source)


@pytest.mark.parametrize("given", ["'my receipt.png'", '"my receipt.png"', r"my\ receipt.png", " 'my receipt.png' "])
def test_a_name_pasted_with_quotes_or_escapes_is_understood(folder, given):
    (folder / "my receipt.png").write_bytes(DATA)
    image = open_image(given)
    assert (image.sha256, image.source) == (DIGEST, given)


def test_a_name_that_really_has_quotes_wins(folder):
    (folder / "'receipt.png'").write_bytes(encoded(gradient()[::-1], "PNG"))
    assert open_image("'receipt.png'").sha256 != DIGEST


@pytest.mark.parametrize(
    ("on_disk", "given"),
    [
        (unicodedata.normalize("NFD", "Grün.png"), unicodedata.normalize("NFC", "Grün.png")),
        (unicodedata.normalize("NFC", "Grün.png"), unicodedata.normalize("NFD", "Grün.png")),
        ("Screenshot 9.41.07\u202fAM.png", "Screenshot 9.41.07 AM.png"),
        ("Screenshot 9.41.07 AM.png", "Screenshot 9.41.07\u202fAM.png"),
    ],
)
def test_a_name_that_looks_the_same_is_found(folder, on_disk, given):
    (folder / on_disk).write_bytes(DATA)
    assert open_image(given).sha256 == DIGEST
    assert open_image(folder / given).sha256 == DIGEST


def test_two_names_that_look_the_same_are_not_guessed_between(folder):
    for name in ("a\u202fb c.png", "a b\u202fc.png"):
        (folder / name).write_bytes(DATA)
    with pytest.raises(ImageNotFoundError, match="Similar names there"):
        open_image("a b c.png")


def test_a_missing_file_brings_up_similar_names_and_the_working_directory(folder):
    with pytest.raises(ImageNotFoundError) as caught:
        open_image("reciept.png")
    assert str(caught.value).startswith(
        "no such file: reciept.png. Similar names there: receipt.png (it is relative to "
    )
    assert folder.name in str(caught.value)
    with pytest.raises(ImageNotFoundError, match=r"Similar names there: receipt\.png\.$"):
        open_image(folder / "reciept.png")


def test_long_names_near_a_missing_file_are_shortened(folder):
    for end in "abc":
        (folder / f"{'l' * 250}{end}.png").write_bytes(DATA)
    with pytest.raises(ImageNotFoundError, match=r"Similar names there: l+") as caught:
        open_image(folder / f"{'l' * 250}.png")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("given", ["", "no/such/folder/x.png", "receipt.png/x.png", "a\0b", "x" * 5000, "\ud800.png"])
def test_a_path_that_cannot_be_is_not_found(folder, given):
    with pytest.raises(ImageNotFoundError, match="no such file"):
        open_image(given)


def test_control_characters_of_a_name_are_not_repeated(folder):
    (folder / "x\x1b[31m.png").write_bytes(b"")
    with pytest.raises(ImageFormatError) as caught:
        open_image("x\x1b[31m.png")
    with pytest.raises(ImageNotFoundError) as missing:
        open_image("x[31m.png")
    assert str(caught.value).isprintable()
    assert str(missing.value).isprintable()


def test_what_is_no_regular_file_is_named(folder):
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    for path, kind in [
        ("pipe.png", "a pipe"),
        ("folder.png", "a directory"),
        ("/dev/zero", "a device"),
        (".", "a dir"),
    ]:
        with pytest.raises(ImageNotFoundError, match=f"^{kind}"):
            open_image(path)


def test_a_socket_is_no_picture(folder):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("receiver.png")
        with pytest.raises(ImageNotFoundError, match="cannot be opened"):
            open_image("receiver.png")


def test_a_symbolic_link_is_followed_and_a_dangling_one_is_not_found(folder):
    (folder / "link.png").symlink_to("receipt.png")
    (folder / "dangling.png").symlink_to("gone.png")
    (folder / "loop.png").symlink_to("loop.png")
    assert open_image("link.png").sha256 == DIGEST
    with pytest.raises(ImageNotFoundError, match="no such file"):
        open_image("dangling.png")
    with pytest.raises(ImageNotFoundError, match="cannot be opened"):
        open_image("loop.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said_to_be_so(folder):
    (folder / "receipt.png").chmod(0)
    with pytest.raises(ImageNotFoundError, match="Permission denied"):
        open_image("receipt.png")


def test_no_descriptor_stays_open(folder):
    os.mkfifo(folder / "pipe.png")
    before = os.listdir("/dev/fd")
    for source in ("receipt.png", "pipe.png", ".", "gone.png"):
        try:
            open_image(source)
        except ImageNotFoundError:
            continue
    assert len(os.listdir("/dev/fd")) == len(before)


def test_saved_pixels_come_back(tmp_path):
    save_png(gradient(), tmp_path / "shown.png")
    assert open_image(tmp_path / "shown.png").sha256 == DIGEST


def test_a_png_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        save_png(gradient(), tmp_path / "gone" / "shown.png")
