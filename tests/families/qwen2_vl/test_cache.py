"""Where tokens stand: text after text, an image as a grid, and all of it whatever the cuts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mlx.core as mx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.qwen import TOKENS, Tiny

PAD, START = TOKENS["image_pad"], TOKENS["vision_start"]
sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
prompts = st.lists(st.one_of(st.integers(1, 3), sizes), min_size=1, max_size=6)


def image(tiny: Tiny, rows: int, columns: int) -> Any:
    kind = type(tiny.net.encode(tiny.prepare("dot")))
    return kind(mx.arange(1.0, 1 + rows * columns)[:, None], columns)


def tokens(prompt: list[Any]) -> list[int]:
    """A number stands for so many text tokens, a pair for an image of so many rows and columns."""
    ids: list[int] = []
    for part in prompt:
        ids += [5] * part if isinstance(part, int) else [START, *[PAD] * (part[0] * part[1])]
    return ids


def cache_for(tiny: Tiny, prompt: list[Any]) -> Any:
    cache = tiny.net.make_cache()
    for part in prompt:
        if not isinstance(part, int):
            cache.add_image(image(tiny, *part))
    return cache


def expected(prompt: list[Any]) -> list[tuple[int, int, int]]:
    places: list[tuple[int, int, int]] = []
    following = 0
    for part in prompt:
        n_text = part if isinstance(part, int) else 1
        places += [(i, i, i) for i in range(following, following + n_text)]
        following += n_text
        if not isinstance(part, int):
            rows, columns = part
            places += [(following, following + r, following + c) for r in range(rows) for c in range(columns)]
            following += max(part)
    return places


def walk(cache: Any, ids: list[int], cuts: list[int]) -> tuple[list[tuple[int, ...]], list[int]]:
    """The places of tokens, and the features among them, each by its number in its image."""
    places, features = [], []
    for a, b in pairwise(cuts):
        positions, pieces = cache.place(mx.array([ids[a:b]]))
        places += [tuple(place) for place in np.array(positions)[:, 0].T.tolist()]
        for piece in pieces:
            n = len(piece.features)
            assert ids[a + piece.start : a + piece.start + n] == [PAD] * n
            features += piece.features[:, 0].astype(mx.int32).tolist()
    return places, features


@given(prompt=prompts, data=st.data())
def test_text_counts_on_after_the_longer_side_of_an_image(tiny: Tiny, prompt: list[Any], data: st.DataObject) -> None:
    ids = tokens(prompt)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(ids)), max_size=5)) | {0, len(ids)})
    places, features = walk(cache_for(tiny, prompt), ids, cuts)
    assert places == expected(prompt)
    assert features == [n for part in prompt if not isinstance(part, int) for n in range(1, 1 + part[0] * part[1])]


@given(prompt=prompts, after=prompts, data=st.data())
def test_a_trimmed_cache_goes_on_like_a_new_one(
    tiny: Tiny, prompt: list[Any], after: list[Any], data: st.DataObject
) -> None:
    kept = prompt[: data.draw(st.integers(1, len(prompt)))]
    cache = cache_for(tiny, prompt)
    walk(cache, tokens(prompt), [0, len(tokens(prompt))])
    cache.trim(tokens(kept))
    for part in after:
        if not isinstance(part, int):
            cache.add_image(image(tiny, *part))
    places, _ = walk(cache, tokens(after), [0, len(tokens(after))])
    assert places == expected([*kept, *after])[len(tokens(kept)) :]


def test_forks_go_their_own_ways(tiny: Tiny) -> None:
    cache = cache_for(tiny, [(2, 3)])
    walk(cache, tokens([(2, 3)]), [0, 3])  # in the middle of the image
    fork = cache.fork()
    fork.add_image(image(tiny, 1, 1))
    ids = [*[PAD] * 4, START, PAD]
    assert walk(fork, ids, [0, 6])[0][4:] == [(4, 4, 4), (5, 5, 5)]
    assert walk(cache, ids, [0, 6]) == ([*expected([(2, 3)])[3:], (4, 4, 4), (5, 5, 5)], [3, 4, 5, 6])


def test_an_image_token_without_an_image_is_text(tiny: Tiny) -> None:
    cache = cache_for(tiny, [(1, 2), 1])
    assert walk(cache, [START, PAD, PAD, PAD, 5], [0, 5])[0][3:] == [(3, 3, 3), (4, 4, 4)]


def test_once_all_images_are_read_tokens_are_not_looked_at(tiny: Tiny) -> None:
    """A decode step must not wait for the token of the one before."""
    cache = cache_for(tiny, [(1, 2)])
    walk(cache, tokens([(1, 2)]), [0, 3])

    class Unready:
        shape = (1, 2)

    positions, pieces = cache.place(Unready())
    assert (np.array(positions).tolist(), pieces) == ([[[3, 4]]] * 3, [])


def test_sequences_count_from_their_own_first_token_also_when_others_leave_and_come(tiny: Tiny) -> None:
    cache, late = tiny.net.make_cache([2, 0, 1]), tiny.net.make_cache([0])
    positions, _ = cache.place(mx.array([[5] * 3] * 3))
    assert np.array(positions[1]).tolist() == [[-2, -1, 0], [0, 1, 2], [-1, 0, 1]]
    late.add_image(image(tiny, 1, 2))
    for one, B, L in ((cache, 3, 3), (late, 1, 3)):
        for layer in one.layers:
            layer.append(*[mx.zeros((B, 1, L, 8))] * 2)
    late.place(mx.array([[5, 5, PAD]]))
    cache.keep([0, 2])
    assert (cache.offset, cache.padding) == (2, (1, 0))
    cache.join(late)
    assert (cache.offset, cache.padding) == (3, (2, 1, 0))
    positions, (piece,) = cache.place(mx.array([[5, 5], [5, 5], [PAD, 5]]))
    places = np.array(positions).transpose(1, 2, 0).tolist()
    assert places == [[[1] * 3, [2] * 3], [[2] * 3, [3] * 3], [[2, 2, 3], [4] * 3]]
    assert (piece.row, piece.start, piece.features.tolist()) == (2, 0, [[2.0]])


def test_an_image_knows_its_size(tiny: Tiny) -> None:
    assert (image(tiny, 2, 3).n_tokens, image(tiny, 2, 3).nbytes, image(tiny, 2, 3).n_positions) == (6, 24, 3)
