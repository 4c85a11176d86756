"""What a user, or whoever wants to harm one, may give for an image: hundreds of cases whose truth is known.

Everything is built here. A case is a string, as every face takes it: the path of a file, a URL, or base64.
"""

from __future__ import annotations

import base64
import os
import socket
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from mlxvision.errors import ImageFormatError, ImageNotFoundError, MLXVisionError, UsageError
from tests.fakes.pictures import encoded, quadrants
from tests.safety.corpus.bad_images import bad_images
from tests.safety.corpus.good_images import COLOURS, Good, good_images

PICTURE = encoded(quadrants(), "PNG")
BASE64 = base64.b64encode(PICTURE).decode()


@dataclass(frozen=True, slots=True)
class Case:
    """truth: what the picture looks like, or the class of the error.

    either: nobody can say whether the picture survives; if it does, it may look like anything.
    is_file: whether the source is a regular file.
    """

    name: str
    source: str
    truth: Good | type[MLXVisionError]
    either: bool = False
    is_file: bool = False


def image_cases(folder: Path) -> list[Case]:
    """All cases; their files, pipes and links are made in the folder."""
    return [*_files(folder), *_names(folder), *_places(folder), *_urls(folder), *_base64()]


def _files(folder: Path) -> Iterator[Case]:
    for number, picture in enumerate([*good_images(), *bad_images()]):
        path = folder / f"{number}.png"
        path.write_bytes(picture.data)
        if isinstance(picture, Good):
            yield Case(picture.name, str(path), picture, is_file=True)
        else:
            either = picture.error.__name__ == "ImageError"
            yield Case(picture.name, str(path), picture.error, either, is_file=True)


def _sound(name: str, source: object) -> Case:
    return Case(name, str(source), Good(name, PICTURE, COLOURS))


def _names(folder: Path) -> Iterator[Case]:
    """Files whose names are unusual, and other ways to write them."""
    longest = "l" * 251 + ".png"
    names = [
        "line\nbreak",
        "bell\a\x1b[31mred",
        "two\u2028lines",
        "turned\u202egnp",
        "smile😀\u200d🎉",
        "'quoted'",
        '"',
        "%20",
    ]
    names += ["a b", "#?&=", "-x", "--model", "data", "*", "$HOME", "`id`", "$(id)", ";id", "😀" * 62, longest[:-4]]
    for name in names:
        path = folder / f"{name}.png"
        path.write_bytes(PICTURE)
        yield replace(_sound(f"a file called {name!r}", path), is_file=True)
    alike = [
        ("Screenshot 9.41\u202fAM.png", "Screenshot 9.41 AM.png"),
        ("Screenshot 10.41 AM.png", "Screenshot 10.41\u202fAM.png"),
    ]
    composed, decomposed = (unicodedata.normalize(form, "Grün.png") for form in ("NFC", "NFD"))
    alike += [(composed, decomposed), ("2" + decomposed, "2" + composed)]
    for on_disk, given in alike:
        (folder / on_disk).write_bytes(PICTURE)
        yield _sound(f"{given!r}, on disk {on_disk!r}", folder / given)
    yield Case("the longest name, one byte longer", f"{folder}/l{longest}", ImageNotFoundError)


def _places(folder: Path) -> Iterator[Case]:
    """What is no regular file."""
    picture, text, pipe = folder / "whole.png", folder / "secret.txt", folder / "pipe.png"
    picture.write_bytes(PICTURE)
    text.write_text("the password is 1234", encoding="utf-8")
    os.mkfifo(pipe)
    (folder / "folder.png").mkdir()
    links = {
        "link": picture,
        "dangling": folder / "gone",
        "loop": folder / "loop.png",
        "to text": text,
        "to pipe": pipe,
    }
    for name, target in links.items():
        (folder / f"{name}.png").symlink_to(target)
    _bind(folder / "socket.png")
    yield _sound("a link", folder / "link.png")
    yield _sound("a path with dots", f"{folder}/folder.png/.././/whole.png")
    yield Case("a link to a text", f"{folder}/to text.png", ImageFormatError)
    missing = ("dangling", "loop", "to pipe", "pipe", "folder", "socket", "gone", "whole.png/x")
    for name in missing:
        yield Case(f"{name}.png", f"{folder}/{name}.png", ImageNotFoundError)
    if os.geteuid():
        (folder / "mine.png").write_bytes(PICTURE)
        (folder / "mine.png").chmod(0)
        yield Case("a file of someone else", f"{folder}/mine.png", ImageNotFoundError)
    for path in (
        "/dev/zero",
        "/dev/full",
        "/dev/tty",
        "/proc/self/mem",
        "/",
        "//server/share/a.png",
        r"\\server\share\a.png",
    ):
        yield Case(path, path, ImageNotFoundError)
    nowhere = {
        "a NUL": f"{folder}/a\0.png",
        "half a character": f"{folder}/\ud800.png",
        "bytes that are no UTF-8": f"{folder}/\udcff.png",
        "a very long path": f"{folder}/" + "x/" * 5000,
        "a user who is not": "~nobody-of-this-name/a.png",
        "escape sequences": f"{folder}/\x1b[2J\x1b]0;title\a.png",
        "a format string": f"{folder}/%s%n{{}}{{0.__class__}}.png",
    }
    for name, path in nowhere.items():
        yield Case(name, path, ImageNotFoundError)


def _bind(path: Path) -> None:
    """Leave a socket there; the name is given relative to its folder, for it may only be short."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _urls(folder: Path) -> Iterator[Case]:
    path = quote(f"{folder}/whole.png")
    for url in (f"file://{path}", f"file://localhost{path}", f"FILE://{path}", f"file:{path}"):
        yield _sound(url, url)
    yield Case("a file URL of nothing", f"file://{folder}/gone.png", ImageNotFoundError)
    refused = ["http", "https", "HTTP", "ftp", "sftp", "s3", "gs", "smb", "ssh", "ws", "hf", "gopher", "git+ssh"]
    for scheme in refused:
        yield Case(f"{scheme} URL", f"{scheme}://127.0.0.1:9/a.png", UsageError)
    others = [f"file://server{path}", f"file://127.0.0.1{path}", "file://[::1", "http://user:pass@[::1]:9/a.png?b#c"]
    others += [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:9\\@127.0.0.1/",
        "https://" + "a" * 100_000,
    ]
    for url in others:
        yield Case(f"{url:.60}", url, UsageError)


def _base64() -> Iterator[Case]:
    lines = base64.encodebytes(PICTURE).decode()
    sound = [f"data:image/png;base64,{BASE64}", f"DATA:image/jpeg;a=b;BASE64,{lines}", BASE64, lines]
    for number, source in enumerate([*sound, f"data:application/octet-stream;base64,{BASE64}"]):
        yield _sound(f"base64 {number}", source)
    html = base64.b64encode(b"<html>not found</html>").decode()
    huge = base64.b64encode(bytes(10**6)).decode()
    broken = {
        "no comma": "data:image/png;base64",
        "no data": "data:image/png;base64,",
        "no type": f"data:;base64,{BASE64}",
        "text": "data:text/plain;base64,aGVsbG8=",
        "no base64": "data:image/png,abc",
        "SVG": "data:image/svg+xml;base64,PHN2Zy8+",
        "HTML": f"data:image/png;base64,{html}",
        "a character missing": f"data:image/png;base64,{BASE64[:-1]}",
        "half of it": f"data:image/png;base64,{BASE64[: len(BASE64) // 8 * 4]}",
        "a foreign character": f"data:image/png;base64,*{BASE64}",
        "percents": f"data:image/png;base64,{quote(BASE64, safe='')}!",
        "URL-safe": f"data:image/png;base64,-_{BASE64}",
        "padding within": f"data:image/png;base64,{BASE64[:8]}===={BASE64[8:]}",
        "a URL in it": "data:image/png;base64,https://127.0.0.1:9/a.png",
        "a megabyte of zeros": f"data:image/png;base64,{huge}",
        "a very long header": f"data:image/png;{'a=b;' * 50_000}base64,AAAA",
        "frames, as some servers take them": f"data:video/jpeg;base64,{','.join([BASE64] * 50)}",
    }
    for name, url in broken.items():
        yield Case(f"data URL: {name}", url, ImageFormatError)
    yield Case("base64 without an image", huge, ImageNotFoundError)
    yield Case("base64 of a path", base64.b64encode(b"/etc/passwd").decode(), ImageNotFoundError)
