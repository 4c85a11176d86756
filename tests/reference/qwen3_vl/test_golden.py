"""The golden numbers that the tests without torch compare with are those of the reference."""

import numpy as np
import pytest

from tests.reference.qwen3_vl.make_golden import GOLDEN, make

pytestmark = pytest.mark.reference


def test_the_stored_numbers_are_what_the_reference_gives() -> None:
    fresh = make()
    with np.load(GOLDEN) as stored:
        assert set(stored) == set(fresh)
        for name, array in stored.items():
            assert np.abs(array - fresh[name]).max() <= 1e-6 * np.abs(array).max(), name
