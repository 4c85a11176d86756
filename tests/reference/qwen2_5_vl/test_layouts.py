"""The same rungs as the elder family's, climbed with this one's checkpoints."""

import json
from pathlib import Path

import mlx.core as mx

from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.qwen2_vl.measure import assert_close, cache_with, extend
from tests.reference.qwen2_vl.reference import Reference
from tests.reference.qwen2_vl.test_layouts import *  # noqa: F403
from tests.reference.qwen2_vl.test_layouts import ROW, Weights, parameters


def test_a_vision_mlp_that_an_old_conversion_filled_up_with_zeros(
    reference: Reference, hub: Weights, model: Model, directory: Path
) -> None:
    """Its width in the config is the wider one; what was filled in adds nothing."""
    file, width = directory / "config.json", model.config.vision.intermediate_size
    config = json.loads(file.read_text(encoding="utf-8"))
    config["vision_config"]["intermediate_size"] = wider = -(-width // 32) * 32 + 32
    file.write_text(json.dumps(config), encoding="utf-8")
    for key, x in hub.items():
        if key.startswith("visual.blocks.") and ".mlp." in key:
            hub[key] = mx.pad(x, [(0, wider - n if n == width else 0) for n in x.shape])
    mx.save_safetensors(str(directory / "model.safetensors"), hub)
    filled, row = load_model(directory, "tiny"), reference.rows[ROW]
    assert parameters(filled)["visual.blocks.0.mlp.gate_proj.weight"].shape[0] == wider
    assert_close(extend(filled, row.ids, cache_with(filled, row.pictures)), reference.row_logits(ROW))
