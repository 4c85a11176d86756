"""Machines that share a decoder stop together: one that stopped alone would leave the others waiting for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import mlx.core as mx

from mlxvision.engine.answer import Interruption
from mlxvision.family import Cache, Model, Net
from mlxvision.loading.stored import StoredNet
from mlxvision.nn.sharing import Group, as_first_says, group_of
from mlxvision.types import FinishReason

_REASONS: Sequence[FinishReason | None] = (None, "cancelled", "time")


class Meeting:
    """A net as one request sees it. At each call of the decoder, all machines learn whether the first wants to stop.

    Between two calls they know the same, however often they look: what they do between may differ, as where one
    remembers an image and another must encode it.
    """

    def __init__(self, net: Net, group: Group, interruption: Interruption) -> None:
        self.encode, self.restore, self.make_cache, self.logits = net.encode, net.restore, net.make_cache, net.logits
        self._hidden, self._group, self._interruption = net.hidden, group, interruption
        self._said = mx.array(0)

    def reason(self) -> FinishReason | None:
        """The `Interruption` of all machines."""
        return _REASONS[cast(int, self._said.item())]

    def hidden(self, tokens: mx.array, cache: Cache) -> mx.array:
        self._said = as_first_says(mx.array(_REASONS.index(self._interruption())), self._group)
        mx.async_eval(self._said)
        return self._hidden(tokens, cache)


def meet(model: Model, interruption: Interruption) -> tuple[Model, Interruption]:
    """The same, but for a model that machines share. Called on every one of them."""
    group = group_of(model.net.module) if isinstance(model.net, StoredNet) else None
    if group is None:
        return model, interruption
    meeting = Meeting(model.net, group, interruption)
    return replace(model, net=meeting), meeting.reason
