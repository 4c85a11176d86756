"""One model, in the layouts that its checkpoints have come in, is one net."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.errors import ModelFormatError
from mlxvision.family import Model
from mlxvision.loading.convert import convert
from mlxvision.loading.load import load_model
from tests.reference.qwen2_vl.measure import assert_close, cache_with, extend
from tests.reference.qwen2_vl.reference import Reference

pytestmark = pytest.mark.reference

Weights = dict[str, mx.array]
ROW = "two separated images"


@pytest.fixture
def directory(reference: Reference, tmp_path: Path) -> Path:
    """The repository without its weights."""
    ignored = shutil.ignore_patterns("*.safetensors*")
    return Path(shutil.copytree(reference.directory, tmp_path / "other", ignore=ignored))


@pytest.fixture
def hub(reference: Reference) -> Weights:
    return {k: v for file in reference.directory.glob("*.safetensors") for k, v in mx.load(str(file)).items()}


def parameters(model: Model) -> Weights:
    return dict(tree_flatten(model.net.module.parameters()))


def assert_same(model: Model, other: Model) -> None:
    ours, theirs = parameters(model), parameters(other)
    assert ours.keys() == theirs.keys()
    for path, x in ours.items():
        np.testing.assert_array_equal(np.array(x), np.array(theirs[path]), path)


def names_of_mlx_community(key: str) -> str:
    for old, new in (
        ("visual.", "vision_tower."),
        ("model.", "language_model.model."),
        ("lm_head.", "language_model.lm_head."),
    ):
        if key.startswith(old):
            return new + key.removeprefix(old)
    raise KeyError(key)


def moved(weights: Weights) -> Weights:
    """Kernels in the order of MLX."""
    return {key: mx.contiguous(mx.moveaxis(x, 1, -1)) if x.ndim == 5 else x for key, x in weights.items()}


def test_the_names_of_the_hub_are_the_net_s(hub: Weights, model: Model) -> None:
    assert hub.keys() == parameters(model).keys()


def test_the_shards_of_save_pretrained(reference: Reference, model: Model, directory: Path) -> None:
    reference.model.save_pretrained(directory, max_shard_size="60KB")
    assert len(list(directory.glob("*.safetensors"))) > 2
    assert_same(load_model(directory, "tiny"), model)


def test_the_names_that_transformers_5_has_in_memory(reference: Reference, model: Model, directory: Path) -> None:
    state = reference.model.state_dict()
    assert all(key.startswith(("model.language_model.", "model.visual.", "lm_head.")) for key in state)
    assert "lm_head.weight" in state  # also where it is the table of embeddings
    weights = {key: mx.array(x.numpy()) for key, x in state.items()}
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "pt"})
    assert_same(load_model(directory, "tiny"), model)


@pytest.mark.parametrize("metadata", [{"format": "mlx"}, {}], ids=["marked", "unmarked"])
def test_the_names_and_kernels_of_mlx_community(
    hub: Weights, model: Model, directory: Path, metadata: dict[str, str]
) -> None:
    weights = {names_of_mlx_community(key): x for key, x in moved(hub).items()}
    mx.save_safetensors(str(directory / "model.safetensors"), weights, metadata)
    assert_same(load_model(directory, "tiny"), model)


@pytest.mark.parametrize("bits", [4, 8])
def test_everything_quantized_as_in_mlx_community(
    reference: Reference, hub: Weights, model: Model, directory: Path, bits: int
) -> None:
    packed, plain = dict(hub), dict(hub)
    for path, module in model.net.module.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding) and module.weight.shape[-1] % 32 == 0:
            parts = mx.quantize(hub[f"{path}.weight"], 32, bits)
            packed |= {f"{path}.{name}": x for name, x in zip(("weight", "scales", "biases"), parts, strict=True)}
            plain[f"{path}.weight"] = mx.dequantize(*parts, 32, bits)
    assert packed.keys() > hub.keys()
    weights = {names_of_mlx_community(key): x for key, x in moved(packed).items()}
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    quantized = load_model(directory, "tiny")
    assert parameters(quantized).keys() == packed.keys()
    mx.save_safetensors(str(directory / "model.safetensors"), plain, {"format": "pt"})
    row = reference.rows[ROW]
    ours, expected = (extend(m, row.ids, cache_with(m, row.pictures)) for m in (quantized, load_model(directory, "")))
    assert_close(ours, expected, 1e-4)
    assert np.abs(expected - reference.row_logits(ROW)).max() > 1e-3 * np.abs(expected).max()


def released_dialect(config: dict) -> None:
    """The decoder's keys at the top, and rotary embeddings as they were first written."""
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    text["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    del text["model_type"]
    config |= text
    config["torch_dtype"] = config.pop("dtype")
    vision = config["vision_config"]
    del vision["rope_parameters"], vision["hidden_act"]
    vision["in_chans"] = vision.pop("in_channels")


def dialect_between(config: dict) -> None:
    """The decoder's keys in an object of their own, both kinds of rotary embeddings' names."""
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    text["rope_scaling"] = {"type": "default", "rope_type": "default", "mrope_section": rope["mrope_section"]}
    text["tie_word_embeddings"] = config.pop("tie_word_embeddings")


@pytest.mark.parametrize("change", [released_dialect, dialect_between])
def test_the_dialects_of_config_json(
    hub: Weights, model: Model, directory: Path, change: Callable[[dict], None]
) -> None:
    file = directory / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    change(config)
    file.write_text(json.dumps(config), encoding="utf-8")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    assert load_model(directory, "tiny").config == model.config


def test_the_released_preprocessor_config(hub: Weights, model: Model, directory: Path) -> None:
    file = directory / "preprocessor_config.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    released = {key: saved[key] for key in ("patch_size", "temporal_patch_size", "merge_size")}
    released |= {key: saved[key] for key in ("image_mean", "image_std")}
    released |= {"min_pixels": saved["size"]["shortest_edge"], "max_pixels": saved["size"]["longest_edge"]}
    file.write_text(json.dumps(released), encoding="utf-8")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    assert load_model(directory, "tiny").config == model.config


def test_a_tensor_too_many_or_too_few_is_named(hub: Weights, directory: Path) -> None:
    hub["visual.merger.mlp.3.weight"] = hub.pop("visual.merger.mlp.2.weight")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    with pytest.raises(ModelFormatError, match=r"1 missing \(visual\.merger\.mlp\.2.*1 unexpected \(visual\.merger"):
        load_model(directory, "tiny")


@pytest.mark.parametrize("recipe", ["default", "all-4bit"])
def test_our_own_output(reference: Reference, model: Model, tmp_path: Path, recipe: str) -> None:
    convert(reference.directory, tmp_path / "out", name="tiny", bits=8, group_size=32, recipe=recipe)
    converted = load_model(tmp_path / "out", "tiny")
    assert converted.config == model.config
    quantized = {path for path in parameters(converted) if path.endswith(".scales")}
    assert quantized
    assert recipe != "default" or not [path for path in quantized if path.startswith("visual.")]
    row = reference.rows[ROW]
    ours, expected = (extend(m, row.ids, cache_with(m, row.pictures)) for m in (converted, model))
    assert_close(ours, expected, 0.1)
