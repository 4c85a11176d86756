"""The register of model families: one line each, imported when a checkpoint asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mlxvision.errors import UnsupportedModelError

if TYPE_CHECKING:
    from mlxvision.family import Family

_MODULES = {
    "mllama": "mlxvision.families.mllama",
    "qwen2_vl": "mlxvision.families.qwen2_vl",
    "qwen2_5_vl": "mlxvision.families.qwen2_5_vl",
    "qwen3_vl": "mlxvision.families.qwen3_vl",
}


def find(model_type: str) -> Family:
    """The family whose checkpoints say `"model_type": model_type` in config.json.

    Raises: UnsupportedModelError
    """
    if model_type not in _MODULES:
        known = ", ".join(sorted(_MODULES))
        raise UnsupportedModelError("no family reads this model_type", model_type, f"Use a checkpoint of: {known}")
    return import_module(_MODULES[model_type]).FAMILY
