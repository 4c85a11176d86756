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

from mlxvision.family import Model
from mlxvision.loading.compare import logit_change
from mlxvision.loading.convert import convert
from mlxvision.loading.load import load_model
from tests.reference.mllama.measure import assert_close, cache_with, extend
from tests.reference.mllama.reference import Reference

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


def in_memory_names_of_transformers_5(key: str) -> str:
    for old, new in (
        ("language_model.model.", "model.language_model."),
        ("language_model.lm_head.", "lm_head."),
        ("vision_model.", "model.vision_model."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
    ):
        if key.startswith(old):
            return new + key.removeprefix(old)
    raise KeyError(key)


def names_of_mlx_community(key: str) -> str:
    return key.replace("vision_model.", "vision_tower.")


def moved(weights: Weights) -> Weights:
    """Kernels in the order of MLX."""
    return {key: mx.contiguous(mx.moveaxis(x, 1, -1)) if x.ndim == 4 else x for key, x in weights.items()}


def test_the_shards_of_save_pretrained(reference: Reference, model: Model, directory: Path) -> None:
    reference.plain.save_pretrained(directory, max_shard_size="60KB")
    assert len(list(directory.glob("*.safetensors"))) > 2
    assert_same(load_model(directory, "tiny"), model)


def test_the_names_that_transformers_5_has_in_memory(reference: Reference, model: Model, directory: Path) -> None:
    weights = {key: mx.array(x.numpy()) for key, x in reference.plain.state_dict().items()}
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "pt"})
    assert {in_memory_names_of_transformers_5(key) for key in parameters(model)} == weights.keys()
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
    text = config["text_config"]
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    if rope["rope_type"] != "default":
        text["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")


def renamed_image_token(config: dict) -> None:
    config["image_token_id"] = config.pop("image_token_index")


@pytest.mark.parametrize("change", [released_dialect, renamed_image_token])
def test_the_dialects_of_config_json(
    hub: Weights, model: Model, directory: Path, change: Callable[[dict], None]
) -> None:
    file = directory / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    change(config)
    file.write_text(json.dumps(config), encoding="utf-8")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    assert load_model(directory, "tiny").config == model.config


@pytest.mark.parametrize("recipe", ["default", "all-4bit"])
def test_our_own_output(reference: Reference, model: Model, tmp_path: Path, recipe: str) -> None:
    convert(reference.directory, tmp_path / "out", name="tiny", bits=8, group_size=32, recipe=recipe)
    converted = load_model(tmp_path / "out", "tiny")
    assert converted.config == model.config
    kept = {path for path in parameters(converted) if path in parameters(model)}
    quantized = {path.removesuffix(".scales") for path in parameters(converted) if path.endswith(".scales")}
    assert not [path for path in quantized if recipe == "default" and not path.startswith("language_model.")]
    for path in kept - {f"{path}.weight" for path in quantized}:
        np.testing.assert_array_equal(np.array(parameters(converted)[path]), np.array(parameters(model)[path]))
    row = reference.rows[ROW]
    ours, expected = (extend(m, row.ids, cache_with(m, row.pictures)) for m in (converted, model))
    assert_close(ours, expected, 0.1)
    assert 0 < logit_change(reference.directory, tmp_path / "out", "Read this.").kl < 0.1
