"""Stores what the reference gives for the tiny checkpoint of tests/families/qwen3_vl.

From the repository's root: python -m tests.reference.qwen3_vl.make_golden
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import Qwen2VLImageProcessorPil, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from tests.fakes.qwen import PREPROCESSOR, pixels
from tests.families.qwen3_vl import tiny as here
from tests.reference.qwen2_vl.make_golden import numbers
from tests.reference.qwen2_vl.reference import Reference

GOLDEN = Path(here.__file__).with_name("golden.npz")


def make() -> dict[str, np.ndarray]:
    """As of the elder families; the features are (N, levels, D)."""
    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**here.TINY.config_json)).eval()
    golden = numbers(here.TINY, model)
    batch = Reference(model, Qwen2VLImageProcessorPil(**PREPROCESSOR)).process([pixels("wide")])
    with torch.no_grad():
        output = model.model.visual(batch.pixel_values, grid_thw=batch.image_grid_thw)
    golden["features"] = torch.stack([output.pooler_output, *output.deepstack_features], 1).numpy()
    return golden


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **make())
