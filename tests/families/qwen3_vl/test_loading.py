"""The same behaviour as the elder family's; what it does not have is refused by name."""

import json
from contextlib import nullcontext
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


TEMPLATE = "{%- if '</think>' in content %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\nOPENING' }}"


@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("opening", "thinks"), [("", False), ("<think>\\n", True), ("<think>\\n\\n</think>\\n\\n", False)]
)
def test_a_checkpoint_whose_answers_begin_with_a_thought_is_refused(
    tiny: Tiny, tmp_path: Path, file: str, opening: str, thinks: bool
) -> None:
    directory = tiny.write(tmp_path / "model")
    template = TEMPLATE.replace("OPENING", opening)
    text = template if file.endswith(".jinja") else json.dumps({"chat_template": template})
    (directory / file).write_text(text, encoding="utf-8")
    refused = pytest.raises(UnsupportedModelError, match=r"begin with a thought.*Use the Instruct checkpoint")
    with refused if thinks else nullcontext():
        load_model(directory, "tiny")
