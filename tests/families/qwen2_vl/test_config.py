"""A config that lacks or distorts something is refused by the name of the key."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mlxvision.errors import ModelFormatError
from tests.fakes.qwen import PREPROCESSOR, TEXT, Tiny

MAY_LACK = {
    *("model_type", "hidden_act", "use_sliding_window", "vision_config.hidden_act", "vision_config.in_chans"),
    *("rope_scaling.type", "patch_size", "merge_size", "temporal_patch_size"),
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


def read(tiny: Tiny, path: str, value: Any) -> Any:
    """The config with one value of either file replaced; preprocessor_config.json has those with the prefix `p:`."""
    main, preprocessor = copy.deepcopy(tiny.config_json), copy.deepcopy(PREPROCESSOR)
    values, key = holder(preprocessor if path.startswith("p:") else main, path.removeprefix("p:"))
    values[key] = value
    return tiny.family.read_config(main, preprocessor)


def test_a_missing_key_is_named(tiny: Tiny) -> None:
    for path in set(paths(tiny.config_json)) - MAY_LACK:
        main = copy.deepcopy(tiny.config_json)
        values, key = holder(main, path)
        del values[key]
        with pytest.raises(ModelFormatError, match=rf"lacks a key: {path}\."):
            tiny.family.read_config(main, PREPROCESSOR)


@pytest.mark.parametrize("key", sorted(PREPROCESSOR.keys() - MAY_LACK))
def test_a_missing_key_of_the_preprocessor_is_named(tiny: Tiny, key: str) -> None:
    preprocessor = {k: v for k, v in PREPROCESSOR.items() if k != key}
    missing = "size" if key.endswith("_pixels") else key
    with pytest.raises(ModelFormatError, match=rf"preprocessor_config\.json lacks a key: {missing}\."):
        tiny.family.read_config(tiny.config_json, preprocessor)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image_token_id", TEXT["vocab_size"]),  # beyond the table of embeddings
        ("vision_start_token_id", -1),
        ("hidden_act", "gelu"),
        ("use_sliding_window", True),
        ("tie_word_embeddings", 1),
        ("vocab_size", 1 << 40),
        ("hidden_size", "24"),
        ("hidden_size", 30),  # not whole pairs of channels in a head
        ("hidden_size", 48),  # not as wide as the tower's features
        ("num_hidden_layers", True),
        ("num_key_value_heads", 2),
        ("rms_norm_eps", 0),
        ("rms_norm_eps", float("nan")),
        ("rope_theta", -1.0),
        ("rope_scaling.type", "yarn"),
        ("rope_scaling.mrope_interleaved", True),
        ("rope_scaling.mrope_section", [1, 2, 2]),
        ("rope_scaling.mrope_section", [2, 2]),
        ("rope_scaling.mrope_section", [5, -1, 0]),
        ("rope_scaling.mrope_section", None),
        ("vision_config.hidden_act", "relu"),
        ("vision_config.in_chans", 4),
        ("vision_config.num_heads", 3),
        ("vision_config.num_heads", 8),  # heads too narrow to turn with rows and columns
        ("vision_config.depth", 0),
        ("vision_config.patch_size", 3),  # the preprocessor says otherwise
        ("p:patch_size", 3),
        ("p:merge_size", 1),
        ("p:temporal_patch_size", 1),
        ("p:do_resize", False),
        ("p:resample", 2),
        ("p:rescale_factor", 1 / 127.5),
        ("p:min_pixels", 0),
        ("p:min_pixels", 1025),
        ("p:max_pixels", 15),
        ("p:max_pixels", (1 << 24) + 1),  # more than any released checkpoint states
        ("p:image_mean", [0.5, 0.5]),
        ("p:image_mean", [0.5, 0.5, 10**400]),
        ("p:image_std", [0.5, 0, 0.5]),
    ],
)
def test_an_implausible_value_is_refused(tiny: Tiny, path: str, value: Any) -> None:
    with pytest.raises(ModelFormatError):
        read(tiny, path, value)


@pytest.mark.parametrize("path", ["vision_config", "rope_scaling"])
def test_a_value_where_an_object_belongs_is_refused(tiny: Tiny, path: str) -> None:
    with pytest.raises(ModelFormatError, match=f"no object: {path}"):
        read(tiny, path, [1])


def test_transformers_5_writes_the_same_config_differently(tiny: Tiny) -> None:
    main = copy.deepcopy(tiny.config_json)
    top = ("model_type", "vision_config", "image_token_id", "vision_start_token_id", "tie_word_embeddings")
    text = {key: main.pop(key) for key in list(main) if key not in top}
    text["rope_parameters"] = {"rope_theta": text.pop("rope_theta"), **text.pop("rope_scaling")}
    main["vision_config"]["rope_parameters"] = {"rope_type": "axial", "rope_theta": 10000.0}
    preprocessor = copy.deepcopy(PREPROCESSOR)
    edges = {"shortest_edge": preprocessor.pop("min_pixels"), "longest_edge": preprocessor.pop("max_pixels")}
    preprocessor |= {"size": edges, "resample": 3, "rescale_factor": 1 / 255, "do_resize": True}
    assert tiny.family.read_config({**main, "text_config": text}, preprocessor) == tiny.config


@pytest.mark.parametrize(("outer", "inner", "tied"), [(True, None, True), (None, True, True), (False, True, True)])
def test_either_place_may_say_that_embeddings_are_tied(tiny: Tiny, outer: Any, inner: Any, tied: bool) -> None:
    main = copy.deepcopy(tiny.config_json)
    text = {**main, "tie_word_embeddings": inner}
    config = tiny.family.read_config({**main, "text_config": text, "tie_word_embeddings": outer}, PREPROCESSOR)
    assert config.text.tie_word_embeddings is tied


def test_memory_for_a_request_grows_with_tokens_and_images(tiny: Tiny) -> None:
    request_bytes, config = tiny.family.request_bytes, tiny.config
    key_value_bytes = 2 * 2 * TEXT["num_hidden_layers"] * TEXT["hidden_size"] // TEXT["num_attention_heads"]
    assert request_bytes(config, 0, 10) == 10 * key_value_bytes
    per_image = request_bytes(config, 2, 10) - request_bytes(config, 1, 10)
    assert per_image == config.max_image_tokens * (key_value_bytes + 2 * TEXT["hidden_size"])
