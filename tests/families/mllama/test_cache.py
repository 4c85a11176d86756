"""Which images a token sees: those of the latest run of adjacent image tokens at or before it."""

from __future__ import annotations

from itertools import pairwise

import mlx.core as mx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlxvision.families.mllama.cache import MllamaCache, MllamaImage

IMAGE, TEXT = 9, 1
prompts = st.lists(st.sampled_from([IMAGE, TEXT, TEXT]), min_size=1, max_size=12)


def image(number: int) -> MllamaImage:
    """One layer; its keys are number, its length differs from its neighbours'."""
    x = mx.full((1, 2, 1 + number % 3, 4), number, mx.float32)
    return MllamaImage((x,), (-x,))


def cache_for(*rows: list[int]) -> MllamaCache:
    """Images 1, 2, … for the image tokens of each row."""
    cache = MllamaCache(1, IMAGE, padding=[0] * len(rows))
    for b, tokens in enumerate(rows):
        for number in range(tokens.count(IMAGE)):
            cache.add_image(image(number + 1), row=b)
    return cache


def seen(cache: MllamaCache, b: int, visible: mx.array) -> list[set[int]]:
    """The numbers of the images whose keys each token of a row may attend to, filling never among them."""
    keys = np.array(cache.cross[0][0])[b, 0, :, 0].astype(int)
    return [set(keys[row].tolist()) for row in np.array(visible)[b]]


def expected(tokens: list[int]) -> list[set[int]]:
    at = [i for i, token in enumerate(tokens) if token == IMAGE]
    result = []
    for i in range(len(tokens)):
        numbers = [n for n, position in enumerate(at, 1) if position <= i]
        run = numbers[-1:]
        while run and run[0] > 1 and at[run[0] - 1] == at[run[0] - 2] + 1:
            run = [run[0] - 1, *run]
        result.append(set(run))
    return result


@given(prompts.filter(lambda tokens: IMAGE in tokens))
def test_a_token_sees_the_latest_run_of_images(tokens: list[int]) -> None:
    cache = cache_for(tokens)
    visible = cache.look(mx.array([tokens]))
    assert visible is not None
    assert seen(cache, 0, visible) == expected(tokens)


@given(prompts.filter(lambda tokens: IMAGE in tokens), st.data())
def test_any_split_sees_the_same(tokens: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tokens)), max_size=4)) | {0, len(tokens)})
    cache = cache_for(tokens)
    parts = [cache.look(mx.array([tokens[a:b]])) for a, b in pairwise(cuts)]
    assert [s for part in parts for s in seen(cache, 0, part)] == expected(tokens)


@given(st.lists(st.lists(st.sampled_from([IMAGE, TEXT]), min_size=6, max_size=6), min_size=2, max_size=3))
def test_the_rows_of_a_batch_see_only_their_own_images(rows: list[list[int]]) -> None:
    cache = cache_for(*rows)
    visible = cache.look(mx.array(rows))
    if visible is None:
        assert not any(IMAGE in row for row in rows)
    else:
        assert [seen(cache, b, visible) for b in range(len(rows))] == [expected(row) for row in rows]


def test_tokens_after_the_prompt_keep_seeing_the_image() -> None:
    cache = cache_for([TEXT, IMAGE, IMAGE, TEXT])
    cache.look(mx.array([[TEXT, IMAGE, IMAGE, TEXT]]))
    for _ in range(3):
        assert seen(cache, 0, cache.look(mx.array([[TEXT]]))) == [{1, 2}]


def test_an_image_given_later_is_seen_from_its_own_token_on() -> None:
    cache = cache_for([IMAGE])
    cache.look(mx.array([[IMAGE, TEXT]]))
    cache.add_image(image(2))
    assert seen(cache, 0, cache.look(mx.array([[TEXT, IMAGE, TEXT]]))) == [{1}, {2}, {2}]


def test_without_images_there_is_nothing_to_look_at() -> None:
    assert MllamaCache(1, IMAGE).look(mx.array([[TEXT, TEXT]])) is None


def test_an_image_knows_its_size() -> None:
    assert image(2).n_tokens == 3
    assert image(2).nbytes == 2 * (2 * 3 * 4) * 4


@given(prompts, st.data())
def test_a_trimmed_cache_goes_on_like_a_new_one(tokens: list[int], data: st.DataObject) -> None:
    kept = tokens[: data.draw(st.integers(1, len(tokens)))]
    after = data.draw(prompts)
    trimmed, fresh = cache_for(tokens), cache_for(kept)
    trimmed.look(mx.array([tokens]))
    fresh.look(mx.array([kept]))
    trimmed.trim(kept)
    n_held = kept.count(IMAGE)
    for number in range(after.count(IMAGE)):
        for cache in (trimmed, fresh):
            cache.add_image(image(10 + n_held + number))
    visible, expected_visible = (cache.look(mx.array([after])) for cache in (trimmed, fresh))
    if expected_visible is None:
        assert visible is None
    else:
        assert visible is not None
        assert seen(trimmed, 0, visible) == seen(fresh, 0, expected_visible)


def test_forks_go_their_own_ways() -> None:
    cache = cache_for([IMAGE])
    cache.look(mx.array([[IMAGE, TEXT]]))
    fork = cache.fork()
    fork.add_image(image(2))
    assert seen(fork, 0, fork.look(mx.array([[TEXT, IMAGE]]))) == [{1}, {2}]
    assert seen(cache, 0, cache.look(mx.array([[TEXT]]))) == [{1}]
    cache.add_image(image(3))
    assert seen(cache, 0, cache.look(mx.array([[IMAGE]]))) == [{3}]
    assert seen(fork, 0, fork.look(mx.array([[TEXT]]))) == [{2}]
