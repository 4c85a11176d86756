"""Blocks shared by two or more families."""

from mlxvision.nn.cache import KVCache
from mlxvision.nn.grid_cache import GridCache, GridImage

__all__ = ["GridCache", "GridImage", "KVCache"]
