"""Logits at every position, however the prompt is cut, and greedy tokens."""

import mlx.core as mx
import numpy as np
import pytest

from mlxvision.family import Model
from tests.reference.mllama.measure import assert_close, cache_with, encode, extend, greedy
from tests.reference.mllama.reference import ROWS, RandomReference

pytestmark = pytest.mark.reference

every_row = pytest.mark.parametrize("name", ROWS)


@every_row
def test_prefill_gives_the_reference_logits_at_every_position(
    reference: RandomReference, model: Model, name: str
) -> None:
    row = reference.rows[name]
    assert_close(extend(model, row.ids, cache_with(model, row.pictures)), reference.row_logits(name))


@every_row
@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_any_split_of_a_prompt_gives_the_same_logits(
    reference: RandomReference, model: Model, name: str, chunk: int
) -> None:
    """Chunk 1 is decoding: every position as if the token had just been sampled."""
    row = reference.rows[name]
    assert_close(extend(model, row.ids, cache_with(model, row.pictures), chunk), reference.row_logits(name))


@every_row
def test_twenty_greedy_tokens_are_the_reference_s(reference: RandomReference, model: Model, name: str) -> None:
    row = reference.rows[name]
    tokens, leads = reference.greedy(row, 20)
    clear = next((i for i, lead in enumerate(leads) if lead < 1e-5), len(leads))  # before a tie, which rounding decides
    assert greedy(model, row.ids, row.pictures, 20)[:clear] == tokens[:clear]


@pytest.mark.parametrize("first", ["two tiles", None], ids=["image in both turns", "text in the first turn"])
def test_a_second_turn_may_bring_a_new_image(reference: RandomReference, model: Model, first: str | None) -> None:
    image_token, second = reference.config.image_token_index, reference.pictures["four tiles"]
    earlier = [reference.pictures[first]] if first else []
    turn = [*reference.text(2), *[image_token] * len(earlier), *reference.text(11)]
    answer, next_turn = reference.text(4), [*reference.text(3), image_token, *reference.text(9)]
    cache = cache_with(model, earlier)
    logits = [extend(model, turn, cache), extend(model, answer, cache, 1)]
    cache.add_image(encode(model, second))
    logits += [extend(model, next_turn, cache, 5)]
    expected = reference.logits([*turn, *answer, *next_turn], [*earlier, second])
    assert_close(np.concatenate(logits), expected)


@pytest.mark.parametrize(
    "names",
    [
        ("one tile", "text before the image"),
        ("4000x500 px", "no image"),
        ("three images", "2x3 px", "no image", "two adjacent images"),
    ],
    ids=" + ".join,
)
@pytest.mark.parametrize("chunk", [1, 4, None])
def test_each_row_of_a_batch_is_as_if_alone(
    reference: RandomReference, model: Model, names: tuple[str, ...], chunk: int | None
) -> None:
    """Prompts of different lengths, padded on the left; images of different sizes."""
    rows = [reference.rows[name] for name in names]
    L = max(len(row.ids) for row in rows)
    padding = [L - len(row.ids) for row in rows]
    cache = model.net.make_cache(padding=padding)
    for b, row in enumerate(rows):
        for pixels in row.pictures:
            cache.add_image(encode(model, pixels), row=b)
    tokens = mx.array([reference.text(p) + row.ids for p, row in zip(padding, rows, strict=True)])
    parts = [tokens[:, i : i + (chunk or L)] for i in range(0, L, chunk or L)]
    logits = mx.concatenate([model.net.logits(model.net.hidden(part, cache)) for part in parts], axis=1)
    for b, name in enumerate(names):
        assert_close(logits[b, padding[b] :], reference.row_logits(name))
