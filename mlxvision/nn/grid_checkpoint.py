"""The names that tensors of a net of `visual`, `model` and `lm_head` carry in the layouts its checkpoints come in.

Hub layout, the net's own: `visual.*`, `model.*`, `lm_head.*`.
transformers 5: `model.visual.*`, `model.language_model.*`, `lm_head.*`.
mlx-community: `vision_tower.*`, `language_model.model.*`, `language_model.lm_head.*`.
"""

from collections.abc import Iterable

_PREFIXES = (
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
    ("model.language_model.", "model."),
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
)


def rename(key: str) -> str | None:
    """A checkpoint's key -> the net's parameter path; None for buffers that older writers saved."""
    return renamed(key, _PREFIXES)


def renamed(key: str, prefixes: Iterable[tuple[str, str]]) -> str | None:
    """prefixes: (in the checkpoint, in the net). As `rename`, for nets whose parts have other names."""
    if key.endswith(".inv_freq"):
        return None
    for old, new in prefixes:
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def is_tower(path: str) -> bool:
    """Whether a parameter makes features of images."""
    return path.startswith("visual.")
