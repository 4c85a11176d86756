"""Small files that must be refused: others in their place, values that cannot be, tokenizers of no family."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlxvision.errors import ModelFormatError, ModelNotFoundError, UnsupportedModelError
from mlxvision_weights.registry import bundled_model
from tests.safety.corpus.model_files import (
    CONFIG,
    INDEX,
    MISSING,
    PREPROCESSOR,
    READING,
    TOKENIZER,
    WEIGHTS,
    Case,
    Raw,
    Spoil,
    all_of,
    append,
    changed,
    cut,
    edited,
    remove,
    replaced,
    write,
)

_OTHER_KINDS = ("directory", "fifo", "dangling link", "link to itself", "/dev/zero")
_NO_NUMBERS = ("7", 7.5, True, None, [7], {}, Raw("NaN"), Raw("Infinity"), Raw("1e400"))
_NO_SIZES = (-1, 0, 1 << 62, Raw("9" * 4000))


def file_cases() -> Iterator[Case]:
    for kind in _OTHER_KINDS:
        for name in (CONFIG, PREPROCESSOR, TOKENIZER, WEIGHTS, INDEX, READING):
            error = ModelNotFoundError if name == CONFIG else ModelFormatError
            yield Case(f"{name} is a {kind}", "mllama", replaced(name, kind), (name,), error)
    for name in (PREPROCESSOR, TOKENIZER):
        yield Case(f"no {name}", "qwen2_vl", remove(name), (name,))
    yield Case("no config.json", "qwen2_vl", remove(CONFIG), (CONFIG,), ModelNotFoundError)
    for suffix in ("gguf", "npy", "npz", "bin", "pth", "pkl"):
        spoil = all_of(remove(WEIGHTS), write(f"model.{suffix}", b"GGUF\x93NUMPY" + bytes(100)))
        yield Case(f"weights only in .{suffix}", "mllama", spoil, ("*.safetensors",))
    for name, spoil in {
        "empty": cut(WEIGHTS, 0),
        "shorter than a header's size": cut(WEIGHTS, 7),
        "cut in the header": cut(WEIGHTS, 100),
        "cut in the data": cut(WEIGHTS, -1),
        "too long": append(WEIGHTS, b"\0"),
    }.items():
        yield Case(f"weights {name}", "qwen2_5_vl", spoil, (WEIGHTS,))
    for name in (CONFIG, PREPROCESSOR):
        for kind, content in {
            "empty": b"",
            "cut": b'{"model_type": "mll',
            "a list": b"[]",
            "not UTF-8": b'{"\xff": 1}',
            "UTF-16": '{"model_type": "mllama"}'.encode("utf-16"),
            "a key twice": b'{"model_type": "mllama", "model_type": "mllama"}',
            "too deep to read": b'{"a":' * 100_000,
            "full of lists": b'{"a":[' + b"[]," * 1_300_000 + b"[]]}",
        }.items():
            yield Case(f"{name} {kind}", "mllama", write(name, content), (name,))
        deep = changed(name, "unknown", Raw("[" * 900 + "]" * 900))
        yield Case(f"{name} too deep to walk", "mllama", deep, (name, "levels"))
        yield Case(f"{name} of 100 MB", "mllama", _sparse(name, 100_000_000), (name,))
    for name in (CONFIG, TOKENIZER, WEIGHTS):
        yield Case(f"{name} of a terabyte", "qwen2_vl", _sparse(name, 1 << 40), (name,))


def _sparse(name: str, n_bytes: int) -> Spoil:
    def spoil(directory: Path) -> None:
        with (directory / name).open("r+b") as file:
            file.truncate(n_bytes)

    return spoil


def _value(base: str, path: str, value: Any, file: str = CONFIG) -> Case:
    shown = "left out" if value is MISSING else _shown(value)
    return Case(f"{base} {file}: {path} {shown}", base, changed(file, path, value), (file, path.rpartition(".")[2]))


def _shown(value: Any) -> str:
    return str(value)[:24] if isinstance(value, Raw) else repr(value)[:24]


def config_cases() -> Iterator[Case]:
    sizes = {
        "mllama": "text_config.hidden_size",
        "qwen2_vl": "vision_config.depth",
        "qwen2_5_vl": "vocab_size",
        "qwen3_vl": "text_config.head_dim",
    }
    for base, path in sizes.items():
        yield from (_value(base, path, value) for value in (MISSING, *_NO_NUMBERS, *_NO_SIZES))
        yield from (_value(base, part, value) for part in ("vision_config", "model_type") for value in (MISSING, [], 7))
        unknown = changed(CONFIG, "model_type", "gpt\x1b[2J" + "9" * 1000)
        yield Case(f"{base}: another family", base, unknown, ("model_type",), UnsupportedModelError)
        yield from (_value(base, "image_mean", value, PREPROCESSOR) for value in (MISSING, "0.5", [0.5], [True] * 3))
        yield from (_value(base, "image_std", [0.5, value, 0.5], PREPROCESSOR) for value in (0, 1e-300, Raw("NaN")))
    for path, value in (
        ("image_token_index", 1 << 20),
        ("image_token_index", -1),
        ("text_config.num_attention_heads", 5),
        ("text_config.num_key_value_heads", 3),
        ("text_config.cross_attention_layers", [3]),
        ("text_config.cross_attention_layers", [1, 1]),
        ("text_config.cross_attention_layers", [True]),
        ("text_config.cross_attention_layers", [-1]),
        ("text_config.cross_attention_layers", []),
        ("text_config.cross_attention_layers", [0, 1, 2]),
        ("text_config.num_hidden_layers", 1 << 20),
        ("text_config.rms_norm_eps", 1e300),
        ("text_config.rope_parameters", {"rope_theta": 1e-300, "rope_type": "default"}),
        ("text_config.rope_parameters", {"rope_theta": 1e4, "rope_type": "yarn"}),
        ("text_config.hidden_act", "relu"),
        ("vision_config.attention_heads", 3),
        ("vision_config.patch_size", 29),
        ("vision_config.max_num_tiles", 1 << 20),
        ("vision_config.vision_output_dim", 33),
        ("vision_config.intermediate_layers_indices", [2]),
        ("vision_config.num_channels", 4),
    ):
        yield _value("mllama", path, value)
    for base in ("qwen2_vl", "qwen2_5_vl"):
        for path, value in (
            ("image_token_id", 1 << 20),
            ("num_attention_heads", 5),
            ("num_key_value_heads", 2),
            ("rope_scaling.mrope_section", [1 << 62, 1, 1]),
            ("vision_config.patch_size", 1 << 62),
            ("vision_config.spatial_merge_size", 0),
            ("vision_config.num_heads", 3),
        ):
            yield _value(base, path, value)
        for path, value in (("min_pixels", 0), ("min_pixels", 1 << 26), ("max_pixels", 1 << 62), ("max_pixels", 3)):
            yield Case(f"{base}: {path} {value}", base, changed(PREPROCESSOR, path, value), (PREPROCESSOR,))
    images = {
        "mllama": "image_token_index",
        "qwen2_vl": "vision_start_token_id",
        "qwen2_5_vl": "image_token_id",
        "qwen3_vl": "vision_start_token_id",
    }
    for base, key in images.items():
        letter = changed(CONFIG, key, 5)
        yield Case(f"{base}: a letter stands for images", base, letter, (CONFIG, "token of text", "5"))
    yield _value("qwen2_vl", "vision_config.mlp_ratio", 1e-9)
    yield _value("qwen2_vl", "vision_config.mlp_ratio", 1e9)
    yield _value("qwen2_5_vl", "vision_config.window_size", 1)
    yield _value("qwen2_5_vl", "vision_config.fullatt_block_indexes", [4])
    yield _value("qwen3_vl", "vision_config.num_position_embeddings", 48)
    yield _value("qwen3_vl", "vision_config.deepstack_visual_indexes", [4])
    yield _value("qwen3_vl", "text_config.rope_scaling.mrope_section", [1 << 62, 1, 1])
    yield _value("mllama", "max_image_tiles", 3, PREPROCESSOR)
    yield _value("mllama", "size.height", 29, PREPROCESSOR)
    yield _value("mllama", "resample", 6, PREPROCESSOR)
    yield _value("mllama", "rescale_factor", 1e300, PREPROCESSOR)


def _added(content: str, **changes: Any) -> Callable[[Any], None]:
    """The changes to an added token of a tokenizer."""

    def edit(tokenizer: Any) -> None:
        for token in tokenizer["added_tokens"]:
            if token["content"] == content:
                token.update(changes)

    return edit


def _without(*contents: str) -> Callable[[Any], None]:
    """Special tokens that are not there at all."""

    def edit(tokenizer: Any) -> None:
        tokenizer["added_tokens"] = [t for t in tokenizer["added_tokens"] if t["content"] not in contents]
        for content in contents:
            tokenizer["model"]["vocab"].pop(content, None)

    return edit


def tokenizer_cases() -> Iterator[Case]:
    bomb = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100_000}
    charsmap = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    regex = {"type": "Split", "pattern": {"Regex": "(((("}, "behavior": "Isolated", "invert": False}
    nested: dict[str, Any] = {"type": "NFC"}
    for _ in range(200):
        nested = {"type": "Sequence", "normalizers": [nested]}
    huge = {f"word {i}": i for i in range(150_000)}
    changes: dict[str, Spoil] = {
        "empty": write(TOKENIZER, b""),
        "cut": cut(TOKENIZER, 500),
        "a list": write(TOKENIZER, b"[]"),
        "an object": write(TOKENIZER, b"{}"),
        "not UTF-8": write(TOKENIZER, b'{"\xff": 1}'),
        "nested deeply": write(TOKENIZER, b'{"a":' * 100_000),
        "that makes text longer": changed(TOKENIZER, "normalizer", bomb),
        "of 200 steps": changed(TOKENIZER, "normalizer", nested),
        "with a damaged expression": changed(TOKENIZER, "pre_tokenizer", regex),
        "of another kind": changed(TOKENIZER, "model", {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a"}),
        "with a negative token": edited(TOKENIZER, lambda t: t["model"]["vocab"].update(a=-1)),
        "with a token beyond 32 bits": edited(TOKENIZER, lambda t: t["model"]["vocab"].update(a=1 << 32)),
        "with a token beyond the embeddings": edited(TOKENIZER, lambda t: t["model"]["vocab"].update(a=(1 << 32) - 1)),
        "with a huge vocabulary": edited(TOKENIZER, lambda t: t["model"].update(vocab=t["model"]["vocab"] | huge)),
        "without the end of a turn": edited(TOKENIZER, _without("<|eot_id|>")),
        "without headers": edited(TOKENIZER, _without("<|start_header_id|>", "<|end_header_id|>")),
        "whose end of a turn is a word": edited(TOKENIZER, _added("<|eot_id|>", special=False)),
        "that knows no letters": changed(TOKENIZER, "model", {"type": "WordLevel", "vocab": {}, "unk_token": "none"}),
    }
    for name, spoil in changes.items():
        yield Case(f"a tokenizer {name}", "mllama", spoil, (TOKENIZER,))
    image = edited(TOKENIZER, _added("<|image|>", special=False))
    yield Case("a tokenizer whose image is a word", "mllama", image, (CONFIG, "image"))
    for base in ("qwen2_vl", "qwen2_5_vl"):
        for name in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"):
            spoil = edited(TOKENIZER, _added(name, special=False))
            yield Case(f"{base}: {name} is a word", base, spoil, (TOKENIZER, name))
        spoil = edited(TOKENIZER, _added("<|vision_start|>", special=False))
        yield Case(f"{base}: an image's first token is a word", base, spoil, (CONFIG, "image"))
    # In Rust, where these end in a panic, which says so on stderr
    prefixed = {"type": "BPE", "vocab": {"a": 0, "ab": 1}, "merges": [["a", "a"]], "continuing_subword_prefix": "##"}
    endless = {"type": "Split", "pattern": {"Regex": r"(((.+)+)+)+\d$"}, "behavior": "Isolated", "invert": False}
    panics = {
        "with a damaged map": changed(TOKENIZER, "normalizer", charsmap),
        "with a prefix longer than its tokens": changed(TOKENIZER, "model", prefixed),
        "with an expression that gives up": changed(TOKENIZER, "pre_tokenizer", endless),
    }
    for name, spoil in panics.items():
        yield Case(f"a tokenizer {name}", "mllama", spoil, (TOKENIZER,))


def reading_cases() -> Iterator[Case]:
    content = json.loads((bundled_model() / READING).read_text(encoding="utf-8"))
    for path in [*content, *(f"rows.{key}" for key in content["rows"])]:
        for value in (MISSING, -1, []):
            yield _value("nano", path, value, READING)
    for path, value in (
        ("requests", "Read the text."),
        ("row_marks", "①②③④⑤⑥⑦⑧⑨"),
        ("row_marks", [*"①②③④⑤⑥⑦⑧", "two"]),
        ("row_tokens", [1, 0]),
        ("row_marks", ["x" * 5000] * 9),
        ("requests", ["Read", "x" * 5000]),
        ("sheet_request", "x " * 500_000),
        ("look_request", "x " * 500_000),
        ("find_request", "x " * 500_000),
        ("rows.canvas_px", 1 << 40),
        ("rows.em_px", 25),
    ):
        yield _value("nano", path, value, READING)
