"""The same behaviour as the elder family's."""

from tests.families.qwen2_vl.test_preprocess import *  # noqa: F403
