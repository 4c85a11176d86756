"""The same rungs as the elder family's, climbed with this one's checkpoints."""

from tests.reference.qwen2_vl.test_preprocess import *  # noqa: F403
