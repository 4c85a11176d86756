"""The measuring instrument and the model under test: one pair for each kind of config."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch
from transformers.vision_utils import get_vision_window_index

from mlxvision.families.qwen2_5_vl.vision import windows_by_shape
from mlxvision.family import Model
from mlxvision.loading.load import load_model
from tests.reference.qwen2_5_vl.reference import KINDS, draw
from tests.reference.qwen2_vl.reference import RandomReference


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
def orders(model: Model) -> Callable[[Any], tuple[np.ndarray, np.ndarray]]:
    """A prepared image -> in which order our tower and the reference's have its patches: by windows."""
    vision = model.config.vision

    def of(image: Any) -> tuple[np.ndarray, np.ndarray]:
        ours = np.concatenate([group.ravel() for group in windows_by_shape(*image.grid, vision.window)])
        grid = torch.tensor([[1, *(side * image.merge for side in image.grid)]])
        theirs, _ = get_vision_window_index(grid, image.merge, vision.window_size, vision.patch_size)
        patches = np.arange(len(image.patches())).reshape(-1, image.merge**2)
        return patches[ours].ravel(), patches[theirs.numpy()].ravel()

    return of
