"""The measuring instrument and the model under test: one pair for each kind of config."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.qwen2_vl.reference import RandomReference
from tests.reference.qwen3_vl.reference import KINDS, draw


@pytest.fixture(scope="session", autouse=True)
def on_cpu() -> None:
    """Float32 is exact enough there; GPUs may multiply in less. Tiny matrices gain nothing from threads."""
    mx.set_default_device(mx.cpu)
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=KINDS)
def reference(request: pytest.FixtureRequest, seed: int, tmp_path_factory: pytest.TempPathFactory) -> RandomReference:
    return draw(tmp_path_factory.mktemp("repository"), seed, request.param)


@pytest.fixture(scope="session")
def model(reference: RandomReference) -> Model:
    return load_model(reference.directory, "tiny")


@pytest.fixture
def orders() -> Callable[[Any], tuple[np.ndarray, np.ndarray]]:
    """A prepared image -> in which order our tower and the reference's have its patches: as they come."""
    return lambda image: (np.arange(len(image.patches())),) * 2
