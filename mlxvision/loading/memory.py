"""Whether a model fits into this machine, said before anything large is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import mlx.core as mx

from mlxvision.errors import OutOfMemoryError
from mlxvision.family import Model
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


def check_request(model: Model, n_prompt: int, max_tokens: int, image_tokens: Sequence[int]) -> None:
    """n_prompt: tokens of text that are not in a cache yet. image_tokens: how many each new image has.

    Raises: OutOfMemoryError if the caches would need more than is left, unless the model was loaded by force
    """
    if model.forced:
        return
    n_text = min(n_prompt + max_tokens, model.family.context_length(model.config))
    request_bytes = partial(model.family.request_bytes, model.config)
    # Each is at least what is needed: images are thought of as large as can be, or as text.
    largest, as_text = request_bytes(len(image_tokens), n_text), request_bytes(0, n_text + sum(image_tokens))
    needed = estimate((), min(largest, as_text)).request_bytes
    if needed > left_bytes():
        raise OutOfMemoryError(
            "the request does not fit into memory",
            f"{needed / _GB:.1f} GB for {n_text} tokens of text and {sum(image_tokens)} of images, "
            f"where {left_bytes() / _GB:.1f} GB are left",
            "Begin a new conversation, give less at a time, or lower the limit of tokens",
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


def left_bytes() -> int:
    """What nobody uses; where there is Metal, of the whole memory, for the GPU may take more than is recommended."""
    if mx.metal.is_available():
        return int(mx.device_info()["memory_size"]) - mx.get_active_memory()
    return available_bytes()
