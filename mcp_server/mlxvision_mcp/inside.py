"""The model in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mlxvision.types import Request

if TYPE_CHECKING:
    from mlxvision.engine import Memory, Stream
    from mlxvision.family import Model


class Inside:
    """name: as for `load`."""

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._model: Model | None = None
        self._memory: Memory | None = None

    @property
    def loaded(self) -> bool:
        return self._model is not None

    def load(self) -> str:
        """The model's name.

        Raises: ModelError, OutOfMemoryError
        """
        from mlxvision.api import load

        self._model = load(self._name)
        return self._model.name

    def stream(self, request: Request) -> Stream:
        """What a request has in common with the one before is not computed again.

        Raises: UsageError
        """
        from mlxvision.api import shared_engine
        from mlxvision.engine import Memory

        self._memory = self._memory or Memory()
        return shared_engine().stream(cast("Model", self._model), request, self._memory)

    def free(self) -> None:
        from mlxvision.api import shared_engine

        self._model = self._memory = None
        shared_engine().free()
