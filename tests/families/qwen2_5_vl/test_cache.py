"""The same behaviour as the elder family's."""

from tests.families.qwen2_vl.test_cache import *  # noqa: F403
