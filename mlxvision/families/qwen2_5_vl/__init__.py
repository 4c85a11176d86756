"""Qwen2.5-VL: patches of an image, most of the time seen through windows, become tokens of the text."""

from mlxvision.families.qwen2_5_vl.config import read_config
from mlxvision.families.qwen2_5_vl.grounding import boxes
from mlxvision.families.qwen2_5_vl.model import build, request_bytes
from mlxvision.families.qwen2_5_vl.prompt import render
from mlxvision.family import Family
from mlxvision.nn.grid_checkpoint import is_tower, rename
from mlxvision.nn.grid_input import prepare, rows_of_text
from mlxvision.text.chatml import stop_tokens

FAMILY = Family(
    name="qwen2_5_vl",
    read_config=read_config,
    build=build,
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
