"""The same rungs as the elder family's, climbed with this one's checkpoints and names."""

import json
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.qwen2_vl import test_layouts as elder
from tests.reference.qwen2_vl.test_layouts import *  # noqa: F403
from tests.reference.qwen2_vl.test_layouts import Weights


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    def names_of_mlx_community(key: str) -> str:
        if key.startswith("lm_head."):
            return f"language_model.{key}"
        kind, rest = key.removeprefix("model.").split(".", 1)
        return {"visual": "vision_tower.", "language_model": "language_model.model."}[kind] + rest

    monkeypatch.setattr(elder, "names_of_mlx_community", names_of_mlx_community)


def released_dialect(config: dict) -> None:
    """Rotary embeddings as they were first written."""
    rope = config["text_config"].pop("rope_parameters")
    config["text_config"]["rope_theta"] = rope.pop("rope_theta")
    config["text_config"]["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    config["vision_config"] |= {"model_type": "qwen3_vl"}
    del config["vision_config"]["rope_parameters"]


def dialect_of_conversions(config: dict) -> None:
    """As older conversions write it, and where transformers 5 may say that embeddings are tied."""
    rope = config["text_config"].pop("rope_parameters")
    config["text_config"]["rope_theta"] = rope.pop("rope_theta")
    config["text_config"]["rope_scaling"] = {"type": "default", "mrope_section": rope["mrope_section"]}
    config["text_config"]["tie_word_embeddings"] = config.pop("tie_word_embeddings")
    config["quantization"] = config["quantization_config"] = {"group_size": 64, "bits": 4}


@pytest.mark.parametrize("change", [released_dialect, dialect_of_conversions])
def test_the_dialects_of_config_json(
    hub: Weights, model: Model, directory: Path, change: Callable[[dict], None]
) -> None:
    file = directory / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    change(config)
    file.write_text(json.dumps(config), encoding="utf-8")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    assert load_model(directory, "tiny").config == model.config


def test_a_tensor_too_many_or_too_few_is_named(hub: Weights, directory: Path) -> None:
    hub["model.visual.merger.linear_fc3.bias"] = hub.pop("model.visual.merger.linear_fc2.bias")
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    with pytest.raises(ModelFormatError, match=r"1 missing \(model\.visual\.merger\.linear_fc2.*1 unexpected \(model"):
        load_model(directory, "tiny")
