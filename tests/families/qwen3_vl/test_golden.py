"""The same behaviour as the elder family's; features have levels."""

from tests.fakes.qwen import Tiny
from tests.families.qwen2_vl.test_golden import *  # noqa: F403
from tests.families.qwen2_vl.test_golden import Golden, assert_close


def test_the_tower_gives_the_reference_features(tiny: Tiny, golden: Golden) -> None:
    assert_close(tiny.net.encode(tiny.prepare("wide")).features, golden["features"])
