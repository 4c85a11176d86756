"""A config that lacks or distorts something is refused by the name of the key."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mlxvision.errors import ModelFormatError
from mlxvision.families.mllama.config import Config, read_config
from tests.families.mllama.tiny import CONFIG, PREPROCESSOR, config

MAY_LACK = {
    "model_type",
    "text_config.tie_word_embeddings",
    "text_config.rope_scaling",
    *("do_resize", "do_pad", "do_rescale", "do_normalize"),
}


def paths(values: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield before + key
        if isinstance(value, dict):
            yield from paths(value, f"{before}{key}.")


def holder(values: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, key = path.split(".")
    for parent in parents:
        values = values[parent]
    return values, key


def read(main: dict[str, Any], preprocessor: dict[str, Any], path: str, value: Any) -> Config:
    """The config with one value of either file replaced."""
    main, preprocessor = copy.deepcopy(main), copy.deepcopy(preprocessor)
    values, key = holder(main if path in set(paths(main)) else preprocessor, path)
    values[key] = value
    return read_config(main, preprocessor)


@pytest.mark.parametrize("path", sorted({*paths(CONFIG), *paths(PREPROCESSOR)} - MAY_LACK))
def test_a_missing_key_is_named(path: str) -> None:
    main, preprocessor = copy.deepcopy(CONFIG), copy.deepcopy(PREPROCESSOR)
    values, key = holder(main if path in set(paths(main)) else preprocessor, path)
    del values[key]
    with pytest.raises(ModelFormatError, match=rf"lacks a key: (preprocessor_config: )?{path}\."):
        read_config(main, preprocessor)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image_token_index", 48),  # beyond the table of embeddings
        ("image_token_index", -1),
        ("text_config.hidden_act", "relu"),
        ("text_config.tie_word_embeddings", True),
        ("text_config.vocab_size", 0),
        ("text_config.vocab_size", 1 << 40),
        ("text_config.hidden_size", "24"),
        ("text_config.hidden_size", 26),  # not whole heads
        ("text_config.hidden_size", 12),  # heads of odd width cannot rotate
        ("text_config.num_hidden_layers", True),
        ("text_config.num_key_value_heads", 3),
        ("text_config.rms_norm_eps", 0),
        ("text_config.rms_norm_eps", float("nan")),
        ("text_config.cross_attention_layers", [1, 5]),
        ("text_config.cross_attention_layers", [4, 1]),
        ("text_config.cross_attention_layers", [1, 1]),
        ("text_config.cross_attention_layers", None),
        ("text_config.rope_theta", -1.0),
        ("text_config.rope_scaling.rope_type", "yarn"),
        ("text_config.rope_scaling.factor", 0),
        ("text_config.rope_scaling.high_freq_factor", 1.0),  # equal to the low one
        ("vision_config.hidden_act", "quick_gelu"),
        ("vision_config.attention_heads", 5),
        ("vision_config.num_channels", 4),
        ("vision_config.patch_size", 13),
        ("vision_config.intermediate_layers_indices", [1, -1]),
        ("vision_config.intermediate_layers_indices", [1]),  # vision_output_dim says two
        ("vision_config.max_num_tiles", 3),
        ("vision_config.max_num_tiles", 65),
        ("vision_config.supported_aspect_ratios", [[1, 1], [1, 2], [2, 1]]),  # a table that images would overrun
        ("vision_config.supported_aspect_ratios", 8),
        ("do_resize", False),
        ("do_pad", False),
        ("size.height", 14),
        ("max_image_tiles", 2),
        ("resample", 6),
        ("rescale_factor", 10**400),
        ("image_mean", [0.5, 0.5]),
        ("image_mean", [0.5, 0.5, "0.5"]),
        ("image_mean", [0.5, 0.5, float("nan")]),
        ("image_mean", [0.5, 0.5, 10**400]),
        ("image_std", [0.5, 0, 0.5]),
    ],
)
def test_an_implausible_value_is_refused(path: str, value: Any) -> None:
    with pytest.raises(ModelFormatError):
        read(CONFIG, PREPROCESSOR, path, value)


@pytest.mark.parametrize("path", ["text_config", "vision_config", "text_config.rope_scaling", "size"])
def test_a_value_where_an_object_belongs_is_refused(path: str) -> None:
    with pytest.raises(ModelFormatError, match=f"no object: (preprocessor_config: )?{path}"):
        read(CONFIG, PREPROCESSOR, path, [1])


def test_transformers_5_writes_the_same_config_differently() -> None:
    main = copy.deepcopy(CONFIG)
    text = main["text_config"]
    text["rope_parameters"] = {"rope_theta": text.pop("rope_theta"), **text.pop("rope_scaling")}
    main["image_token_id"] = main.pop("image_token_index")
    assert read_config(main, PREPROCESSOR) == config()


@pytest.mark.parametrize("key", ["rope_type", "type"])
def test_rotary_embeddings_may_be_plain(key: str) -> None:
    without = read(CONFIG, PREPROCESSOR, "text_config.rope_scaling", None)
    named = read(CONFIG, PREPROCESSOR, "text_config.rope_scaling", {key: "default"})
    assert without.text.rope == named.text.rope
    assert without.text.rope.scaling is None
