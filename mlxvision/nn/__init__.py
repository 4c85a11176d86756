"""Blocks shared by two or more families."""

from mlxvision.nn.cache import KVCache

__all__ = ["KVCache"]
