"""Where an answer says that things are: corners in units of the answer's own become pixels of the upright picture."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from mlxvision.types import Box, Receipt

_OBJECT = re.compile(r"\{[^{}]*\}")
_FAR = 1e6
_LABELS = ("label", "text_content", "text")


def json_boxes(text: str, whole: tuple[float, float], receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes of all JSON objects with a `bbox_2d`, but for those that are no box, or outside of the picture.

    An answer that was cut short has whole objects up to there. whole: as for `on_picture`.
    """
    found = (_read(match[0], whole, receipt) for match in _OBJECT.finditer(text))
    return tuple(item for item in found if item)


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


def _read(source: str, whole: tuple[float, float], receipt: Receipt) -> tuple[str, Box] | None:
    try:
        item = json.loads(source)
    except (ValueError, RecursionError):
        return None
    corners = item.get("bbox_2d")
    if not isinstance(corners, list) or len(corners) != 4:
        return None
    if not all(type(corner) in (int, float) and abs(corner) < _FAR for corner in corners):
        return None
    box = on_picture(corners, whole, receipt)
    label = next((str(item[name]) for name in _LABELS if name in item), "")
    return (label, box) if box else None
