"""A decoder shared out among machines: each holds some heads of every attention, and a part of every MLP.

What leaves an attention or an MLP is summed over all machines, so between them everyone knows the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, cast

import mlx.core as mx
import mlx.nn as nn
from mlx.nn.layers.distributed import (
    AllToShardedLinear,
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
    ShardedToAllLinear,
    shard_linear,
)

from mlxvision.errors import UsageError

Group = mx.distributed.Group
Side = Literal["all-to-sharded", "sharded-to-all"]
"""Whether machines share what comes out of a layer, or what goes in."""

_SHARES_OUTPUT = (AllToShardedLinear, QuantizedAllToShardedLinear)
_SHARES_INPUT = (ShardedToAllLinear, QuantizedShardedToAllLinear)
_ADVICE = "Launch a number of machines that divides it"


def launched() -> Group | None:
    """The machines that `mlx.launch` started together; None if this one was started alone. Raises: UsageError"""
    if "MLX_RANK" not in os.environ:
        return None
    try:
        group = mx.distributed.init()
    except RuntimeError as error:
        raise UsageError("cannot reach the other machines", os.environ["MLX_RANK"], "Check the hosts file") from error
    return group if group.size() > 1 else None


def share_linear(linear: nn.Module, side: Side, group: Group) -> nn.Module:
    """Raises: UsageError"""
    axis = 0 if side == "all-to-sharded" else -1
    # Of a quantized layer, weights that have a scale in common stay together.
    size = cast(mx.array, linear.get("scales", linear["weight"])).shape[axis]
    check_divisible(size, "rows of weights" if axis == 0 else "columns of weights, or groups of them,", group)
    return shard_linear(linear, side, group=group)


def check_divisible(n: int, of_what: str, group: Group) -> None:
    """Raises: UsageError"""
    if n % group.size():
        raise UsageError(f"{group.size()} machines cannot share the {of_what} of this model evenly", n, _ADVICE)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of an array that this machine holds."""

    axis: int
    group: Group

    def of(self, x: mx.array) -> mx.array:
        return mx.contiguous(mx.split(x, self.group.size(), axis=self.axis)[self.group.rank()])


def shares_of(net: nn.Module) -> dict[str, Share]:
    """Of the arrays that are shared out, by parameter path."""
    shares = {}
    for path, module in net.named_modules():
        if isinstance(module, _SHARES_OUTPUT):
            shares |= {f"{path}.{name}": Share(0, module.group) for name in module.parameters()}
        elif isinstance(module, _SHARES_INPUT):
            shares |= {f"{path}.{name}": Share(-1, module.group) for name in module.parameters() if name != "bias"}
    return shares


def group_of(net: nn.Module) -> Group | None:
    """The machines that share a net; None if there is only this one."""
    shared = (module.group for _, module in net.named_modules() if isinstance(module, _SHARES_OUTPUT))
    return next(shared, None)


def as_first_says(x: mx.array, group: Group) -> mx.array:
    """The first machine's array, on all: what they compute alone may differ between kinds of chips."""
    # Bound to x, so that no machine comes to this sum before those that x is made of: all must meet in one order.
    said = x if group.rank() == 0 else mx.depends(mx.zeros_like(x), x)
    return mx.distributed.all_sum(said, group=group)


def sum_of_all(n: int, group: Group) -> int:
    """Of what all machines have to give; waits for them. Raises: UsageError"""
    try:
        return cast(int, mx.distributed.all_sum(mx.array(n), group=group).item())
    except RuntimeError as error:
        raise UsageError("another machine ended too early", f"one of {group.size()}", "Run it again") from error
