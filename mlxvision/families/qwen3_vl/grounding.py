"""Where the model says that things are: JSON objects whose `bbox_2d` is in thousandths of the picture's sides.

Source: the README and `cookbooks/2d_grounding.ipynb` of Qwen3-VL.
"""

from __future__ import annotations

from mlxvision.nn.grounding import json_boxes
from mlxvision.types import Box, Receipt


def boxes(text: str, receipt: Receipt) -> tuple[tuple[str, Box], ...]:
    """Labels and boxes in pixels of the upright picture."""
    return json_boxes(text, (1000, 1000), receipt)
