"""Qwen3-VL: image tokens bring features of several depths, which meet the decoder's first blocks one after another."""

from mlxvision.families.qwen3_vl.checkpoint import is_tower, rename
from mlxvision.families.qwen3_vl.config import read_config
from mlxvision.families.qwen3_vl.grounding import boxes
from mlxvision.families.qwen3_vl.model import Qwen3VL, request_bytes
from mlxvision.families.qwen3_vl.prompt import render
from mlxvision.family import Family
from mlxvision.nn.grid_input import prepare, rows_of_text
from mlxvision.text.chatml import stop_tokens

FAMILY = Family(
    name="qwen3_vl",
    read_config=read_config,
    build=Qwen3VL,
    rename=rename,
    is_tower=is_tower,
    request_bytes=request_bytes,
    context_length=lambda config: config.text.max_position_embeddings,
    preprocess=lambda image, config: prepare(image, config.preprocess),
    render=render,
    image_token=lambda config: config.vision_start_token_id,
    stop_tokens=stop_tokens,
    rows=lambda config: rows_of_text(config.preprocess),
    boxes=boxes,
)
