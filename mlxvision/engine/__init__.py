"""Sessions, caches and decoding, on the one MLX thread."""

from mlxvision.engine.engine import Engine, Session, Stream

__all__ = ["Engine", "Session", "Stream"]
