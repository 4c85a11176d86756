"""A config that lacks or distorts something is refused by the name of the key."""

import copy
from typing import Any

import pytest

from mlxvision.errors import ModelFormatError
from tests.fakes.qwen import PREPROCESSOR, Tiny
from tests.families.qwen2_vl.test_config import holder, paths, read

MAY_LACK = {
    *("model_type", "text_config.hidden_act", "text_config.attention_bias", "vision_config.hidden_act"),
    *("vision_config.in_channels", "text_config.rope_scaling.rope_type", "text_config.rope_scaling.mrope_interleaved"),
}


def test_a_missing_key_is_named(tiny: Tiny) -> None:
    for path in set(paths(tiny.config_json)) - MAY_LACK:
        main = copy.deepcopy(tiny.config_json)
        values, key = holder(main, path)
        del values[key]
        with pytest.raises(ModelFormatError, match=rf"lacks a key: {path}\."):
            tiny.family.read_config(main, PREPROCESSOR)


@pytest.mark.parametrize("key", ["min_pixels", "max_pixels", "image_mean", "image_std"])
def test_a_missing_key_of_the_preprocessor_is_named(tiny: Tiny, key: str) -> None:
    preprocessor = {k: v for k, v in PREPROCESSOR.items() if k != key}
    missing = "size" if key.endswith("_pixels") else key
    with pytest.raises(ModelFormatError, match=rf"preprocessor_config.json lacks a key: {missing}\."):
        tiny.family.read_config(tiny.config_json, preprocessor)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image_token_id", 264),  # beyond the table of embeddings
        ("vision_start_token_id", -1),
        ("tie_word_embeddings", 1),
        ("text_config.hidden_act", "gelu"),
        ("text_config.attention_bias", True),
        ("text_config.hidden_size", "24"),
        ("text_config.hidden_size", 48),  # not as wide as the tower's features
        ("text_config.num_hidden_layers", 1),  # fewer blocks than features to add
        ("text_config.num_key_value_heads", 2),
        ("text_config.head_dim", 8),  # other sections
        ("text_config.head_dim", None),
        ("text_config.rms_norm_eps", 0),
        ("text_config.rope_theta", -1.0),
        ("text_config.rope_scaling.rope_type", "yarn"),
        ("text_config.rope_scaling.mrope_interleaved", False),
        ("text_config.rope_scaling.mrope_section", [3, 3]),
        ("text_config.rope_scaling.mrope_section", [7, -1, 0]),
        ("text_config.rope_scaling", None),
        ("vision_config.hidden_act", "gelu"),
        ("vision_config.in_channels", 4),
        ("vision_config.num_heads", 3),
        ("vision_config.num_heads", 8),  # heads too narrow to turn with rows and columns
        ("vision_config.num_position_embeddings", 48),  # no square
        ("vision_config.deepstack_visual_indexes", [4]),  # no such block
        ("vision_config.deepstack_visual_indexes", [2, 0]),
        ("vision_config.deepstack_visual_indexes", [1, 1]),
        ("vision_config.deepstack_visual_indexes", None),
        ("vision_config.patch_size", 3),  # the preprocessor says otherwise
        ("p:merge_size", 1),
        ("p:temporal_patch_size", 1),
        ("p:do_resize", False),
        ("p:resample", 2),
        ("p:min_pixels", 1025),
        ("p:max_pixels", 15),
        ("p:image_mean", [0.5, 0.5]),
        ("p:image_std", [0.5, 0, 0.5]),
    ],
)
def test_an_implausible_value_is_refused(tiny: Tiny, path: str, value: Any) -> None:
    with pytest.raises(ModelFormatError):
        read(tiny, path, value)


def test_transformers_5_writes_the_same_config_differently(tiny: Tiny) -> None:
    main = copy.deepcopy(tiny.config_json)
    text = main["text_config"]
    text["rope_parameters"] = {"rope_theta": text.pop("rope_theta"), **text.pop("rope_scaling")}
    text["tie_word_embeddings"] = main.pop("tie_word_embeddings")
    main["vision_config"]["rope_parameters"] = {"rope_type": "axial", "rope_theta": 10000.0}
    preprocessor = copy.deepcopy(PREPROCESSOR)
    edges = {"shortest_edge": preprocessor.pop("min_pixels"), "longest_edge": preprocessor.pop("max_pixels")}
    preprocessor |= {"size": edges, "resample": 3, "rescale_factor": 1 / 255, "do_resize": True}
    assert tiny.family.read_config(main, preprocessor) == tiny.config


@pytest.mark.parametrize(("outer", "inner", "tied"), [(True, None, True), (None, True, True), (False, True, True)])
def test_either_place_may_say_that_embeddings_are_tied(tiny: Tiny, outer: Any, inner: Any, tied: bool) -> None:
    main = copy.deepcopy(tiny.config_json)
    main["text_config"]["tie_word_embeddings"], main["tie_word_embeddings"] = inner, outer
    assert tiny.family.read_config(main, PREPROCESSOR).text.tie_word_embeddings is tied


def test_the_released_config_of_4b_is_read(tiny: Tiny) -> None:
    """Numbers of Qwen/Qwen3-VL-4B-Instruct."""
    text = {"vocab_size": 151936, "hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32}
    text |= {"num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 9728, "rms_norm_eps": 1e-6}
    text |= {"max_position_embeddings": 262144, "rope_theta": 5000000, "attention_bias": False, "hidden_act": "silu"}
    text["rope_scaling"] = {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}
    vision = tiny.vision | {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16}
    vision |= {"out_hidden_size": 2560, "num_position_embeddings": 2304, "patch_size": 16}
    vision["deepstack_visual_indexes"] = [5, 11, 17]
    main = {"image_token_id": 151655, "vision_start_token_id": 151652, "tie_word_embeddings": True}
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    size = {"size": {"shortest_edge": 65536, "longest_edge": 16777216}, "patch_size": 16, "merge_size": 2}
    config = tiny.family.read_config({**main, "text_config": text, "vision_config": vision}, {**half, **size})
    assert config.max_image_tokens == 16384
    assert tiny.family.context_length(config) == 262144
    assert tiny.family.rows(config).canvas_px == 640


def test_memory_for_a_request_grows_with_tokens_and_the_features_of_images(tiny: Tiny) -> None:
    request_bytes, config = tiny.family.request_bytes, tiny.config
    key_value_bytes = 2 * 2 * 3 * 12  # of three blocks, with one head of keys that is 12 wide
    assert request_bytes(config, 0, 10) == 10 * key_value_bytes
    per_image = request_bytes(config, 2, 10) - request_bytes(config, 1, 10)
    assert per_image == config.max_image_tokens * (key_value_bytes + 3 * 2 * 24)
    assert tiny.net.encode(tiny.prepare("wide")).nbytes == tiny.prepare("wide").receipt.tiles * 3 * 4 * 24
