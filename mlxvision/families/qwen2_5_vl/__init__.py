"""Qwen2.5-VL: patches of an image, most of the time seen through windows, become tokens of the text."""

from mlxvision.families.qwen2_5_vl.checkpoint import is_tower, rename
from mlxvision.families.qwen2_5_vl.config import read_config
from mlxvision.families.qwen2_5_vl.grounding import boxes
from mlxvision.families.qwen2_5_vl.model import Qwen25VL, request_bytes
from mlxvision.families.qwen2_5_vl.preprocess import preprocess, rows
from mlxvision.families.qwen2_5_vl.prompt import render, stop_tokens
from mlxvision.family import Family

FAMILY = Family(
    name="qwen2_5_vl",
    read_config=read_config,
    build=Qwen25VL,
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
