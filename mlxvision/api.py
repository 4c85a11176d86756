"""Three functions for a script: load, generate, stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlxvision.engine import Engine, Stream
from mlxvision.images import open_image
from mlxvision.types import Done, Image, Message, Plan, Request, Sampling

if TYPE_CHECKING:
    from mlxvision.family import Model
    from mlxvision.loading.memory import LowMemory
    from mlxvision.nn.decoder import KVBits
    from mlxvision.nn.sharing import Group


@cache
def shared_engine() -> Engine:
    return Engine()


def load(
    name: str | Path | None = None,
    *,
    force: bool = False,
    low_memory: LowMemory = "auto",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    group: Group | None = None,
    kv_bits: KVBits | None = None,
) -> Model:
    """Load a model: a directory, a pulled repository `owner/name[@revision]`, or a card's name.

    name: None takes `$MLXVISION_MODEL`, or else the model that comes with the package.
    force: load even if the memory seems not to suffice.
    low_memory, min_pixels, max_pixels, group, kv_bits: as in `Engine.load`.

    Raises: ModelError, OutOfMemoryError, UsageError
    """
    return shared_engine().load(
        name,
        force=force,
        low_memory=low_memory,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        group=group,
        kv_bits=kv_bits,
    )


def stream(
    model: Model,
    prompt: str,
    images: Sequence[Any] = (),
    *,
    system: str = "",
    sampling: Sampling = Sampling(),
    plan: Plan = "auto",
) -> Stream:
    """The answer as it comes: Progress and Token events, and at the end one Done.

    images: whatever `open_image` takes; shown before the prompt. A path inside the prompt stays text.
    plan: as in `Request`.

    Raises: ImageError, UsageError
    """
    opened = [image if isinstance(image, Image) else open_image(image) for image in images]
    question = Message("user", (*opened, prompt))
    messages = (Message("system", (system,)), question) if system else (question,)
    return shared_engine().stream(model, Request(messages, sampling, plan))


def generate(
    model: Model,
    prompt: str,
    images: Sequence[Any] = (),
    *,
    system: str = "",
    sampling: Sampling = Sampling(),
    plan: Plan = "auto",
) -> Done:
    """The whole answer: text, tokens, finish_reason, usage, receipts, timings, and lines with their boxes if zoomed.

    images: whatever `open_image` takes; shown before the prompt. A path inside the prompt stays text.
    plan: as in `Request`.

    Raises: MLXVisionError
    """
    return stream(model, prompt, images, system=system, sampling=sampling, plan=plan).result()
