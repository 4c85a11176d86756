"""The tiny checkpoint of this family: its config keeps the decoder's keys in an object of their own."""

from typing import Any

from mlxvision.families.qwen3_vl import FAMILY
from tests.fakes.qwen import TEXT, TOKENS, Tiny


class Tiny3(Tiny):
    @property
    def config_json(self) -> dict[str, Any]:
        text = {key: TEXT[key] for key in TEXT.keys() - {"use_sliding_window", "tie_word_embeddings"} - IDS.keys()}
        text |= {"num_hidden_layers": 3, "attention_bias": False, "head_dim": 12}
        text["rope_scaling"] = {"mrope_interleaved": True, "mrope_section": [2, 3, 1], "rope_type": "default"}
        return {
            "model_type": self.family.name,
            **IDS,
            "tie_word_embeddings": False,
            "text_config": text,
            "vision_config": self.vision,
        }


IDS = {"image_token_id": TOKENS["image_pad"], "vision_start_token_id": TOKENS["vision_start"]}

TINY = Tiny3(
    FAMILY,
    {
        "hidden_act": "gelu_pytorch_tanh",
        "depth": 4,
        "hidden_size": 16,
        "intermediate_size": 20,
        "out_hidden_size": 24,
        "num_heads": 2,
        "in_channels": 3,
        "num_position_embeddings": 49,
        "patch_size": 2,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "deepstack_visual_indexes": [0, 2],
    },
)
