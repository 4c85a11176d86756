"""The layouts that checkpoints come in name the same parameters."""

from collections.abc import Callable

import pytest
from mlx.utils import tree_flatten

from mlxvision_weights.recipes import find_recipe
from tests.fakes.qwen import Tiny


def mlx_community(path: str) -> str:
    if path.startswith("lm_head."):
        return f"language_model.{path}"
    path = path.removeprefix("model.")
    return path.replace("visual.", "vision_tower.", 1).replace("language_model.", "language_model.model.", 1)


@pytest.mark.parametrize("layout", [str, mlx_community])
def test_every_layout_names_every_parameter(tiny: Tiny, layout: Callable[[str], str]) -> None:
    paths = [path for path, _ in tree_flatten(tiny.net.parameters())]
    assert [tiny.family.rename(layout(path)) for path in paths] == paths


def test_parts_of_the_hub_s_layout_are_all_there(tiny: Tiny) -> None:
    paths = {path for path, _ in tree_flatten(tiny.net.parameters())}
    assert paths > {
        "lm_head.weight",
        "model.language_model.layers.0.self_attn.q_norm.weight",
        "model.visual.patch_embed.proj.bias",
        "model.visual.pos_embed.weight",
        "model.visual.deepstack_merger_list.1.linear_fc2.bias",
    }
    assert {path for path in paths if tiny.family.is_tower(path)} == {p for p in paths if p.split(".")[1] == "visual"}


def test_scales_and_biases_of_quantized_modules_are_named_alike(tiny: Tiny) -> None:
    for name in ("scales", "biases"):
        path = f"vision_tower.blocks.0.attn.qkv.{name}"
        assert tiny.family.rename(path) == f"model.visual.blocks.0.attn.qkv.{name}"


def test_buffers_of_older_writers_are_left_out(tiny: Tiny) -> None:
    assert tiny.family.rename("model.visual.rotary_pos_emb.inv_freq") is None


def test_an_unknown_key_stays_unknown(tiny: Tiny) -> None:
    assert tiny.family.rename("audio_tower.weight") == "audio_tower.weight"


def test_a_conversion_leaves_the_tower_as_it_is(tiny: Tiny) -> None:
    keeps = find_recipe("default").keeps
    for path, _ in tree_flatten(tiny.net.parameters()):
        assert keeps(path.rpartition(".")[0]) == tiny.family.is_tower(path)
