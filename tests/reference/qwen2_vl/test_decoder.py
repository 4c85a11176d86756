"""Positions and logits at every token, however the prompt is cut, and greedy tokens."""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
import pytest

from mlxvision.family import Cache, Model
from tests.reference.qwen2_vl.measure import assert_close, cache_with, encode, extend, greedy
from tests.reference.qwen2_vl.reference import ROWS, RandomReference

pytestmark = pytest.mark.reference

every_row = pytest.mark.parametrize("name", ROWS)


@pytest.mark.parametrize("name", [name for name, parts in ROWS.items() if any(isinstance(p, str) for p in parts)])
@pytest.mark.parametrize("chunk", [1, 3, None])
def test_positions_are_the_reference_s(reference: RandomReference, model: Model, name: str, chunk: int | None) -> None:
    row, chunk = reference.rows[name], chunk or len(reference.rows[name].ids)
    cache = cache_with(model, row.pictures)
    parts = [cache.place(mx.array([row.ids[i : i + chunk]]))[0] for i in range(0, len(row.ids), chunk)]
    positions = np.array(mx.concatenate(parts, axis=2))[:, 0]
    np.testing.assert_array_equal(positions, reference.positions(row.ids, row.pictures))
    after, _ = cache.place(mx.array([reference.text(3)]))
    first = positions.max() + 1
    np.testing.assert_array_equal(np.array(after), np.tile(np.arange(first, first + 3), (3, 1, 1)))


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


@pytest.mark.parametrize("first", ["wide", None], ids=["image in both turns", "text in the first turn"])
def test_a_second_turn_may_bring_a_new_image(reference: RandomReference, model: Model, first: str | None) -> None:
    second = reference.pictures["square"]
    earlier = [reference.pictures[first]] if first else []
    turn = [*reference.text(2), *(token for pixels in earlier for token in reference.span(pixels))]
    turn += reference.text(11)
    answer, next_turn = reference.text(4), [*reference.text(3), *reference.span(second), *reference.text(9)]
    cache = cache_with(model, earlier)
    logits = [extend(model, turn, cache), extend(model, answer, cache, 1)]
    cache.add_image(encode(model, second))
    logits += [extend(model, next_turn, cache, 5)]
    expected = reference.logits([*turn, *answer, *next_turn], [*earlier, second])
    assert_close(np.concatenate(logits), expected)


@pytest.mark.parametrize("name", ["two separated images", "three images"])
def test_a_trimmed_cache_goes_on_as_if_it_had_never_held_more(
    reference: RandomReference, model: Model, name: str
) -> None:
    row, expected = reference.rows[name], reference.row_logits(name)
    whole = cache_with(model, row.pictures)
    extend(model, row.ids, whole)
    for n in range(1, len(row.ids), 3):
        cache = whole.fork()
        cache.trim(row.ids[:n])
        for pixels in row.pictures[row.ids[:n].count(reference.config.vision_start_token_id) :]:
            cache.add_image(encode(model, pixels))
        assert_close(extend(model, row.ids[n:], cache), expected[n:])


def test_sequences_that_leave_and_come_do_not_change_the_others(reference: RandomReference, model: Model) -> None:
    """The late one comes in the middle of its last image; all go on together."""
    n_left = 6
    names, late = ("three images", "wide", "no image", "tall"), "image last"
    cache, coming = (begin_all_but(n_left, reference, model, group) for group in (names, (late,)))
    cache.keep([1, 2])
    cache.join(coming)
    names = (*names[1:3], late)
    tokens = mx.array([reference.rows[name].ids[-n_left:] for name in names])
    logits = [model.net.logits(model.net.hidden(tokens[:, i : i + 2], cache)) for i in range(0, n_left, 2)]
    for ours, name in zip(mx.concatenate(logits, axis=1), names, strict=True):
        assert_close(ours, reference.row_logits(name)[-n_left:])


def begin_all_but(n_left: int, reference: RandomReference, model: Model, names: Sequence[str]) -> Cache:
    """One cache for all rows, without their last tokens."""
    rows = [reference.rows[name] for name in names]
    L = max(len(row.ids) for row in rows)
    cache = model.net.make_cache([L - len(row.ids) for row in rows])
    for b, row in enumerate(rows):
        for pixels in row.pictures:
            cache.add_image(encode(model, pixels), b)
    model.net.hidden(mx.array([[0] * (L - len(row.ids)) + row.ids[:-n_left] for row in rows]), cache)
    return cache


@pytest.mark.parametrize(
    "names",
    [
        ("four tokens", "text before the image"),
        ("600x3 px", "no image"),
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
