"""Where the model says that things are: a label and two corners, in thousandths of the picture's width and height.

Source: the grounding format in the README of Qwen2-VL. The tokens around label and corners are not part of the text.
"""

from __future__ import annotations

import math
import re

from mlxvision.types import Box, Receipt

_PLACE = re.compile(r"([^()\n]*)\((\d{1,4}),\s?(\d{1,4})\),\s?\((\d{1,4}),\s?(\d{1,4})\)")
_WHOLE = 1000


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture; what lies outside of it is left out."""
    found = []
    for label, *corners in _PLACE.findall(text):
        left, top, right, bottom = map(int, corners)
        if left < right <= _WHOLE and top < bottom <= _WHOLE:
            found.append((label.strip(" ,;:"), _on_picture(left, top, right, bottom, receipt)))
    return tuple(found)


def _on_picture(left: int, top: int, right: int, bottom: int, receipt: Receipt) -> Box:
    """The smallest box of whole pixels around it."""
    x, y = receipt.width / _WHOLE, receipt.height / _WHOLE
    return Box(math.floor(left * x), math.floor(top * y), math.ceil(right * x), math.ceil(bottom * y))
