"""What a checkpoint states of a decoder for grids of tokens."""

from __future__ import annotations

from mlxvision.keys import LARGEST, Keys
from mlxvision.nn.grid_decoder import GridTextConfig


def read_text(top: Keys) -> GridTextConfig:
    """The decoder's keys are at the top (as first released) or in `text_config`; its heads share the hidden size.

    Raises: ModelFormatError naming the key that is missing or implausible
    """
    keys = top.inner("text_config") if "text_config" in top else top
    keys.only_if_stated("use_sliding_window", False)
    hidden_size, n_heads = keys.integer("hidden_size"), keys.integer("num_attention_heads")
    if hidden_size % (2 * n_heads):
        raise keys.fail("num_attention_heads")
    return read_decoder(top, keys, hidden_size // n_heads, interleaved=False)


def read_decoder(top: Keys, keys: Keys, head_dim: int, *, interleaved: bool) -> GridTextConfig:
    """interleaved: whether time, row and column take turns. Raises: ModelFormatError"""
    keys.only_if_stated("hidden_act", "silu")
    n_heads, n_kv_heads = keys.integer("num_attention_heads"), keys.integer("num_key_value_heads")
    if n_heads % n_kv_heads:
        raise keys.fail("num_key_value_heads")
    rope_theta, mrope_section = _read_rope(keys, head_dim, interleaved=interleaved)
    return GridTextConfig(
        vocab_size=keys.integer("vocab_size"),
        hidden_size=keys.integer("hidden_size"),
        num_hidden_layers=keys.integer("num_hidden_layers", high=1024),
        num_attention_heads=n_heads,
        num_key_value_heads=n_kv_heads,
        head_dim=head_dim,
        intermediate_size=keys.integer("intermediate_size"),
        max_position_embeddings=keys.integer("max_position_embeddings", high=1 << 30),
        rms_norm_eps=keys.number("rms_norm_eps", high=1),
        rope_theta=rope_theta,
        mrope_section=mrope_section,
        tie_word_embeddings=_is_tied(top, keys),
    )


def _read_rope(text: Keys, head_dim: int, *, interleaved: bool) -> tuple[float, tuple[int, ...]]:
    """(theta, how many of a head's frequencies turn with the time, the row and the column of a token).

    `rope_theta` is beside `rope_scaling` (as first released), or both are inside `rope_parameters` (transformers 5).

    Raises: ModelFormatError
    """
    keys = text.inner("rope_parameters" if "rope_parameters" in text else "rope_scaling")
    for kind in ("type", "rope_type"):
        keys.only_if_stated(kind, "mrope", "default")
    keys.only_if_stated("mrope_interleaved", interleaved)
    sections = keys.integers("mrope_section", LARGEST)
    if len(sections) != 3 or 2 * sum(sections) != head_dim:
        raise keys.fail("mrope_section")
    return (keys if "rope_theta" in keys else text).number("rope_theta", low=1), sections


def _is_tied(top: Keys, text: Keys) -> bool:
    """Whether the head is the table of embeddings: either place may say so. Raises: ModelFormatError"""
    key = "tie_word_embeddings"
    stated = [keys.flag(key) for keys in (top, text) if key in keys]
    return any(stated) if stated else top.flag(key)
