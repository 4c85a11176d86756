"""Sessions, caches and decoding, on the one MLX thread."""

from mlxvision.engine.answer import Memory
from mlxvision.engine.engine import Engine, Session, Stream
from mlxvision.engine.page import rows_of

__all__ = ["Engine", "Memory", "Session", "Stream", "rows_of"]
