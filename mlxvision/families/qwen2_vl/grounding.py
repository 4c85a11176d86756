"""Where the model says that things are: a label and two corners, in thousandths of the picture's width and height.

Source: the grounding format in the README of Qwen2-VL. The tokens around label and corners are not part of the text.
"""

from __future__ import annotations

import re

from mlxvision.nn.grounding import on_picture
from mlxvision.types import Box, Receipt

_PLACE = re.compile(r"([^()\n]*)\((\d{1,4}),\s?(\d{1,4})\),\s?\((\d{1,4}),\s?(\d{1,4})\)")
_WHOLE = 1000


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture; what lies outside of it is left out."""
    found = []
    for label, *numbers in _PLACE.findall(text):
        corners = [int(number) for number in numbers]
        box = on_picture(corners, (_WHOLE, _WHOLE), receipt)
        if box and max(corners) <= _WHOLE:
            found.append((label.strip(" ,;:"), box))
    return tuple(found)
