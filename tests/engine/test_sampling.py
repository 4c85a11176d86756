"""The filters are compared with a plain numpy reading of their definitions."""

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from mlxvision.engine.sampling import Sampler, check_sampling
from mlxvision.errors import UsageError
from mlxvision.types import Sampling


def softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()


def distribution(logits, sampling):
    """(V,) what a token's chance is to be, by the definitions: the filters look at the same distribution."""
    p = softmax(logits.astype(np.float64) / sampling.temperature)
    order = np.argsort(-p, kind="stable")
    n_nucleus = 1 + int((np.cumsum(p[order]) < sampling.top_p).sum())
    n_top = sampling.top_k or len(p)
    keep = np.zeros(len(p), bool)
    keep[order[: min(n_nucleus, n_top)]] = True
    keep &= p >= sampling.min_p * p.max()
    return np.where(keep, p, 0) / p[keep].sum()


def draw(logits, sampling, n):
    sampler, logits = Sampler(sampling), mx.array(logits)
    return np.array(mx.stack([sampler(logits).token for _ in range(n)]))


def random_logits(seed, size=8, spread=1.0):
    return np.random.default_rng(seed).normal(0, spread, size).astype(np.float32)


FILTERS = [
    {},
    {"top_p": 0.5},
    {"top_p": 0.9},
    {"top_k": 1},
    {"top_k": 3},
    {"top_k": 100},
    {"min_p": 0.3},
    {"min_p": 0.99},
    {"top_p": 0.8, "top_k": 4, "min_p": 0.2},
    {"top_p": 0.01},
    {"temperature": 0.3, "top_p": 0.9},
    {"temperature": 5.0, "top_p": 0.6, "min_p": 0.5},
]


@pytest.mark.parametrize("values", FILTERS, ids=str)
def test_the_filters_keep_the_tokens_and_chances_of_their_definitions(values):
    for seed in range(4):
        sampling = replace(Sampling(temperature=1.0, seed=seed), **values)
        logits = random_logits(seed)
        expected = distribution(logits, sampling)
        counts = np.bincount(draw(logits, sampling, 300), minlength=len(logits)) / 300
        assert set(np.flatnonzero(counts)) <= set(np.flatnonzero(expected))
        assert set(np.flatnonzero(expected > 0.05)) <= set(np.flatnonzero(counts))
        assert np.abs(counts - expected).sum() / 2 < 0.12


def test_temperature_zero_takes_the_likeliest_and_ignores_the_filters():
    for seed in range(20):
        logits = random_logits(seed, 50)
        sampling = Sampling(top_p=0.1, top_k=2, min_p=0.5, seed=seed)
        assert draw(logits, sampling, 1) == draw(logits, Sampling(), 1) == logits.argmax()


@pytest.mark.parametrize("temperature", [1e-6, 0.01, 1.0, 100.0])
def test_top_k_of_one_is_greedy_at_any_temperature(temperature):
    for seed in range(10):
        logits = random_logits(seed, 50, spread=10)
        assert set(draw(logits, Sampling(temperature=temperature, top_k=1, seed=seed), 20)) == {logits.argmax()}


def test_the_lowest_temperature_is_greedy_in_practice():
    logits = random_logits(3, 50, spread=30)
    assert set(draw(logits, Sampling(temperature=1e-6), 50)) == {logits.argmax()}


@pytest.mark.parametrize("values", [{}, {"top_p": 0.9}])
def test_a_seed_names_a_sequence(values):
    logits = random_logits(1, 100)
    a, again, b, largest = (
        draw(logits, replace(Sampling(temperature=1.0, seed=seed), **values), 40) for seed in (5, 5, 6, 2**64 - 1)
    )
    assert (a == again).all()
    assert (a != b).any()
    assert (a != largest).any()
    assert len(set(a)) > 5


@pytest.mark.parametrize("penalty", [0.5, 1.3, 4.0])
def test_the_penalty_divides_or_multiplies_the_logits_of_tokens_in_the_answer(penalty):
    for seed in range(5):
        steps = [random_logits(100 * seed + i, 12, spread=3) - 8 * (i % 2) for i in range(30)]
        sampler, used, expected = Sampler(Sampling(repetition_penalty=penalty)), set(), []
        for logits in steps:
            penalised = [(x / penalty if x > 0 else x * penalty) if i in used else x for i, x in enumerate(logits)]
            expected.append(int(np.argmax(penalised)))
            used.add(expected[-1])
        assert [int(sampler(mx.array(logits)).token) for logits in steps] == expected
        assert len(used) > 3


def test_the_penalty_does_not_change_the_reported_logprobs():
    logits = random_logits(0, 12)
    sampler = Sampler(Sampling(repetition_penalty=10, logprobs=12))
    for _ in range(5):
        choice = sampler(mx.array(logits))
        np.testing.assert_allclose(
            choice.logprob.item(), np.log(softmax(logits))[choice.token.item()], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_logprobs_are_the_models_own_distribution(dtype):
    for seed in range(5):
        logits = mx.array(random_logits(seed, 300, spread=5)).astype(dtype)
        exact = np.array(logits.astype(mx.float32)).astype(np.float64)
        logprobs = np.log(softmax(exact))
        choice = Sampler(Sampling(temperature=2.0, top_k=50, logprobs=20, seed=seed))(logits)
        np.testing.assert_allclose(choice.logprob.item(), logprobs[choice.token.item()], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(np.array(choice.top_logprobs), np.sort(logprobs)[::-1][:20], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(logprobs[np.array(choice.top)], np.array(choice.top_logprobs), rtol=1e-5, atol=1e-5)
        assert len(set(choice.top.tolist())) == 20


def test_all_logprobs_sum_to_one_and_none_are_given_unasked():
    logits = mx.array(random_logits(0, 60))
    everything = Sampler(Sampling(logprobs=100))(logits)
    assert everything.top.shape == (60,)
    np.testing.assert_allclose(np.exp(np.array(everything.top_logprobs)).sum(), 1, rtol=1e-5, atol=1e-5)
    assert Sampler(Sampling())(logits).top.tolist() == []


def test_large_logits_do_not_overflow():
    choice = Sampler(Sampling(temperature=1e-6, top_p=0.9, logprobs=2))(mx.array([-6e4, 6e4, 0.0]))
    assert (choice.token.item(), choice.logprob.item()) == (1, 0)


NAN, INF = float("nan"), float("inf")
WRONG = {
    "max_tokens": [0, -1, NAN, INF, -INF, 1 << 40],
    "temperature": [-0.1, NAN, INF, -INF, 1e-9, 101],
    "top_p": [0, -0.5, 1.01, NAN, INF, -INF],
    "top_k": [-1, NAN, INF, -INF, 1 << 40],
    "min_p": [-0.1, 1, NAN, INF, -INF],
    "repetition_penalty": [0, -1, NAN, INF, -INF, 1e-9, 101],
    "seed": [-1, 1 << 64, NAN, INF],
    "logprobs": [-1, 101, NAN, INF],
    "stop": [("",), ("a", ""), "abc"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(UsageError, match=f"{name} = "):
        check_sampling(replace(Sampling(), **{name: value}))


def test_the_ends_of_the_ranges_are_allowed():
    check_sampling(Sampling())
    check_sampling(Sampling(1, 100, 1e-9, 1, 0.999, 0.01, 2**64 - 1, ("x", "\n"), 100))
