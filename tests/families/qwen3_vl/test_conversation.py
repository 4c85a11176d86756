"""The same behaviour as the elder family's."""

import pytest

from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from tests.families.qwen2_vl.test_conversation import *  # noqa: F403
from tests.families.qwen3_vl.tiny import Tiny3


@pytest.fixture(scope="module")
def model(tiny: Tiny3) -> Model:
    return shared_worker().submit(lambda: Tiny3(tiny.family, tiny.vision).model).result()
