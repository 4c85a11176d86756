"""A directory becomes a model that sees as many pixels as it is to see, and that has one head."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from mlxvision.engine import Engine
from mlxvision.engine.worker import shared_worker
from mlxvision.errors import OutOfMemoryError, UsageError
from mlxvision.family import Model
from mlxvision.loading import memory
from mlxvision.loading.load import load_model
from mlxvision.types import Message, Request, Sampling
from tests.fakes.qwen import PREPROCESSOR, Tiny, picture

LIMIT = PREPROCESSOR["max_pixels"] // 8


@pytest.fixture
def directory(tiny: Tiny, tmp_path: Path) -> Path:
    return tiny.write(tmp_path / "model")


def load(directory: Path, max_pixels: int | None = None) -> Model:
    return shared_worker().submit(lambda: load_model(directory, "tiny", max_pixels=max_pixels)).result()


def test_a_given_limit_of_pixels_takes_the_place_of_the_stated_one(tiny: Tiny, directory: Path) -> None:
    limited = load_model(directory, "tiny", max_pixels=LIMIT).config
    shown, plain = (tiny.family.preprocess(picture("wide"), config).receipt for config in (limited, tiny.config))
    assert LIMIT // 2 < shown.canvas_width * shown.canvas_height <= LIMIT < plain.canvas_width * plain.canvas_height


def test_a_small_picture_is_scaled_up_to_the_least_that_is_given(tiny: Tiny, directory: Path) -> None:
    least = PREPROCESSOR["max_pixels"] // 2
    asked = load_model(directory, "tiny", min_pixels=least).config
    shown, plain = (tiny.family.preprocess(picture("dot"), config).receipt for config in (asked, tiny.config))
    assert plain.canvas_width * plain.canvas_height < least <= shown.canvas_width * shown.canvas_height


@pytest.mark.parametrize("max_pixels", [None, PREPROCESSOR["max_pixels"]])
def test_the_stated_limit_may_be_given_too(tiny: Tiny, directory: Path, max_pixels: int | None) -> None:
    assert load_model(directory, "tiny", max_pixels=max_pixels).config == tiny.config


@pytest.mark.parametrize("max_pixels", [0, -5, PREPROCESSOR["min_pixels"] - 1, (1 << 24) + 1])
def test_a_limit_that_cannot_be_is_a_usage_error(directory: Path, max_pixels: int) -> None:
    with pytest.raises(UsageError, match=f"max_pixels {max_pixels}"):
        load_model(directory, "tiny", max_pixels=max_pixels)


def test_the_least_may_not_exceed_the_most(directory: Path) -> None:
    with pytest.raises(UsageError, match="min_pixels 900 and max_pixels 800"):
        load_model(directory, "tiny", min_pixels=900, max_pixels=800)


def test_fewer_pixels_need_less_memory(tiny: Tiny, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_model(directory, "tiny", max_pixels=LIMIT).config
    weights_bytes = sum(x.nbytes for _, x in tree_flatten(tiny.net.parameters()))
    request_bytes = 2 * tiny.family.request_bytes(config, 1, tiny.family.context_length(config))
    monkeypatch.setattr(memory, "available_bytes", lambda: weights_bytes + request_bytes)
    assert load_model(directory, "tiny", low_memory="off", max_pixels=LIMIT).config == config
    with pytest.raises(OutOfMemoryError):
        load_model(directory, "tiny", low_memory="off")


def test_a_picture_under_another_limit_is_looked_at_again(directory: Path) -> None:
    engine, answers = Engine(), []
    for max_pixels in (None, LIMIT, LIMIT, None):
        request = Request((Message("user", (picture("wide"), "what?")),), Sampling(max_tokens=1))
        answers.append(engine.stream(load(directory, max_pixels), request).result())
    assert (engine.images.counters.misses, engine.images.counters.hits) == (2, 2)
    assert [done.usage.image_tokens for done in answers] == [done.receipts[0].tiles for done in answers]
    assert answers[0].usage.image_tokens > answers[1].usage.image_tokens


@pytest.mark.parametrize("key", ["lm_head.weight", "language_model.lm_head.weight"])
def test_a_tied_checkpoint_may_hold_its_head_twice(tiny: Tiny, tmp_path: Path, key: str) -> None:
    directory = tiny.write(tmp_path / "model", tie_word_embeddings=True)
    plain = load_model(directory, "tiny").net
    weights: Any = mx.load(str(directory / "model.safetensors"))
    weights[key] = weights["model.embed_tokens.weight"]
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    net, tokens = load_model(directory, "tiny").net, mx.array([[3, 1, 4]])
    logits, expected = (np.array(n.logits(n.hidden(tokens, n.make_cache()))) for n in (net, plain))
    np.testing.assert_array_equal(logits, expected)
