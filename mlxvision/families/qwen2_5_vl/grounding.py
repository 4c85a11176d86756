"""Where the model says that things are: JSON objects whose `bbox_2d` is in pixels of the resized picture.

Source: the grounding prompts in the README of Qwen2.5-VL.
"""

from __future__ import annotations

from mlxvision.nn.grounding import json_boxes
from mlxvision.types import Box, Receipt


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture."""
    return json_boxes(text, (receipt.scaled_width, receipt.scaled_height), receipt)
