"""With folders set, nothing outside of them is read, however its name is written. Inside is green, outside is red."""

import os
import sys
import unicodedata
from contextlib import suppress

import pytest
from PIL import Image as PILImage

from mlxvision.errors import MLXVisionError
from mlxvision_mcp.access import Access
from mlxvision_mcp.pictures import open_picture

linux = pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
NFC, NFD = (unicodedata.normalize(form, "Été") for form in ("NFC", "NFD"))
GREEN, RED = (0, 255, 0), (255, 0, 0)

OUT = [
    "{out}/secret.png",
    "{in}/../Other/secret.png",
    "{in}/../../{tmp.name}/Other/secret.png",
    "{in}/sub/../../Other/secret.png",
    "{in}/./.././Other/./secret.png",
    "{in}//..//Other//secret.png",
    "/{out}/secret.png",
    "/{in}/../Other/secret.png",
    "{in}/missing/../../Other/secret.png",
    "{in}/a.png/../../Other/secret.png",
    "{in}-evil/secret.png",
    "{in} /secret.png",
    "{in}./secret.png",
    "{in}\n/secret.png",
    "{tmp}/allowed/secret.png",
    "{tmp}/ALLOWED/secret.png",
    "{tmp}/" + NFD + "/secret.png",
    "{in}/link.png",
    "{in}/relative link.png",
    "{in}/chain.png",
    "{in}/folder/secret.png",
    "{in}/folder/../secret.png",
    "{in}/sub/folder/../secret.png",
    "{in}/folder/folder/secret.png",
    "{in}/loop.png",
    "{in}/root{out}/secret.png",
    "~/Other/secret.png",
    "~/Allowed/../Other/secret.png",
    "~/Allowed/link.png",
    "~root/secret.png",
    "~nobody/../{out}/secret.png",
    "~nosuchuser/secret.png",
    "~+/secret.png",
    "file:{out}/secret.png",
    "file://{out}/secret.png",
    "FILE://localhost{out}/secret.png",
    "file://LOCALHOST{in}/../Other/secret.png",
    "file://server{in}/a.png",
    "file://localhost:80{in}/a.png",
    "file://user@localhost{in}/a.png",
    "file://127.0.0.1{in}/a.png",
    "file:////{out}/secret.png",
    "file://{in}/%2e%2e/Other/secret.png",
    "file://{in}/%2E%2E%2FOther%2Fsecret.png",
    "file://{in}%2F..%2FOther/secret.png",
    "{in}/%2e%2e/Other/secret.png",
    "{in}/%252e%252e/Other/secret.png",
    "{in}/..%2FOther%2Fsecret.png",
    "{in}/..%00/Other/secret.png",
    "{in}/\\.\\./Other/secret.png",
    "{in}/.\\./Other/secret.png",
    "{in}\\/..\\/Other\\/secret.png",
    "{in}/\\%2e\\%2e/Other/secret.png",
    "'{out}/secret.png'",
    "<file://{out}/secret.png>",
    "“`{in}/../Other/secret.png`”",
    "{in}/a.png\0/../../Other/secret.png",
    "{in}/../Other/secret.png\0.png",
    "$HOME/Other/secret.png",
    "${{HOME}}/Other/secret.png",
    "$(echo {out}/secret.png)",
    "{in}/*/secret.png",
    "{in}/{{a.png,../Other/secret.png}}",
    "{in}/․․/Other/secret.png",
    "{in}/．．/Other/secret.png",
    "{in}/..∕Other∕secret.png",
    "{in}/..／Other／secret.png",
    "\\\\localhost\\Other\\secret.png",
    "../Other/secret.png",
    "Other/secret.png",
    "http://localhost{in}/a.png",
    "https:{in}/a.png",
    "ftp://localhost{in}/a.png",
    "smb://localhost{in}/a.png",
    "{out}",
    "{out}/",
    "{out}/secret.png/",
    "/dev/stdin",
    "/dev/zero",
    "/etc/passwd",
]
OUT_ON_LINUX = [
    "/proc/self/root{out}/secret.png",
    "/proc/self/cwd/Other/secret.png",
    "/proc/self/cwd/Allowed/../Other/secret.png",
    "/proc/self/fd/{fd}",
    "/proc/thread-self/fd/{fd}",
    "/proc/{pid}/fd/{fd}",
    "/proc/self/task/{pid}/fd/{fd}",
    "/dev/fd/{fd}",
    "/dev/fd/{folder_fd}/secret.png",
    "/proc/self/fd/{inside_fd}/../Other/secret.png",
    "{in}/descriptor",
    "/proc/self/environ",
    "/proc/self/mem",
]
IN = [
    "{in}/a.png",
    "{in}/../Allowed/a.png",
    "{in}/sub/../a.png",
    "{in}//./a.png",
    "{out}/back/a.png",
    "{out}/back.png",
    "{in}/hard.png",
    "~/Allowed/a.png",
    "file://{in}/a.png",
    "file://localhost{in}/%61.png",
    "{in}/%2e/a.png",
    "{in}/\\a.png",
    "{tmp}/" + NFC + "/" + NFD + ".png",
    "{tmp}/" + NFC + "/" + NFC + ".png",
    "{in}/..a.png",
    "{in}/.../a.png",
    "{in}/~/a.png",
    "{in}/file:/a.png",
]


def draw(path, colour):
    path.parent.mkdir(exist_ok=True)
    PILImage.new("RGB", (8, 6), colour).save(path, "PNG")


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The folders {in} and {out}, with all kinds of ways between them."""
    inside, outside = tmp_path / "Allowed", tmp_path / "Other"
    for folder in ("Allowed-evil", "Allowed ", "Allowed.", "Allowed\n", "Other"):
        draw(tmp_path / folder / "secret.png", RED)
    for folder in (
        "Allowed",
        "Allowed/sub",
        "Allowed/...",
        "Allowed/~",
        "Allowed/file:",
        "Allowed/sub/x",
        "Other/deep",
    ):
        draw(tmp_path / folder / "a.png", GREEN if folder.startswith("Allowed") else RED)
    draw(inside / "..a.png", GREEN)
    draw(tmp_path / NFC / f"{NFD}.png", GREEN)
    for folder in ("allowed", "ALLOWED", NFD):  # other folders, where names are told apart by case and form
        if not (tmp_path / folder).exists():
            draw(tmp_path / folder / "secret.png", RED)
    for name, target in {
        "link.png": outside / "secret.png",
        "relative link.png": "../Other/secret.png",
        "chain.png": "link.png",
        "folder": outside / "deep",
        "sub/folder": "../folder",
        "loop.png": "loop.png",
        "root": "/",
    }.items():
        (inside / name).symlink_to(target)
    (outside / "deep" / "folder").symlink_to("..")
    (outside / "deep" / "secret.png").symlink_to("../secret.png")
    (outside / "back").symlink_to(inside)
    (outside / "back.png").symlink_to("back/a.png")
    os.link(inside / "a.png", inside / "hard.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return {"in": str(inside), "out": str(outside), "tmp": tmp_path, "pid": os.getpid()}


@pytest.fixture
def access(names):
    return Access([names["in"], str(names["tmp"] / NFC)])


def refused(path, access, names):
    with pytest.raises(MLXVisionError) as refusal:
        open_picture(path, access)
    told = str(refusal.value).partition(". ")[2]
    assert "secret.png" not in told.replace(os.path.dirname(path), "")
    assert len(str(refusal.value)) < 1500


@pytest.mark.parametrize("path", OUT, ids=ascii)
def test_no_spelling_leads_out(access, names, path):
    refused(path.format_map(names), access, names)


@linux
@pytest.mark.parametrize("path", OUT_ON_LINUX)
def test_no_descriptor_leads_out(access, names, path):
    opened = {
        "fd": os.open(f"{names['out']}/secret.png", os.O_RDONLY),
        "folder_fd": os.open(names["out"], os.O_RDONLY),
        "inside_fd": os.open(names["in"], os.O_RDONLY),
    }
    os.symlink(f"/proc/self/fd/{opened['fd']}", f"{names['in']}/descriptor")
    try:
        refused(path.format_map(names | opened), access, names)
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


@pytest.mark.parametrize("path", IN, ids=ascii)
def test_what_lies_inside_is_read_by_every_name(access, names, path):
    assert tuple(open_picture(path.format_map(names), access).pixels[0, 0]) == GREEN


def replace_by_link(path, target):
    os.rename(path, f"{path} before")
    os.symlink(target, path)


@pytest.mark.parametrize("part", ["sub/x/a.png", "sub/x", "sub"])
def test_what_is_swapped_between_check_and_opening_is_not_read(access, names, part, monkeypatch):
    draw(names["tmp"] / "Other" / "x" / "a.png", RED)
    target = {"sub/x/a.png": "secret.png", "sub/x": "deep", "sub": ""}[part]
    really_open, swaps = os.open, []

    def swapped(path, *flags, **options):
        if not swaps:
            swaps.append(path)
            replace_by_link(f"{names['in']}/{part}", f"{names['out']}/{target}")
        return really_open(path, *flags, **options)

    monkeypatch.setattr(os, "open", swapped)
    refused(f"{names['in']}/sub/x/a.png", access, names)
    assert swaps


def test_a_folder_swapped_between_check_and_listing_is_not_listed(access, names, monkeypatch):
    really_open = os.open

    def swapped(path, *flags, **options):
        replace_by_link(f"{names['in']}/sub", names["out"])
        return really_open(path, *flags, **options)

    monkeypatch.setattr(os, "open", swapped)
    assert access.pictures(f"{names['in']}/sub") == []


def test_a_folder_that_becomes_a_link_later_does_not_widen_what_may_be_read(names):
    later = f"{names['tmp']}/later"
    access = Access([later])
    os.symlink(names["out"], later)
    refused(f"{later}/secret.png", access, names)


def test_refusals_close_what_they_opened(access, names):
    def lowest_free():
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    before = lowest_free()
    for path in (*OUT, "{in}", "{in}/missing.png", "{in}/a.png"):
        with suppress(MLXVisionError):
            open_picture(path.format_map(names), access)
    assert lowest_free() == before
