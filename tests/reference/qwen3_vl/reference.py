"""Random tiny checkpoints in transformers; pictures, prompts and how to run them are those of the elder families."""

from pathlib import Path

import numpy as np
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from tests.reference.qwen2_vl.reference import RandomReference, special_tokens, text_config

KINDS = ("tied", "untied", "merged by three")
"""What the random configs are drawn from: whether the head is the table of embeddings; patches to a token's side."""


def draw(directory: Path, seed: int, kind: str) -> RandomReference:
    """Heads of the decoder are as wide as they like; the table of positions is smaller or larger than pictures."""
    rng = np.random.default_rng([seed, 2 * len(KINDS) + KINDS.index(kind)])
    text = text_config(rng)
    half = int(rng.choice([16, 24]))
    times, rows = rng.integers(1, half // 2, 2).tolist()
    text |= {"head_dim": 2 * half, "num_hidden_layers": int(rng.integers(3, 5)), "pad_token_id": None}
    text["rope_parameters"] |= {"mrope_section": [times, rows, half - times - rows], "mrope_interleaved": True}
    heads, head_dim = rng.choice([(2, 8), (3, 12), (2, 16), (3, 4)]).tolist()
    depth = int(rng.integers(4, 6))
    vision = {
        "depth": depth,
        "hidden_size": heads * head_dim,
        "intermediate_size": int(rng.choice([20, 44])),
        "out_hidden_size": text["hidden_size"],
        "num_heads": heads,
        "num_position_embeddings": int(rng.choice([4, 25, 81, 576])),
        "patch_size": int(rng.choice([2, 4, 5])),
        "spatial_merge_size": 3 if kind == "merged by three" else 2,
        "temporal_patch_size": 2,
        "deepstack_visual_indexes": sorted(rng.choice(depth, int(rng.integers(2, 4)), replace=False).tolist()),
    }
    config = Qwen3VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=kind == "tied", **special_tokens(text)
    )
    return RandomReference(directory, rng, Qwen3VLForConditionalGeneration(config))
