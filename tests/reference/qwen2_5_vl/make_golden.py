"""Stores what the reference gives for the tiny checkpoint of tests/families/qwen2_5_vl.

From the repository's root: python -m tests.reference.qwen2_5_vl.make_golden
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from tests.families.qwen2_5_vl import tiny as here
from tests.reference.qwen2_vl.make_golden import numbers

GOLDEN = Path(here.__file__).with_name("golden.npz")


def make() -> dict[str, np.ndarray]:
    config = Qwen2_5_VLConfig(**here.TINY.config_json, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    return numbers(here.TINY, Qwen2_5_VLForConditionalGeneration(config).eval())


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **make())
