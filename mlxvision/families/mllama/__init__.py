"""Llama 3.2 Vision (mllama): tiles of one image, read by a text decoder through gated cross-attention."""

from mlxvision.families.mllama.checkpoint import is_tower, rename
from mlxvision.families.mllama.config import read_config
from mlxvision.families.mllama.model import Mllama, request_bytes
from mlxvision.families.mllama.preprocess import preprocess, rows
from mlxvision.families.mllama.prompt import render, stop_tokens
from mlxvision.family import Family

FAMILY = Family(
    name="mllama",
    read_config=read_config,
    build=Mllama,
    rename=rename,
    is_tower=is_tower,
    request_bytes=request_bytes,
    context_length=lambda config: config.text.max_position_embeddings,
    preprocess=preprocess,
    render=render,
    image_token=lambda config: config.image_token_index,
    stop_tokens=stop_tokens,
    rows=rows,
)
