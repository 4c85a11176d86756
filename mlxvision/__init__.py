"""Exact vision-language models on MLX.

from mlxvision import generate, load

model = load("nano")
print(generate(model, "What does it say?", images=["receipt.png"]).text)

What computes is imported at its first use, so `import mlxvision` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mlxvision.errors import (
    DownloadError,
    ImageError,
    ImageFormatError,
    ImageNotFoundError,
    ImageTooLargeError,
    MLXVisionError,
    ModelError,
    ModelFormatError,
    ModelNotFoundError,
    OutOfMemoryError,
    UnsupportedModelError,
    UsageError,
)
from mlxvision.types import (
    Done,
    Event,
    FinishReason,
    Image,
    Message,
    Progress,
    Receipt,
    Request,
    Sampling,
    Token,
    Usage,
)

if TYPE_CHECKING:
    from mlxvision.api import generate, load, stream
    from mlxvision.engine import Engine, Session
    from mlxvision.images import open_image

__version__ = "0.1.0"

__all__ = [
    "Done",
    "DownloadError",
    "Engine",
    "Event",
    "FinishReason",
    "Image",
    "ImageError",
    "ImageFormatError",
    "ImageNotFoundError",
    "ImageTooLargeError",
    "MLXVisionError",
    "Message",
    "ModelError",
    "ModelFormatError",
    "ModelNotFoundError",
    "OutOfMemoryError",
    "Progress",
    "Receipt",
    "Request",
    "Sampling",
    "Session",
    "Token",
    "UnsupportedModelError",
    "Usage",
    "UsageError",
    "generate",
    "load",
    "open_image",
    "stream",
]

_HOMES = {
    "Engine": "mlxvision.engine",
    "Session": "mlxvision.engine",
    "generate": "mlxvision.api",
    "load": "mlxvision.api",
    "open_image": "mlxvision.images",
    "stream": "mlxvision.api",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
