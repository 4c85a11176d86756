"""Random tiny checkpoints in transformers; pictures, prompts and how to run them are those of the elder family."""

from pathlib import Path

import numpy as np
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from tests.reference.qwen2_vl.reference import RandomReference, special_tokens, text_config

KINDS = ("tied", "untied", "merged by three")
"""What the random configs are drawn from: whether the head is the table of embeddings; patches to a token's side."""


def draw(directory: Path, seed: int, kind: str) -> RandomReference:
    rng = np.random.default_rng([seed, len(KINDS) + KINDS.index(kind)])
    text = text_config(rng)
    heads, head_dim = rng.choice([(2, 8), (3, 12), (2, 16), (3, 4)]).tolist()
    depth, patch, merge = int(rng.integers(4, 6)), int(rng.choice([2, 4, 5])), 3 if kind == "merged by three" else 2
    vision = {
        "depth": depth,
        "hidden_size": heads * head_dim,
        "intermediate_size": int(rng.choice([20, 44])),
        "out_hidden_size": text["hidden_size"],
        "num_heads": heads,
        "patch_size": patch,
        "spatial_merge_size": merge,
        "temporal_patch_size": 2,
        "window_size": patch * merge * int(rng.integers(2, 4)),
        "fullatt_block_indexes": sorted(rng.choice(depth, 2, replace=False).tolist()),
    }
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=kind == "tied", **special_tokens(text)
    )
    return RandomReference(directory, rng, Qwen2_5_VLForConditionalGeneration(config))
