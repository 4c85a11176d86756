"""The tiny checkpoint of this family."""

from mlxvision.families.qwen2_5_vl import FAMILY
from tests.fakes.qwen import Tiny

TINY = Tiny(
    FAMILY,
    {
        "hidden_act": "silu",
        "depth": 4,
        "hidden_size": 16,
        "intermediate_size": 12,
        "out_hidden_size": 24,
        "num_heads": 2,
        "in_chans": 3,
        "patch_size": 2,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 12,
        "fullatt_block_indexes": [1],
    },
)
