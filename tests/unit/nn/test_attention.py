"""Attention a few rows at a time."""

import mlx.core as mx
import pytest

from mlxvision.nn.attention import attend


def random(*shape):
    return mx.random.normal(shape, key=mx.random.key(sum(shape)))


@pytest.mark.parametrize("L", [1, 511, 512, 513, 1100])
def test_rows_are_what_they_are_together(L):
    q, k, v = random(1, 2, L, 8), random(1, 2, 70, 8), random(1, 2, 70, 4)
    together = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3)
    assert mx.abs(attend(q, k, v, 0.3) - together).max().item() < 1e-6


def test_few_scores_are_in_memory_at_once():
    with mx.stream(mx.cpu):
        q, k, v = random(1, 4, 4096, 8), random(1, 4, 2048, 8), random(1, 4, 2048, 8)
        mx.eval(q, k, v)
        mx.clear_cache()
        mx.reset_peak_memory()
        before = mx.get_active_memory()
        mx.eval(attend(q, k, v, 0.3))
    all_scores_bytes = 4 * 4096 * 2048 * 4
    assert mx.get_peak_memory() - before < all_scores_bytes / 2
