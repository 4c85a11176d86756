import mlx.core as mx
import numpy as np
import pytest

from mlxvision.nn import KVCache


def random(B, L, seed=0):
    return mx.array(np.random.default_rng(seed).normal(size=(B, 3, L, 4)).astype(np.float32))


@pytest.mark.parametrize("B", [1, 2])
@pytest.mark.parametrize(
    "lengths",
    [[1], [255, 1], [256], [257], [256, 1], [1] * 5, [100, 100, 100], [3, 700, 1], [256, 256, 256], [255, 2, 600]],
    ids=str,
)
def test_any_split_holds_the_same_keys_and_values(B, lengths):
    keys, values = random(B, sum(lengths)), random(B, sum(lengths), seed=1)
    cache, start = KVCache(), 0
    for L in lengths:
        piece = slice(start, start + L)
        start += L
        held_keys, held_values = cache.append(keys[:, :, piece], values[:, :, piece])
        assert cache.offset == start
        assert mx.array_equal(held_keys, keys[:, :, :start])
        assert mx.array_equal(held_values, values[:, :, :start])


def test_what_was_given_out_does_not_change_later():
    cache, keys, values = KVCache(), random(1, 600), random(1, 600, seed=1)
    held, _ = cache.append(keys[:, :, :10], values[:, :, :10])
    cache.append(keys[:, :, 10:], values[:, :, 10:])
    assert mx.array_equal(held, keys[:, :, :10])


@pytest.mark.parametrize("L", [1, 100])
def test_room_grows_by_steps(L):
    cache, some = KVCache(), random(1, L)
    assert cache.arrays == []
    sizes = []
    for _ in range(600 // L):
        cache.append(some, some)
        sizes.append(cache.arrays[0].shape[2])
    assert sorted(set(sizes)) == [256, 512, 768]
    assert [array.shape[2] for array in cache.arrays] == [768, 768]


def test_keys_and_values_keep_their_type():
    cache, half = KVCache(), random(1, 300).astype(mx.bfloat16)
    cache.append(half[:, :, :1], half[:, :, :1])
    assert {array.dtype for array in cache.append(half, half)} == {mx.bfloat16}


@pytest.mark.parametrize(("first", "kept", "then"), [(300, 299, 2), (300, 256, 1), (10, 1, 600), (700, 10, 300)])
def test_a_trimmed_cache_goes_on_like_a_new_one(first, kept, then):
    old, new = random(1, first), random(1, then, seed=1)
    cache = KVCache()
    cache.append(old, old)
    cache.trim(kept)
    held, _ = cache.append(new, new)
    assert cache.offset == kept + then
    assert mx.array_equal(held, mx.concatenate([old[:, :, :kept], new], axis=2))


def test_forks_go_their_own_ways():
    cache, old = KVCache(), random(1, 10)
    assert KVCache().fork().arrays == []
    cache.append(old, old)
    fork = cache.fork()
    a, b = random(1, 3, seed=1), random(1, 3, seed=2)
    held = [one.append(x, x)[0] for one, x in ((cache, a), (fork, b), (cache, b))]
    for found, parts in zip(held, ((old, a), (old, b), (old, a, b)), strict=True):
        assert mx.array_equal(found, mx.concatenate(parts, axis=2))


def test_a_fork_copies_nothing_until_it_goes_on():
    cache, old = KVCache(), random(1, 200_000)
    cache.append(old, old)
    mx.eval(cache.arrays)
    before = mx.get_active_memory()
    fork = cache.fork()
    mx.eval(fork.arrays)
    assert mx.get_active_memory() - before < old.nbytes // 10


def holding(x):
    cache = KVCache()
    cache.append(x, x)
    return cache


@pytest.mark.parametrize(("here", "there"), [(3, 5), (300, 7), (7, 300), (256, 256), (1, 1)])
def test_joined_sequences_end_at_the_same_place(here, there):
    a, b, new = random(2, here), random(1, there, seed=1), random(3, 2, seed=2)
    cache, end = holding(a), max(here, there)
    cache.join(holding(b))
    assert cache.offset == end
    held, _ = cache.append(new, new)
    assert held.shape[2] == end + 2
    assert mx.array_equal(held[:2, :, end - here :], mx.concatenate([a, new[:2]], axis=2))
    assert mx.array_equal(held[2:, :, end - there :], mx.concatenate([b, new[2:]], axis=2))


@pytest.mark.parametrize("start", [0, 4, 299])
def test_sequences_that_are_kept_go_on_without_the_others_and_without_a_beginning(start):
    old, new = random(4, 300), random(2, 1, seed=1)
    cache = holding(old)
    cache.keep(mx.array([3, 1]), start)
    assert cache.offset == 300 - start
    held, _ = cache.append(new, new)
    assert mx.array_equal(held, mx.concatenate([old[mx.array([3, 1]), :, start:], new], axis=2))
