"""The three layouts that checkpoints come in name the same parameters."""

import pytest
from mlx.utils import tree_flatten

from mlxvision.families.mllama.checkpoint import rename
from tests.families.mllama.tiny import net

PATHS = sorted(path for path, _ in tree_flatten(net().parameters()))


def transformers_5(path: str) -> str:
    if path.startswith("language_model.lm_head."):
        return path.removeprefix("language_model.")
    return "model." + path.replace("language_model.model.", "language_model.")


def mlx_community(path: str) -> str:
    return path.replace("vision_model.", "vision_tower.", 1)


@pytest.mark.parametrize("layout", [str, transformers_5, mlx_community])
def test_every_layout_names_every_parameter(layout: type[str]) -> None:
    assert [rename(layout(path)) for path in PATHS] == PATHS


def test_scales_and_biases_of_quantized_modules_are_named_alike() -> None:
    for name in ("scales", "biases"):
        assert rename(f"vision_tower.transformer.layers.0.mlp.fc1.{name}") == (
            f"vision_model.transformer.layers.0.mlp.fc1.{name}"
        )


def test_buffers_of_older_writers_are_left_out() -> None:
    assert rename("language_model.model.rotary_emb.inv_freq") is None
    assert rename("model.language_model.rotary_emb.inv_freq") is None


def test_an_unknown_key_stays_unknown() -> None:
    assert rename("audio_tower.weight") == "audio_tower.weight"
