"""Keys and values in few bits: what they take, what is lost, and that nothing else is."""

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_map

from mlxvision.errors import UsageError
from mlxvision.nn import KVCache
from mlxvision.nn.decoder import Attention, quantize_memory
from mlxvision.nn.quantized import Quantized, attend_quantized, quantize
from tests.fakes.shared import make

FAMILIES = ["mllama", "qwen2_vl", "qwen3_vl"]
BITS = pytest.mark.parametrize("bits", [8, 4])
LOST = {8: 0.01, 4: 0.15}  # of normally distributed numbers, rms
CHANGED = {8: 0.03, 4: 0.5}  # of the logits of random nets, rms; they attend more sharply than trained ones


def random(*shape, seed=0):
    return mx.array(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def rounded(x, bits):
    """What is left of it."""
    return Quantized(quantize(x, bits), bits).dequantize()


def assert_holds(found, expected, bits):
    assert mx.array_equal(found.dequantize(), rounded(expected, bits))


@BITS
def test_no_more_is_lost_than_rounding_loses(bits):
    x = random(1, 2, 300, 64)
    lost = mx.sqrt(mx.square(rounded(x, bits) - x).mean()).item()
    assert LOST[bits] / 5 < lost < LOST[bits]


@pytest.mark.parametrize(
    ("bits", "dtype", "bits_held"), [(8, mx.bfloat16, 9), (4, mx.bfloat16, 5), (8, mx.float32, 10)]
)
def test_a_cache_takes_the_bits_and_a_scale_and_a_bias_for_each_group(bits, dtype, bits_held):
    cache, x = KVCache(), random(1, 2, 256, 64).astype(dtype)
    cache.append_quantized(x, x, bits)
    assert sum(array.nbytes for array in cache.arrays) == 2 * x.size * bits_held // 8


@BITS
@pytest.mark.parametrize("lengths", [[1], [256, 1], [255, 2, 600], [1] * 5], ids=str)
def test_any_split_holds_the_same(bits, lengths):
    keys, values = random(2, 3, sum(lengths), 32), random(2, 3, sum(lengths), 32, seed=1)
    cache, start = KVCache(), 0
    for L in lengths:
        piece = slice(start, start := start + L)
        held_keys, held_values = cache.append_quantized(keys[:, :, piece], values[:, :, piece], bits)
        assert_holds(held_keys, keys[:, :, :start], bits)
        assert_holds(held_values, values[:, :, :start], bits)


def holding(x):
    cache = KVCache()
    cache.append_quantized(x, x, 8)
    return cache


def test_it_is_trimmed_forked_kept_and_joined_as_any_other():
    a, b, new = random(2, 3, 300, 32), random(1, 3, 7, 32, seed=1), random(2, 3, 2, 32, seed=2)
    cache = holding(a)
    twin = cache.fork()
    cache.trim(290)
    cache.join(holding(b))
    cache.keep(mx.array([2, 1]), 1)
    keys, values = cache.append_quantized(new, new, 8)
    joined = mx.concatenate([mx.zeros((1, 3, 283, 32)), b], axis=2)[:, :, 1:], a[1:, :, 1:290]
    for held in (keys, values):
        assert_holds(held, mx.concatenate([mx.concatenate(joined), new], axis=2), 8)
    assert_holds(twin.append_quantized(new, new, 8)[0], mx.concatenate([a, new], axis=2), 8)


@BITS
@pytest.mark.parametrize("L", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_that_to_what_is_held(bits, L, masked):
    B, H, K, S, E = 2, 6, 2, 37, 64
    q, k, v = random(B, H, L, E), random(B, K, S, E, seed=1), random(B, K, S, E, seed=2)
    mask = mx.arange(S)[None, None, None] >= mx.array([5, 0])[:, None, None, None] if masked else None
    found = attend_quantized(q, *(Quantized(quantize(x, bits), bits) for x in (k, v)), 0.3, mask)
    plain = (rounded(x, bits) for x in (k, v))
    expected = mx.fast.scaled_dot_product_attention(q, *plain, scale=0.3, mask=mask)
    assert mx.allclose(found, expected, atol=1e-5)


@BITS
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_as_near_as_was_measured(family, bits):
    _, _, net = make(family)
    mx.random.seed(0)
    net.update(tree_map(lambda x: mx.random.normal(x.shape) * (0.2 if x.ndim > 1 else 1), net.parameters()))
    plain = logits(net, [40])
    quantize_memory(net, bits)
    whole = logits(net, [40])
    assert mx.allclose(logits(net, [17, *[1] * 23]), whole, atol=1e-3)
    change = mx.sqrt(mx.square(whole - plain).mean() / mx.square(plain).mean()).item()
    assert CHANGED[bits] / 5 < change < CHANGED[bits]


def logits(net, lengths):
    """(L, V), of tokens that come in parts of these lengths."""
    cache, parts = (
        net.make_cache(),
        mx.split(mx.arange(sum(lengths))[None] + 2, np.cumsum(lengths)[:-1].tolist(), axis=1),
    )
    return mx.concatenate([net.logits(net.hidden(part, cache)) for part in parts], axis=1)[0]


def test_a_net_remembers_text_in_few_bits_once_told_to():
    attention, x = Attention(64, 32, 2, 1), random(1, 1, 1, 32)
    for remembered, tell in ((mx.float32, False), (mx.uint32, True)):
        if tell:
            quantize_memory(attention, 8)
        cache = KVCache()
        attention.recall(random(1, 2, 1, 32), x, x, None, cache)
        assert cache.arrays[0].dtype == remembered


@pytest.mark.parametrize(
    ("head_dim", "bits", "what"), [(48, 8, "groups of 32 numbers: 48"), (32, 6, "so many bits: 6")]
)
def test_a_net_that_cannot_says_so(head_dim, bits, what):
    with pytest.raises(UsageError, match=what):
        quantize_memory(Attention(64, head_dim, 2, 1), bits)
