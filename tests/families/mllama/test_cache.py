"""Which images a token sees: those of the latest run of adjacent image tokens at or before it."""

from __future__ import annotations

from itertools import pairwise

import mlx.core as mx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlxvision.families.mllama.cache import MllamaCache, MllamaImage, Shown

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


def seen(sights: list[tuple[Shown, mx.array]], b: int = 0) -> list[set[int]]:
    """The numbers of the images whose keys each token of a row may attend to."""
    ((shown, visible),) = [sight for sight in sights if sight[0].rows.start <= b < sight[0].rows.stop]
    keys = np.array(shown.keys[0])[0, 0, :, 0].astype(int) if shown.keys else np.zeros(0, int)
    return [set(keys[row].tolist()) for row in np.array(visible)[b - shown.rows.start]]


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
    assert seen(cache.look(mx.array([tokens]))) == expected(tokens)


@given(prompts.filter(lambda tokens: IMAGE in tokens), st.data())
def test_any_split_sees_the_same(tokens: list[int], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tokens)), max_size=4)) | {0, len(tokens)})
    cache = cache_for(tokens)
    parts = [cache.look(mx.array([tokens[a:b]])) for a, b in pairwise(cuts)]
    assert [s for part in parts for s in seen(part)] == expected(tokens)


@given(st.lists(st.lists(st.sampled_from([IMAGE, TEXT]), min_size=6, max_size=6), min_size=2, max_size=3))
def test_the_rows_of_a_batch_see_only_their_own_images(rows: list[list[int]]) -> None:
    cache = cache_for(*rows)
    sights = cache.look(mx.array(rows))
    if not sights:
        assert not any(IMAGE in row for row in rows)
    else:
        assert [seen(sights, b) for b in range(len(rows))] == [expected(row) for row in rows]


def test_rows_that_show_the_same_images_share_their_keys() -> None:
    cache, a, b = MllamaCache(1, IMAGE, padding=[0] * 5), image(1), image(2)
    for row, shown in enumerate([a, a, b, a, a]):
        cache.add_image(shown, row)
    sights = cache.look(mx.full((5, 2), IMAGE))
    mx.eval(a.arrays, b.arrays)
    assert [shown.rows for shown, _ in sights] == [slice(0, 2), slice(2, 3), slice(3, 5)]
    before = mx.get_active_memory()
    mx.eval([(shown.keys, shown.values) for shown, _ in sights])
    assert mx.get_active_memory() == before


@given(st.lists(st.lists(st.sampled_from([IMAGE, TEXT]), min_size=1, max_size=6), min_size=2, max_size=4), st.data())
def test_rows_that_leave_and_come_do_not_change_what_the_others_see(rows: list[list[int]], data: st.DataObject) -> None:
    """The last row comes when the others have taken their first tokens, and some of these leave then."""
    *rows, late = [[*row, *[TEXT] * (6 - len(row))] for row in rows]
    n = data.draw(st.integers(1, 5))
    kept = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1)))
    cache, other = cache_for(*rows), cache_for(late)
    for one, begun in ((cache, rows), (other, [late])):
        one.look(mx.array([row[:n] for row in begun]))
        one.text[0].append(*[mx.zeros((len(begun), 2, n, 4))] * 2)
    cache.keep(kept)
    cache.join(other)
    remaining = [*(rows[b] for b in kept), late]
    sights = cache.look(mx.array([row[n:] for row in remaining]))
    if sights:
        assert [seen(sights, b) for b in range(len(remaining))] == [expected(row)[n:] for row in remaining]
    else:
        assert not any(IMAGE in row for row in remaining)


def test_a_narrowed_row_sees_only_a_part_of_its_image() -> None:
    cache = cache_for([IMAGE, TEXT], [IMAGE, TEXT])
    before = cache.look(mx.array([[IMAGE, TEXT]] * 2))
    cache.text[0].append(*[mx.zeros((2, 2, 2, 4))] * 2)
    cache.keep([1, 0, 0])
    cache.narrow([slice(0, 1), slice(1, 2), slice(0, 2)])
    assert [np.array(visible)[:, -1].tolist() for _, visible in before] == [[[True] * 2]] * 2
    after = np.concatenate([np.array(visible)[:, 0] for _, visible in cache.look(mx.full((3, 1), TEXT))])
    assert after.tolist() == [[True, False], [False, True], [True, True]]


def test_a_narrowed_row_may_be_joined_by_one_that_sees_all() -> None:
    narrowed, whole = cache_for([IMAGE]), cache_for([IMAGE])
    for cache in (narrowed, whole):
        cache.look(mx.array([[IMAGE]]))
        cache.text[0].append(*[mx.zeros((1, 2, 1, 4))] * 2)
    narrowed.narrow([slice(1, 2)])
    narrowed.join(whole)
    after = np.concatenate([np.array(visible)[:, 0] for _, visible in narrowed.look(mx.full((2, 1), TEXT))])
    assert after.tolist() == [[False, True], [True, True]]


def test_a_sequence_that_goes_on_as_two_is_two() -> None:
    cache = cache_for([IMAGE])
    cache.look(mx.array([[IMAGE, TEXT]]))
    cache.text[0].append(*[mx.zeros((1, 2, 2, 4))] * 2)
    cache.keep([0, 0])
    cache.add_image(image(2), row=1)
    sights = cache.look(mx.array([[TEXT, TEXT], [TEXT, IMAGE]]))
    assert [seen(sights, b) for b in (0, 1)] == [[{1}, {1}], [{1}, {2}]]


def test_tokens_after_the_prompt_keep_seeing_the_image() -> None:
    cache = cache_for([TEXT, IMAGE, IMAGE, TEXT])
    cache.look(mx.array([[TEXT, IMAGE, IMAGE, TEXT]]))
    for _ in range(3):
        assert seen(cache.look(mx.array([[TEXT]]))) == [{1, 2}]


def test_an_image_given_later_is_seen_from_its_own_token_on() -> None:
    cache = cache_for([IMAGE])
    cache.look(mx.array([[IMAGE, TEXT]]))
    cache.add_image(image(2))
    assert seen(cache.look(mx.array([[TEXT, IMAGE, TEXT]]))) == [{1}, {2}, {2}]


def test_without_images_there_is_nothing_to_look_at() -> None:
    assert MllamaCache(1, IMAGE).look(mx.array([[TEXT, TEXT]])) == []


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
    sights, expected_sights = (cache.look(mx.array([after])) for cache in (trimmed, fresh))
    assert len(sights) == len(expected_sights)
    if sights:
        assert seen(sights) == seen(expected_sights)


def test_forks_go_their_own_ways() -> None:
    cache = cache_for([IMAGE])
    cache.look(mx.array([[IMAGE, TEXT]]))
    fork = cache.fork()
    fork.add_image(image(2))
    assert seen(fork.look(mx.array([[TEXT, IMAGE]]))) == [{1}, {2}]
    assert seen(cache.look(mx.array([[TEXT]]))) == [{1}]
    cache.add_image(image(3))
    assert seen(cache.look(mx.array([[IMAGE]]))) == [{3}]
    assert seen(fork.look(mx.array([[TEXT]]))) == [{2}]
