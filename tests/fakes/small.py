"""A real family with random weights and sizes of a few dozen, ready to answer."""

import mlx.core as mx
from mlx.utils import tree_map

from mlxvision.engine.worker import shared_worker
from mlxvision.families.mllama import FAMILY
from mlxvision.family import Model
from mlxvision.nn.decoder import KVBits, quantize_memory
from tests.families.mllama.tiny import CONFIG, PREPROCESSOR, tokenizer

_WIDE_HEADS = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}


def small_mllama(seed: int, kv_bits: KVBits | None = None) -> Model:
    return shared_worker().submit(lambda: _small_mllama(seed, kv_bits)).result()


def _small_mllama(seed: int, kv_bits: KVBits | None) -> Model:
    V = 265  # of the tokenizer
    text = CONFIG["text_config"] | {"vocab_size": V} | (_WIDE_HEADS if kv_bits else {})
    config = FAMILY.read_config(CONFIG | {"text_config": text, "image_token_index": V}, PREPROCESSOR)
    mx.random.seed(seed)
    net = FAMILY.build(config)
    net.update(tree_map(lambda x: mx.random.normal(x.shape) * (0.3 if x.ndim > 1 else 1), net.parameters()))
    mx.eval(net.parameters())
    if kv_bits:
        quantize_memory(net, kv_bits)
    return Model("tiny", "0", FAMILY, config, net, tokenizer())
