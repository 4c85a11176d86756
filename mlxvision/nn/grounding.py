"""Where an answer says that things are: corners in units of the answer's own become pixels of the upright picture."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence

from mlxvision.types import Box, Receipt

_FLAT = r'(?:[^{}"]|"(?:[^"\\]|\\.)*+")'
_OBJECT = re.compile(rf"\{{(?:{_FLAT}|\{{{_FLAT}*+\}})*+\}}", re.DOTALL)
"""An object of JSON, with no object in an object in it: takes a time in proportion to the text."""
_FAR = 1e6
_LABELS = ("label", "text_content", "text")


def json_boxes(text: str, whole: tuple[float, float], receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes of all JSON objects with a `bbox_2d`, but for those that are no box, or outside of the picture.

    An answer that was cut short has whole objects up to there. whole: as for `on_picture`.
    """
    return tuple(_places(text, whole, receipt))


def on_picture(corners: Sequence[float], whole: tuple[float, float], receipt: Receipt) -> Box | None:
    """The smallest box of whole pixels around left, top, right and bottom; None if the picture has nothing of it.

    whole: the picture's width and height in the units of the corners.
    """
    (left, top, right, bottom), (width, height) = corners, whole
    if left >= right or top >= bottom:
        return None
    box = Box(
        max(0, math.floor(left * receipt.width / width)),
        max(0, math.floor(top * receipt.height / height)),
        min(receipt.width, math.ceil(right * receipt.width / width)),
        min(receipt.height, math.ceil(bottom * receipt.height / height)),
    )
    return box if box.left < box.right and box.top < box.bottom else None


def _places(text: str, whole: tuple[float, float], receipt: Receipt) -> Iterator[tuple[str, Box]]:
    for match in _OBJECT.finditer(text):
        try:
            item = json.loads(match[0])
        except (ValueError, RecursionError):
            item = {}
        if "bbox_2d" not in item:
            yield from _places(match[0][1:], whole, receipt)  # it may hold others
        elif box := _box(item["bbox_2d"], whole, receipt):
            yield next((str(item[name]) for name in _LABELS if name in item), ""), box


def _box(corners: object, whole: tuple[float, float], receipt: Receipt) -> Box | None:
    if not isinstance(corners, list) or len(corners) != 4:
        return None
    if not all(type(corner) in (int, float) and abs(corner) < _FAR for corner in corners):
        return None
    return on_picture(corners, whole, receipt)
