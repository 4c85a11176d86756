"""The three layouts that checkpoints come in name the same parameters."""

from collections.abc import Callable

import pytest
from mlx.utils import tree_flatten

from tests.fakes.qwen import Tiny


def transformers_5(path: str) -> str:
    if path.startswith("lm_head."):
        return path
    return "model." + (path if path.startswith("visual.") else path.replace("model.", "language_model.", 1))


def mlx_community(path: str) -> str:
    return path.replace("visual.", "vision_tower.", 1) if path.startswith("visual.") else f"language_model.{path}"


@pytest.mark.parametrize("layout", [str, transformers_5, mlx_community])
def test_every_layout_names_every_parameter(tiny: Tiny, layout: Callable[[str], str]) -> None:
    paths = [path for path, _ in tree_flatten(tiny.net.parameters())]
    assert [tiny.family.rename(layout(path)) for path in paths] == paths


def test_scales_and_biases_of_quantized_modules_are_named_alike(tiny: Tiny) -> None:
    for name in ("scales", "biases"):
        path = f"vision_tower.blocks.0.attn.qkv.{name}"
        assert tiny.family.rename(path) == f"visual.blocks.0.attn.qkv.{name}"


def test_buffers_of_older_writers_are_left_out(tiny: Tiny) -> None:
    assert tiny.family.rename("model.layers.0.self_attn.rotary_emb.inv_freq") is None
    assert tiny.family.rename("visual.rotary_pos_emb.inv_freq") is None


def test_an_unknown_key_stays_unknown(tiny: Tiny) -> None:
    assert tiny.family.rename("audio_tower.weight") == "audio_tower.weight"
