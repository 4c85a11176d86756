"""Stores what the reference gives for the tiny checkpoint of tests/families/qwen2_vl.

From the repository's root: python -m tests.reference.qwen2_vl.make_golden
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

from tests.fakes.qwen import PREPROCESSOR, PROMPTS, Tiny, pixels
from tests.families.qwen2_vl import tiny as here
from tests.reference.qwen2_vl.measure import copy_weights
from tests.reference.qwen2_vl.reference import Reference

GOLDEN = Path(here.__file__).with_name("golden.npz")


def make() -> dict[str, np.ndarray]:
    config = Qwen2VLConfig(**here.TINY.config_json, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    return numbers(here.TINY, Qwen2VLForConditionalGeneration(config).eval())


def numbers(tiny: Tiny, model: PreTrainedModel) -> dict[str, np.ndarray]:
    """Patches (P, side, side, C) and features of one picture, and of all prompts every eighth logit."""
    copy_weights(tiny.family, tiny.net, model)
    reference = Reference(model, Qwen2VLImageProcessorPil(**PREPROCESSOR))
    batch = reference.process([pixels("wide")])
    side, frames = PREPROCESSOR["patch_size"], PREPROCESSOR["temporal_patch_size"]
    with torch.no_grad():
        features = model.model.visual(batch.pixel_values, grid_thw=batch.image_grid_thw).pooler_output
    golden = {
        "patches": batch.pixel_values.numpy().reshape(-1, 3, frames, side, side)[:, :, 0].transpose(0, 2, 3, 1),
        "features": features.numpy(),
    }
    for name in PROMPTS:
        ids, pictures = tiny.prompt(name)
        golden[name] = reference.logits(ids, [pixels(picture) for picture in pictures])[:, ::8]
    return golden


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **make())
