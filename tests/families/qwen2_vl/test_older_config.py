"""The config.json that transformers 4.44 wrote of a fine-tuned model."""

import pytest

from mlxvision.errors import ModelFormatError
from tests.fakes.qwen import PREPROCESSOR, TEXT, Tiny

RELEASED = {
    "depth": 32,
    "embed_dim": 1280,
    "mlp_ratio": 4,
    "num_heads": 16,
    "in_chans": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "spatial_patch_size": 14,
    "temporal_patch_size": 2,
}
AGAIN = {"in_chans": 3, "model_type": "qwen2_vl", "spatial_patch_size": 14}


@pytest.mark.parametrize(("width", "stated"), [(3584, {}), (1536, {"hidden_size": 1536})], ids=["7B", "2B"])
def test_what_transformers_left_out_of_the_vision_config_is_known(tiny: Tiny, width: int, stated: dict) -> None:
    text = {**TEXT, "hidden_size": width, "num_attention_heads": width // 8}
    preprocessor = {**PREPROCESSOR, "patch_size": 14, "max_pixels": 12845056}
    released, again = (
        tiny.family.read_config({**text, "vision_config": vision}, preprocessor)
        for vision in ({**RELEASED, "hidden_size": width}, {**AGAIN, **stated})
    )
    assert again == released


def test_nothing_is_made_up_for_a_config_that_transformers_did_not_write(tiny: Tiny) -> None:
    vision = {key: value for key, value in AGAIN.items() if key != "model_type"}
    with pytest.raises(ModelFormatError, match="lacks a key: vision_config"):
        tiny.family.read_config({**TEXT, "vision_config": vision}, PREPROCESSOR)
