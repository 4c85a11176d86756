"""What may stand for a picture, and what is refused."""

import base64
import errno
import os
import random
import re
import sys
import unicodedata
from io import BytesIO

import pytest
from PIL import Image as PILImage

from mlxvision.errors import ImageError, ImageFormatError, ImageNotFoundError, MLXVisionError, UsageError
from mlxvision_mcp import access as access_module
from mlxvision_mcp.access import Access, default_folders
from mlxvision_mcp.pictures import open_picture, to_box
from mlxvision_mcp.tools import Ocr

COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0)}


def save(path, colour="red"):
    path.parent.mkdir(exist_ok=True)
    PILImage.new("RGB", (8, 6), colour).save(path, "PNG")
    return str(path)


@pytest.fixture
def allowed(tmp_path):
    folder = tmp_path / "My Pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def access(allowed):
    return Access([str(allowed)])


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda path: f" {path}\n",
        lambda path: f"'{path}'",
        lambda path: f'"{path}"',
        lambda path: f"`{path}`",
        lambda path: f"“`{path}`”",
        lambda path: path.replace(" ", "\\ "),
        lambda path: path.replace(" ", "%20"),
        lambda path: "file://" + path.replace(" ", "%20"),
        lambda path: "file://localhost" + path.replace(" ", "%20"),
        lambda path: f"FILE:{path}",
        lambda path: "~/" + path.split("/", 2)[2],
        lambda path: "file://~/" + path.split("/", 2)[2],
    ],
)
def test_a_path_may_be_written_as_people_paste_it(access, allowed, spell, monkeypatch):
    path = save(allowed / "100% of it.png")
    monkeypatch.setenv("HOME", "/" + path.split("/", 2)[1])
    assert open_picture(spell(path), access).width == 8


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Screenshot at 9.41.00\u202fAM.png", "Screenshot at 9.41.00 AM.png"),
        (unicodedata.normalize("NFD", "Café.png"), "Café.png"),
        ("Café.png", unicodedata.normalize("NFD", "Café.png")),
    ],
)
def test_a_name_may_look_the_same(access, allowed, name, asked):
    save(allowed / name)
    assert open_picture(f"{allowed}/{asked}", access).width == 8


def test_the_literal_reading_comes_first(access, allowed):
    save(allowed / "a%20b.png", "lime")
    save(allowed / "a b.png", "red")
    assert tuple(open_picture(f"{allowed}/a%20b.png", access).pixels[0, 0]) == COLOURS["lime"]


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", ""])
def test_bytes_may_come_as_base64(access, prefix):
    file = BytesIO()
    PILImage.effect_noise((20, 20), 50).save(file, "PNG")
    assert open_picture(prefix + base64.encodebytes(file.getvalue()).decode(), access).width == 20


@pytest.mark.parametrize("n_comment", range(3))
def test_base64_may_lack_its_padding_and_be_of_the_other_alphabet(access, n_comment):
    file = BytesIO()
    noise = PILImage.frombytes("L", (60, 60), random.Random(0).randbytes(3600))
    noise.save(file, "GIF", comment=b"x" * (n_comment + 1))
    text = base64.urlsafe_b64encode(file.getvalue()).decode().rstrip("=")
    assert "-" in text and "_" in text
    assert open_picture(text, access).width == 60


def test_base64_of_a_jpeg_is_not_taken_for_a_path(access):
    file = BytesIO()
    PILImage.new("RGB", (8, 6)).save(file, "JPEG")
    text = base64.b64encode(file.getvalue()).decode()
    assert text.startswith("/9j/")
    assert open_picture(text, access).width == 8


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("https://example.com/a.png", UsageError, "nothing is fetched from a network"),
        ("HTTP://example.com/a.png", UsageError, "nothing is fetched from a network"),
        ("file://server/share/a.png", UsageError, "another machine"),
        ("a.png", UsageError, f"working directory is {os.getcwd()}"),
        ("", UsageError, "absolute path"),
        ("clipboard", UsageError, "macOS only"),
        ("/mnt/user-data/uploads/a.png", ImageNotFoundError, "sandbox"),
        ("data:text/plain;base64,AAAA", ImageFormatError, "not a data URL of an image"),
        ("data:image/png;base64,AAAA", ImageFormatError, "not an image"),
        ("iVBORw0KGgo" + "A" * 100 + "!", ImageFormatError, "not valid base64"),
        ("/" + "a" * 5000, MLXVisionError, "aaa"),
        ("/a\0b.png", UsageError, "absolute path"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_short_sentence(access, given, kind, said):
    with pytest.raises(kind, match=re.escape(said)) as refusal:
        open_picture(given, access)
    assert len(str(refusal.value)) < 600


def test_a_missing_file_is_answered_with_the_names_near_it(access, allowed):
    save(allowed / "receipt-may.png")
    (allowed / "receipt-mai.key").write_text("secret", encoding="utf-8")
    with pytest.raises(ImageNotFoundError, match=r"Pictures in that folder: receipt-may\.png\."):
        open_picture(f"{allowed}/receipt-mai.png", access)


@pytest.mark.parametrize("asked", ["RECEIPT.PNG", "receipt", "Receipt.jpeg", "r"])
def test_case_and_ending_do_not_hide_the_name_near_it(access, allowed, asked):
    for name in ("1.png", "2.png", "3.png", "receipt.png"):
        save(allowed / name)
    with pytest.raises(ImageNotFoundError, match=r"Pictures in that folder: receipt\.png\."):
        open_picture(f"{allowed}/{asked}", access)


def test_a_folder_is_answered_with_the_pictures_in_it(access, allowed):
    save(allowed / "a.png")
    with pytest.raises(ImageNotFoundError, match=r"Pictures in it: a\.png"):
        open_picture(str(allowed), access)


@pytest.mark.parametrize("content", [b"root:x:0:0:secret", b"%PDF-1.7 secret", b"", b"<svg>secret</svg>"])
def test_nothing_of_a_file_that_is_no_picture_is_told(access, allowed, content):
    (allowed / "a.png").write_bytes(content)
    with pytest.raises(ImageFormatError) as refusal:
        open_picture(f"{allowed}/a.png", access)
    assert "secret" not in str(refusal.value)


def test_pipes_and_devices_are_no_pictures(access, allowed):
    os.mkfifo(allowed / "pipe.png")
    with pytest.raises(ImageNotFoundError, match="special file"):
        open_picture(f"{allowed}/pipe.png", access)


def test_too_many_bytes_are_refused(access, allowed, monkeypatch):
    monkeypatch.setattr(access_module, "_MAX_BYTES", 10)
    with pytest.raises(ImageError, match="too many bytes"):
        open_picture(save(allowed / "a.png"), access)


def outside(tmp_path, allowed):
    """Ways out of the allowed folder, all of which lead to one picture or to its folder."""
    secret = tmp_path / "other" / "secret.png"
    save(secret)
    save(tmp_path / "My Pictures-evil" / "secret.png")
    (allowed / "link.png").symlink_to(secret)
    (allowed / "folder").symlink_to(secret.parent)
    return [
        str(secret),
        f"{allowed}/../other/secret.png",
        f"{allowed}-evil/secret.png",
        f"{allowed}/link.png",
        f"{allowed}/folder/secret.png",
        f"{allowed}/folder/missing.png",
        f"file://{allowed}/%2e%2e/other/secret.png",
        f"{tmp_path}/other/missing.png",
        "/etc/passwd",
        f"/proc/self/root{secret}",
    ]


def test_nothing_outside_of_the_folders_is_read(access, tmp_path, allowed):
    for path in outside(tmp_path, allowed):
        with pytest.raises(UsageError, match="folders this server may read") as refusal:
            open_picture(path, access)
        assert "secret.png" not in str(refusal.value).partition(". ")[2]


def test_a_refusal_names_the_folder_and_the_flag(access, tmp_path, allowed):
    with pytest.raises(UsageError) as refusal:
        open_picture(save(tmp_path / "other" / "a.png"), access)
    assert f"Move it into one of them ({allowed})" in str(refusal.value)
    assert f"--allow {tmp_path}/other." in str(refusal.value)
    with pytest.raises(UsageError, match=re.escape(f"--allow {tmp_path}/other.")):
        open_picture(f"{allowed}/../other/a.png", access)


def test_a_refusal_of_a_link_names_the_folder_and_the_flag_and_not_where_it_leads(access, tmp_path, allowed):
    outside(tmp_path, allowed)
    with pytest.raises(UsageError, match="a link that leads out") as refusal:
        open_picture(f"{allowed}/link.png", access)
    assert f"Copy the file into one of them ({allowed}), or start the server with --allow" in str(refusal.value)
    assert "other" not in str(refusal.value)


def test_a_link_swapped_in_between_check_and_opening_does_not_help(access, tmp_path, allowed, monkeypatch):
    path, secret = save(allowed / "a.png"), save(tmp_path / "other" / "secret.png")
    really_open = os.open

    def swapped(name, *flags, **options):
        if name == path:
            os.remove(path)
            os.symlink(secret, path)
        return really_open(name, *flags, **options)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(UsageError, match="folders this server may read"):
        open_picture(path, access)


def test_a_link_into_the_folders_is_followed(tmp_path, allowed):
    save(allowed / "a.png")
    (tmp_path / "link").symlink_to(allowed)
    assert open_picture(f"{allowed}/a.png", Access([str(tmp_path / "link")])).width == 8
    assert open_picture(f"{tmp_path}/link/a.png", Access([str(allowed)])).width == 8


def test_the_working_directory_may_be_read_by_default_but_not_if_it_is_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_folders() == [str(tmp_path)]
    monkeypatch.chdir("/")
    assert default_folders() == []
    with pytest.raises(UsageError, match="there are none"):
        open_picture("/etc/passwd", Access([]))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder that is in use stays, or more may be read")
def test_a_working_directory_that_is_gone_opens_nothing(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert default_folders() == []


def test_on_a_mac_the_user_s_folders_may_be_read_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", "/Users/me")
    monkeypatch.chdir(tmp_path)
    names = ("Pictures", "Desktop", "Documents", "Downloads")
    assert default_folders() == [*(f"/Users/me/{name}" for name in names), str(tmp_path)]


def test_a_refusal_by_macos_is_explained(access, allowed, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = save(allowed / "a.png")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageNotFoundError, match="Privacy & Security > Files and Folders"):
        open_picture(path, access)


def test_the_clipboard_of_a_mac_is_a_picture(access, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    held = [PILImage.new("RGB", (7, 5)), None]
    monkeypatch.setattr("PIL.ImageGrab.grabclipboard", lambda: held.pop(0))
    assert open_picture("`Clipboard`", access).width == 7
    with pytest.raises(ImageNotFoundError, match="no picture: the clipboard"):
        open_picture("clipboard", access)


def test_a_region_is_cut_out(access, allowed):
    picture = PILImage.new("RGB", (40, 20), "red")
    picture.paste("lime", (20, 0, 40, 10))
    picture.save(allowed / "quarters.png")
    image = open_picture(f"{allowed}/quarters.png", access)
    shown = Ocr(image="x", region=[0.5, 0, 0.5, 0.5]).request([image]).images[0]
    assert (shown.width, shown.height) == (20, 10)
    assert (shown.pixels == COLOURS["lime"]).all()


@pytest.mark.parametrize("region", [[0.0, 0.0, 1.0, 1.0], [0.999, 0.999, 0.001, 0.001], [0.3, 0.3, 1e-9, 1e-9]])
def test_a_region_has_at_least_one_pixel(access, allowed, region):
    image = open_picture(save(allowed / "a.png"), access)
    box = to_box(region, image)
    assert 0 <= box.left < box.right <= 8
    assert 0 <= box.top < box.bottom <= 6


@pytest.mark.parametrize("asked", ["", "long-0" + "x" * 200 + ".jpg"])
def test_long_names_of_pictures_make_no_long_message(access, allowed, asked):
    for number in range(5):
        save(allowed / f"long-{number}{'x' * 200}.png")
    with pytest.raises(ImageNotFoundError, match="Pictures in") as caught:
        open_picture(f"{allowed}/{asked}", access)
    assert len(str(caught.value)) < 450


def test_many_folders_make_no_long_message(tmp_path):
    access = Access([str(tmp_path / f"{number}{'x' * 100}") for number in range(20)])
    with pytest.raises(UsageError, match="outside of the folders") as caught:
        open_picture("/etc/passwd", access)
    assert len(str(caught.value)) < 500
