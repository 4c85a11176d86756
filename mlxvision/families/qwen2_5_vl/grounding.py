"""Where the model says that things are: JSON objects whose `bbox_2d` is in pixels of the resized picture.

Source: the grounding prompts in the README of Qwen2.5-VL. An answer that was cut short has whole objects up to there.
"""

from __future__ import annotations

import json
import math
import re

from mlxvision.types import Box, Receipt

_OBJECT = re.compile(r"\{[^{}]*\}")
_FAR = 1e6
_LABELS = ("label", "text_content", "text")


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture; what is no box, or lies outside of it, is left out."""
    found = (_read(match[0], receipt) for match in _OBJECT.finditer(text))
    return tuple(box for box in found if box)


def _read(source: str, receipt: Receipt) -> tuple[str, Box] | None:
    try:
        item = json.loads(source)
    except (ValueError, RecursionError):
        return None
    corners = item.get("bbox_2d")
    if not isinstance(corners, list) or not all(type(c) in (int, float) and abs(c) < _FAR for c in corners):
        return None
    if len(corners) != 4 or corners[0] >= corners[2] or corners[1] >= corners[3]:
        return None
    label = next((str(item[name]) for name in _LABELS if name in item), "")
    box = _on_picture(corners, receipt)
    return (label, box) if box else None


def _on_picture(corners: list[float], receipt: Receipt) -> Box | None:
    """The smallest box of whole pixels around left, top, right and bottom."""
    x, y = receipt.width / receipt.scaled_width, receipt.height / receipt.scaled_height
    left, top = max(0, math.floor(corners[0] * x)), max(0, math.floor(corners[1] * y))
    right = min(receipt.width, math.ceil(corners[2] * x))
    bottom = min(receipt.height, math.ceil(corners[3] * y))
    return Box(left, top, right, bottom) if left < right and top < bottom else None
