"""The same behaviour as the elder family's; images are remembered with the features of all their levels."""

import mlx.core as mx

from tests.fakes.qwen import Tiny
from tests.families.qwen2_vl.test_cache import *  # noqa: F403


def test_an_image_is_restored_with_all_its_levels_or_not_at_all(tiny: Tiny) -> None:
    wide = tiny.prepare("wide")
    (features,) = tiny.net.encode(wide).arrays
    assert features.shape == (wide.receipt.tiles, 3, 24)
    assert mx.array_equal(tiny.net.restore(wide, [features]).features, features)
    for other in ([features[:, :2]], [features[:, 0]], [features[:-1]], [features] * 2, []):
        assert tiny.net.restore(wide, other) is None
