"""Sessions, caches and decoding, on the one MLX thread."""

from mlxvision.engine.disk import DiskCache
from mlxvision.engine.engine import Engine, Stream
from mlxvision.engine.image_cache import ImageCache
from mlxvision.engine.memory import Memory
from mlxvision.engine.page import rows_of
from mlxvision.engine.session import Session

__all__ = ["DiskCache", "Engine", "ImageCache", "Memory", "Session", "Stream", "rows_of"]
