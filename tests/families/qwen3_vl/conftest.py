"""The golden numbers are float32 of a CPU; GPUs may multiply in less."""

from collections.abc import Iterator

import mlx.core as mx
import pytest

from tests.fakes.qwen import Tiny
from tests.families.qwen3_vl.tiny import TINY


@pytest.fixture(autouse=True)
def on_cpu() -> Iterator[None]:
    with mx.stream(mx.cpu):
        yield


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    return TINY
