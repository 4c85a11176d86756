"""The same behaviour as the elder family's; what it does not have is refused by name."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from mlxvision.errors import UnsupportedModelError
from mlxvision.families import find
from mlxvision.loading.load import load_model
from tests.fakes.qwen import Tiny
from tests.families.qwen2_vl.test_loading import *  # noqa: F403


@pytest.mark.parametrize("key", ["lm_head.weight", "language_model.lm_head.weight"])
def test_a_tied_checkpoint_may_hold_its_head_twice(tiny: Tiny, tmp_path: Path, key: str) -> None:
    directory = tiny.write(tmp_path / "model", tie_word_embeddings=True)
    plain = load_model(directory, "tiny").net
    weights: Any = mx.load(str(directory / "model.safetensors"))
    weights[key] = weights["model.language_model.embed_tokens.weight"]
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    net, tokens = load_model(directory, "tiny").net, mx.array([[3, 1, 4]])
    logits, expected = (np.array(n.logits(n.hidden(tokens, n.make_cache()))) for n in (net, plain))
    np.testing.assert_array_equal(logits, expected)


def test_a_mixture_of_experts_is_refused_by_its_name() -> None:
    with pytest.raises(UnsupportedModelError, match=r"qwen3_vl_moe.*Use a checkpoint of: .*qwen3_vl"):
        find("qwen3_vl_moe")
