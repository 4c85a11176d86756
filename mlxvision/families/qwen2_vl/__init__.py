"""Qwen2-VL: the patches of an image become tokens of the text, placed by row and column."""

from mlxvision.families.qwen2_vl.checkpoint import is_tower, rename
from mlxvision.families.qwen2_vl.config import read_config
from mlxvision.families.qwen2_vl.grounding import boxes
from mlxvision.families.qwen2_vl.model import Qwen2VL, request_bytes
from mlxvision.families.qwen2_vl.preprocess import preprocess, rows
from mlxvision.families.qwen2_vl.prompt import render, stop_tokens
from mlxvision.family import Family

FAMILY = Family(
    name="qwen2_vl",
    read_config=read_config,
    build=Qwen2VL,
    rename=rename,
    is_tower=is_tower,
    request_bytes=request_bytes,
    context_length=lambda config: config.text.max_position_embeddings,
    preprocess=preprocess,
    render=render,
    image_token=lambda config: config.vision_start_token_id,
    stop_tokens=stop_tokens,
    rows=rows,
    boxes=boxes,
)
