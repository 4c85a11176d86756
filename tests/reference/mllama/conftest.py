"""The measuring instrument and the model under test: one pair for each kind of config."""

import mlx.core as mx
import pytest
import torch

from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.mllama.reference import KINDS, RandomReference


@pytest.fixture(scope="session", autouse=True)
def on_cpu() -> None:
    """Float32 is exact enough there; GPUs may multiply in less. Tiny matrices gain nothing from threads."""
    mx.set_default_device(mx.cpu)
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=KINDS)
def reference(request: pytest.FixtureRequest, seed: int, tmp_path_factory: pytest.TempPathFactory) -> RandomReference:
    return RandomReference(tmp_path_factory.mktemp("repository"), seed, request.param)


@pytest.fixture(scope="session")
def model(reference: RandomReference) -> Model:
    return load_model(reference.directory, "tiny")
