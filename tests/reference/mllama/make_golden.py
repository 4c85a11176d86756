"""Stores what the corrected reference gives for the tiny checkpoint of tests/families/mllama.

From the repository's root: python -m tests.reference.mllama.make_golden
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaImageProcessorPil

from tests.families.mllama import tiny
from tests.reference.mllama.measure import copy_weights
from tests.reference.mllama.reference import Reference

GOLDEN = Path(tiny.__file__).with_name("golden.npz")


def make() -> dict[str, np.ndarray]:
    config = copy.deepcopy(tiny.CONFIG)
    config["text_config"] |= {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    plain = MllamaForConditionalGeneration(MllamaConfig(**config)).eval()
    copy_weights(tiny.net(), plain)
    reference = Reference(plain, MllamaImageProcessorPil(**tiny.PREPROCESSOR))
    batch = reference.process([tiny.pixels("two tiles")])
    n_tiles = batch.num_tiles[0][0]
    tower = reference.model.model.vision_model
    with torch.no_grad():
        features = tower(batch.pixel_values, batch.aspect_ratio_ids, batch.aspect_ratio_mask).last_hidden_state
    golden = {
        "tiles": batch.pixel_values[0, 0, :n_tiles].numpy().transpose(0, 2, 3, 1),
        "tower": features[0, 0, :n_tiles].flatten(0, 1).numpy(),
    }
    for name in tiny.PROMPTS:
        ids, pictures = tiny.prompt(name)
        golden[name] = reference.logits(ids, [tiny.pixels(picture) for picture in pictures])
    return golden


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **make())
