"""Whether a model fits into this machine, said before anything large is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import mlx.core as mx

from mlxvision.errors import OutOfMemoryError
from mlxvision.loading.header import FLOATS, TensorInfo

CONTEXT_TOKENS = 4096
"""The length of conversation that there must be room for, where a model can take as much."""

LowMemory = Literal["auto", "on", "off"]

_MEMINFO = Path("/proc/meminfo")
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Estimate:
    weights_bytes: int
    request_bytes: int


def widens() -> bool:
    """Whether floats are computed in float32 whatever they are stored in: 16-bit arithmetic is slow on CPUs."""
    return not mx.metal.is_available()


def estimate(infos: Iterable[TensorInfo], request_bytes: int) -> Estimate:
    """infos: of all tensors; request_bytes: in 16-bit, as a family tells it."""
    if not widens():
        return Estimate(sum(info.nbytes for info in infos), request_bytes)
    weights = sum(4 * info.size if info.dtype in FLOATS else info.nbytes for info in infos)
    return Estimate(weights, 2 * request_bytes)


def plan_memory(parts: Sequence[Estimate], low_memory: LowMemory, *, force: bool) -> bool:
    """Whether the parts of a net are to take turns in memory. Raises: OutOfMemoryError unless force is given"""
    together = Estimate(sum(part.weights_bytes for part in parts), parts[0].request_bytes)
    takes_turns = low_memory == "on" or (low_memory == "auto" and not _fits(together))
    if not force:
        check_memory(max(parts, key=lambda part: part.weights_bytes) if takes_turns else together)
    return takes_turns


def check_memory(needed: Estimate) -> None:
    """Raises: OutOfMemoryError if the model and one request need more than this machine has to give."""
    if not _fits(needed):
        raise OutOfMemoryError(
            "the model does not fit into memory",
            f"{needed.weights_bytes / _GB:.1f} GB of weights and {needed.request_bytes / _GB:.1f} GB for one request, "
            f"where {available_bytes() / _GB:.1f} GB can be used",
            "Use a smaller or a 4-bit model (`mlxvision convert --bits 4` makes one), or --force to try nevertheless",
        )


def _fits(needed: Estimate) -> bool:
    return needed.weights_bytes + needed.request_bytes <= available_bytes()


def available_bytes() -> int:
    """What this machine has to give: to the GPU where there is Metal, else to this process."""
    if mx.metal.is_available():
        return int(mx.device_info()["max_recommended_working_set_size"])
    if _MEMINFO.exists():
        fields = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
