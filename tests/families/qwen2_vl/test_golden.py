"""The tiny checkpoint gives the numbers of the reference, stored by tests/reference/*/make_golden.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from tests.fakes.qwen import PROMPTS, Tiny

Golden = Mapping[str, np.ndarray]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    with np.load(Path(request.path).with_name("golden.npz")) as arrays:
        yield arrays


def assert_close(ours: mx.array, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(np.array(ours) - theirs).max() <= 1e-5 * np.abs(theirs).max()


def logits(tiny: Tiny, name: str, chunk: int) -> mx.array:
    net, (ids, pictures) = tiny.net, tiny.prompt(name)
    cache = net.make_cache()
    for picture in pictures:
        cache.add_image(net.encode(tiny.prepare(picture)))
    parts = [mx.array([ids[i : i + chunk]]) for i in range(0, len(ids), chunk)]
    return mx.concatenate([net.logits(net.hidden(part, cache)) for part in parts], axis=1)[0]


def test_patches_are_the_reference_s_bit_for_bit(tiny: Tiny, golden: Golden) -> None:
    np.testing.assert_array_equal(tiny.prepare("wide").patches(), golden["patches"])


def test_the_tower_gives_the_reference_features(tiny: Tiny, golden: Golden) -> None:
    assert_close(tiny.net.visual(tiny.prepare("wide"), lambda: None), golden["features"])


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_logits_are_the_reference_s_however_the_prompt_is_cut(
    tiny: Tiny, golden: Golden, name: str, chunk: int
) -> None:
    assert_close(logits(tiny, name, chunk)[:, ::8], golden[name])


def test_each_row_of_a_batch_reads_its_own_images(tiny: Tiny, golden: Golden) -> None:
    """Prompts of different lengths, padded on the left."""
    rows = [tiny.prompt(name) for name in PROMPTS]
    L = max(len(ids) for ids, _ in rows)
    cache = tiny.net.make_cache([L - len(ids) for ids, _ in rows])
    for row, (_, pictures) in enumerate(rows):
        for picture in pictures:
            cache.add_image(tiny.net.encode(tiny.prepare(picture)), row)
    tokens = mx.array([[0] * (L - len(ids)) + ids for ids, _ in rows])
    hidden = mx.concatenate([tiny.net.hidden(tokens[:, i : i + 5], cache) for i in range(0, L, 5)], axis=1)
    for row, (name, (ids, _)) in enumerate(zip(PROMPTS, rows, strict=True)):
        assert_close(tiny.net.logits(hidden)[row, L - len(ids) :, ::8], golden[name])
