"""Tiny model directories with random weights, in the layout of the released ones."""

import json
import string
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from mlxvision.families.mllama import FAMILY

SPECIAL = (
    "<|unk|>",
    "<|finetune_right_pad_id|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
_SIDE_PX = 28
_RATIOS = [[rows, columns] for rows in range(1, 5) for columns in range(1, 5) if rows * columns <= 4]

PREPROCESSOR = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_pad": True,
    "image_mean": [0.48, 0.45, 0.4],
    "image_std": [0.26, 0.27, 0.28],
    "max_image_tiles": 4,
    "resample": 2,
    "rescale_factor": 1 / 255,
    "size": {"height": _SIDE_PX, "width": _SIDE_PX},
}
VISION = {
    "attention_heads": 2,
    "hidden_act": "gelu",
    "hidden_size": 16,
    "image_size": _SIDE_PX,
    "intermediate_layers_indices": [1],
    "intermediate_size": 24,
    "max_num_tiles": 4,
    "norm_eps": 1e-5,
    "num_channels": 3,
    "num_global_layers": 1,
    "num_hidden_layers": 2,
    "patch_size": 14,
    "supported_aspect_ratios": _RATIOS,
    "vision_output_dim": 32,
}
TEXT = {
    "cross_attention_layers": [1],
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "max_position_embeddings": 8192,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
    "tie_word_embeddings": False,
}


def make_mllama(directory: Path, says: str | None = None, seed: int = 0) -> Path:
    """A model directory. says: the one token of its greedy answers, over and over; by default they are random.

    The token it says has id 0, and all tokens are equally likely; with `--top-k 50` no answer ends by itself.
    """
    directory.mkdir(parents=True)
    characters = dict.fromkeys(([] if says is None else [says]) + list(string.printable))
    vocab = {token: number for number, token in enumerate([*characters, *SPECIAL])}
    config = {
        "model_type": "mllama",
        "image_token_index": len(vocab),
        "text_config": TEXT | {"vocab_size": len(vocab)},
        "vision_config": VISION,
    }
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR), encoding="utf-8")
    make_tokenizer(vocab).save(str(directory / "tokenizer.json"))
    weights = _random_weights(config, seed)
    if says is not None:
        weights["language_model.lm_head.weight"] *= 0
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    return directory


def make_tokenizer(vocab: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([*SPECIAL, "<|image|>"])
    return tokenizer


def _random_weights(config: dict, seed: int) -> dict[str, mx.array]:
    """Non-zero gates, and norms that are not 1."""
    rng = np.random.default_rng(seed)
    net = FAMILY.build(FAMILY.read_config(config, PREPROCESSOR))
    shapes = {path: parameter.shape for path, parameter in tree_flatten(net.parameters())}
    return {path: mx.array(rng.normal(0.3, 0.4, shape), mx.float32) for path, shape in shapes.items()}
