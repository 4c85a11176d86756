"""The names that tensors carry in the layouts these checkpoints come in.

Hub layout, the net's own: `model.visual.*`, `model.language_model.*`, `lm_head.*`.
mlx-community: `vision_tower.*`, `language_model.model.*`, `language_model.lm_head.*`.
"""

from mlxvision.nn.grid_checkpoint import renamed

_PREFIXES = (
    ("vision_tower.", "model.visual."),
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
)


def rename(key: str) -> str | None:
    """A checkpoint's key -> the net's parameter path; None for buffers that older writers saved."""
    return renamed(key, _PREFIXES)


def is_tower(path: str) -> bool:
    """Whether a parameter makes features of images."""
    return path.startswith("model.visual.")
