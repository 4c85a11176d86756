"""Where the model says that things are: a label and two corners, in thousandths of the picture's width and height.

Source: the grounding format in the README of Qwen2-VL. The tokens around label and corners are not part of the text.
"""

from __future__ import annotations

import re

from mlxvision.nn.grounding import on_picture
from mlxvision.types import Box, Receipt

_CORNERS = re.compile(r"\((\d{1,4}),\s?(\d{1,4})\),\s?\((\d{1,4}),\s?(\d{1,4})\)")
_BEFORE_A_LABEL = re.compile(r"[()\n]")
_WHOLE = 1000


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture; what lies outside of it is left out."""
    found, end = [], 0
    for place in _CORNERS.finditer(text):
        label = _BEFORE_A_LABEL.split(text[end : place.start()])[-1]
        corners, end = [int(number) for number in place.groups()], place.end()
        box = on_picture(corners, (_WHOLE, _WHOLE), receipt)
        if box and max(corners) <= _WHOLE:
            found.append((label.strip(" ,;:"), box))
    return tuple(found)
