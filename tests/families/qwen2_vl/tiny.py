"""The tiny checkpoint of this family."""

from mlxvision.families.qwen2_vl import FAMILY
from tests.fakes.qwen import Tiny

TINY = Tiny(
    FAMILY,
    {
        "depth": 3,
        "embed_dim": 16,
        "hidden_size": 24,
        "mlp_ratio": 2,
        "num_heads": 2,
        "in_chans": 3,
        "patch_size": 2,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
)
