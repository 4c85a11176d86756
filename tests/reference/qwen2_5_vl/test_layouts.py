"""The same rungs as the elder family's, climbed with this one's checkpoints."""

import json
from pathlib import Path

import mlx.core as mx
import pytest

from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.qwen2_vl.measure import assert_close, cache_with, extend
from tests.reference.qwen2_vl.reference import Reference
from tests.reference.qwen2_vl.test_layouts import *  # noqa: F403
from tests.reference.qwen2_vl.test_layouts import ROW, Weights


@pytest.fixture
def filled(hub: Weights, model: Model, directory: Path) -> Weights:
    """As an old conversion filled the MLPs of the tower up with zeros; the config states the wider width."""
    file, width = directory / "config.json", model.config.vision.intermediate_size
    config = json.loads(file.read_text(encoding="utf-8"))
    config["vision_config"]["intermediate_size"] = wider = -(-width // 32) * 32 + 32
    file.write_text(json.dumps(config), encoding="utf-8")
    for key, x in hub.items():
        if key.startswith("visual.blocks.") and ".mlp." in key:
            hub[key] = mx.pad(x, [(0, wider - n if n == width else 0) for n in x.shape])
    return hub


def test_a_vision_mlp_that_an_old_conversion_filled_up_with_zeros(
    reference: Reference, filled: Weights, model: Model, directory: Path
) -> None:
    """Its width in the config is the wider one; what was filled in adds nothing."""
    mx.save_safetensors(str(directory / "model.safetensors"), filled)
    wide, row = load_model(directory, "tiny"), reference.rows[ROW]
    assert wide.config.vision.intermediate_size > model.config.vision.intermediate_size
    assert_close(extend(wide, row.ids, cache_with(wide, row.pictures)), reference.row_logits(ROW))


def test_it_was_filled_up_to_be_quantized(reference: Reference, filled: Weights, directory: Path) -> None:
    packed = dict(filled)
    for key in [key for key in filled if key.endswith(".mlp.down_proj.weight") and key.startswith("visual.")]:
        parts = mx.quantize(filled[key], 32, 8)
        packed |= {
            key.replace("weight", name): x for name, x in zip(("weight", "scales", "biases"), parts, strict=True)
        }
        filled[key] = mx.dequantize(*parts, 32, 8)
    row, logits = reference.rows[ROW], []
    for weights in (packed, filled):
        mx.save_safetensors(str(directory / "model.safetensors"), weights)
        either = load_model(directory, "tiny")
        logits.append(extend(either, row.ids, cache_with(either, row.pictures)))
    assert "visual.blocks.0.mlp.down_proj.scales" in packed
    assert_close(*logits, 1e-4)
