"""From what an assistant writes for a picture to the picture."""

from __future__ import annotations

import math
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from mlxvision.errors import ImageNotFoundError, UsageError, shorten, working_directory
from mlxvision.types import Box, Image
from mlxvision_mcp.access import Access

_QUOTES = {'"': '"', "'": "'", "`": "`", "<": ">", "“": "”", "‘": "’"}
_SANDBOXES = ("/mnt/user-data/", "/mnt/data/")
_SHORTEST_BASE64 = 64


def open_picture(given: str, access: Access) -> Image:
    """Open a path, a file: or data: URL, base64 text, or "clipboard". Nothing is ever fetched from a network.

    Raises: UsageError, ImageError
    """
    from mlxvision.images import open_image

    text = _unquoted(given)
    if text.lower() == "clipboard":
        return _from_clipboard()
    if text[:5].lower() == "data:":
        return open_image(text)
    if _is_base64(text):
        letters = _letters(text)
        return open_image(f"data:image/*;base64,{letters}{'=' * (-len(letters) % 4)}")
    return _from_path(text, access)


def crop(image: Image, box: Box) -> Image:
    """The part of a picture inside a box."""
    import PIL.Image

    from mlxvision.images import open_image

    part = image.pixels[box.top : box.bottom, box.left : box.right]
    return replace(open_image(PIL.Image.fromarray(part)), source=image.source)


def to_box(region: list[float], image: Image) -> Box:
    """region: [x, y, width, height] from 0 to 1 -> the pixels it touches."""
    x, y, width, height = region
    return Box(
        min(int(x * image.width), image.width - 1),
        min(int(y * image.height), image.height - 1),
        min(math.ceil((x + width) * image.width), image.width),
        min(math.ceil((y + height) * image.height), image.height),
    )


def _unquoted(text: str) -> str:
    text = text.strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _is_base64(text: str) -> bool:
    """Whether this can only be the base64 of a picture: some of it begins with a slash, as paths do."""
    import binascii

    from mlxvision.images.formats import identify

    start = _letters(text[: 2 * _SHORTEST_BASE64])[:_SHORTEST_BASE64]
    try:
        return len(start) == _SHORTEST_BASE64 and identify(binascii.a2b_base64(start, strict_mode=True)) is not None
    except ValueError:
        return False


def _letters(base64: str) -> str:
    """In the one alphabet, without the padding: programs differ in both."""
    return "".join(base64.split()).rstrip("=").replace("-", "+").replace("_", "/")


def _from_path(text: str, access: Access) -> Image:
    from mlxvision.images.decoding import decode

    if re.match(r"(?!file:)[a-z][a-z0-9+.-]*:/", text, re.IGNORECASE):
        raise UsageError("nothing is fetched from a network", text, "Save the picture to a file and give its path")
    path = _absolute(text)
    refusal = None
    for spelling in _spellings(path, access):
        try:
            data = access.read(spelling)
        except UsageError as error:
            refusal = refusal or error
        else:
            if data is not None:
                return decode(data, shorten(text))
    if path.startswith(_SANDBOXES):
        raise ImageNotFoundError("a path of the assistant's own sandbox, not of this machine", text, "Give another")
    raise refusal or ImageNotFoundError("no such file", text, _near(path, access))


def _absolute(text: str) -> str:
    url = re.fullmatch(r"file:(?://(?P<machine>[^/~]*))?(?P<path>[/~].*)", text, re.IGNORECASE | re.DOTALL)
    if url and (url["machine"] or "localhost").lower() != "localhost":
        raise UsageError("a file URL of another machine", text, "Copy the picture here and give its path")
    path = os.path.expanduser(url["path"] if url else text)
    if "\0" in path or not os.path.isabs(path):
        here = shorten(working_directory() or "gone")
        raise UsageError("not an absolute path", text, f"Give the whole path; the server's working directory is {here}")
    return path


def _spellings(path: str, access: Access) -> Iterator[str]:
    """What a path from a terminal, a browser or a file manager can mean, the literal reading first."""
    unescaped = re.sub(r"\\(.)", r"\1", path)
    readings = [r for r in dict.fromkeys((path, unescaped, unquote(path), unquote(unescaped))) if "\0" not in r]
    yield from readings
    for folder, name in map(os.path.split, readings):
        same = [other for other in access.pictures(folder) if _folded(other) == _folded(name)]
        if len(same) == 1:
            yield os.path.join(folder, same[0])


def _folded(name: str) -> str:
    """Equal for names that look the same: macOS decomposes accents and puts U+202F into names of screenshots."""
    return re.sub(r"\s", " ", unicodedata.normalize("NFC", name))


def _near(path: str, access: Access) -> str:
    import difflib

    folder, name = os.path.split(path)
    names = access.pictures(folder)
    folded = {_folded(other).casefold(): other for other in names}
    asked = _folded(name).casefold()
    alike = difflib.get_close_matches(asked, folded) or [other for other in folded if other.startswith(asked)]
    near = [folded[other] for other in alike[:3]] or names[:3]
    return f"Pictures in that folder: {shorten(', '.join(near))}" if near else "Check the path"


def _from_clipboard() -> Image:
    if sys.platform != "darwin":
        raise UsageError("the clipboard can be read on macOS only", "clipboard", "Save the picture and give its path")
    import PIL.ImageGrab

    from mlxvision.images import open_image

    held = PIL.ImageGrab.grabclipboard()
    if not isinstance(held, PIL.Image.Image):
        raise ImageNotFoundError("no picture", "the clipboard", "Ask the user to copy one")
    return open_image(held)
