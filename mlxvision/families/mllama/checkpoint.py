"""The names that tensors carry in the layouts these checkpoints come in.

Hub layout, the net's own: `vision_model.*`, `multi_modal_projector.*`, `language_model.{model,lm_head}.*`.
transformers 5: `model.vision_model.*`, `model.multi_modal_projector.*`, `model.language_model.*`, `lm_head.*`.
mlx-community: the hub layout with `vision_tower` for `vision_model`.
"""

import re

_TOWER = re.compile(r"vision_model\.|multi_modal_projector\.|.*\.cross_attn\.(k_proj|v_proj|k_norm)\.")
_PREFIXES = (
    ("model.language_model.model.", "language_model.model."),
    ("model.language_model.lm_head.", "language_model.lm_head."),
    ("model.language_model.", "language_model.model."),
    ("model.vision_model.", "vision_model."),
    ("model.vision_tower.", "vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
    ("vision_tower.", "vision_model."),
)


def rename(key: str) -> str | None:
    """A checkpoint's key -> the net's parameter path; None for buffers that older writers saved."""
    if key.endswith("rotary_emb.inv_freq"):
        return None
    for old, new in _PREFIXES:
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def is_tower(path: str) -> bool:
    """Whether a parameter makes keys and values of images: the vision encoder and what projects its features."""
    return _TOWER.match(path) is not None
