"""The tiny checkpoint gives the numbers of the reference, stored by tests/reference/mllama/make_golden.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from mlxvision.families.mllama import FAMILY
from tests.families.mllama import tiny

Golden = Mapping[str, np.ndarray]


@pytest.fixture
def golden() -> Iterator[Golden]:
    with np.load(Path(__file__).with_name("golden.npz")) as arrays:
        yield arrays


def assert_close(ours: mx.array, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(np.array(ours) - theirs).max() <= 1e-5 * np.abs(theirs).max()


def logits(name: str, chunk: int) -> mx.array:
    net, (ids, pictures) = tiny.net(), tiny.prompt(name)
    cache = net.make_cache()
    for picture in pictures:
        cache.add_image(net.encode(tiny.prepare(picture)))
    parts = [mx.array([ids[i : i + chunk]]) for i in range(0, len(ids), chunk)]
    return mx.concatenate([net.logits(net.hidden(part, cache)) for part in parts], axis=1)[0]


def test_tiles_are_the_reference_s_bit_for_bit(golden: Golden) -> None:
    np.testing.assert_array_equal(tiny.prepare("two tiles").tiles(), golden["tiles"])


def test_the_tower_gives_the_reference_features(golden: Golden) -> None:
    assert_close(tiny.net().vision_model(tiny.prepare("two tiles"), lambda: None), golden["tower"])


@pytest.mark.parametrize("name", tiny.PROMPTS)
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_logits_are_the_reference_s_however_the_prompt_is_cut(golden: Golden, name: str, chunk: int) -> None:
    assert_close(logits(name, chunk), golden[name])


def test_memory_for_an_image_is_counted_to_the_byte() -> None:
    image = tiny.net().encode(tiny.prepare("two tiles"))
    full = image.nbytes * tiny.config().vision.max_num_tiles // tiny.prepare("two tiles").n_tiles
    one, none = (FAMILY.request_bytes(tiny.config(), images, 10) for images in (1, 0))
    assert one - none == full // 2  # float32 here, 16 bits there
