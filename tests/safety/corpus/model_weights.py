"""Weights that must be refused: headers that lie, indices that point elsewhere, tensors that do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.safety.corpus.model_files import (
    HEAD,
    INDEX,
    WEIGHTS,
    Case,
    Spoil,
    header,
    poisoned,
    raw_header,
    tensors,
    write,
)
from tests.unit.loading.toy import write_safetensors

_LAYER = "language_model.model.layers.0.mlp.down_proj"  # (32, 64)


def _entry(**changes: Any) -> Spoil:
    return header(lambda entries: entries[HEAD].update(changes))


def _moved(start: int, stop: int) -> Spoil:
    """The head is said to lie elsewhere, by so many bytes."""

    def edit(entries: dict[str, Any]) -> None:
        offsets = entries[HEAD]["data_offsets"]
        entries[HEAD]["data_offsets"] = [offsets[0] + start, offsets[1] + stop]

    return header(edit)


def header_cases() -> Iterator[Case]:
    entries: dict[str, Spoil] = {
        "a shape whose product wraps": _entry(shape=[65536] * 4),
        "a shape whose product wraps to nothing": _entry(shape=[65536] * 4, data_offsets=[0, 0]),
        "a dimension of 2**32 + 1": _entry(shape=[(1 << 32) + 1]),
        "a dimension of 2**63": _entry(shape=[1 << 63, 2]),
        "a dimension of 2**64 + 1": _entry(shape=[(1 << 64) + 1, 32]),
        "a negative shape": _entry(shape=[-106, -32]),
        "a shape of floats": _entry(shape=[106.0, 32.0]),
        "a shape of texts": _entry(shape=["106", "32"]),
        "a shape of booleans": _entry(shape=[True, True]),
        "a nested shape": _entry(shape=[[106, 32]]),
        "no shape": _entry(shape=None),
        "a shape of a hundred thousand ones": _entry(shape=[1] * 100_000),
        "a shape whose product takes minutes": _entry(shape=[(1 << 31) - 1] * 300_000),
        "overlapping tensors": _moved(-8, -8),
        "a gap between tensors": _moved(8, 8),
        "a tensor before the file": _entry(data_offsets=[-13568, 0]),
        "offsets reversed": _entry(data_offsets=[13568, 0]),
        "offsets as floats": _entry(data_offsets=[0.0, 13568.0]),
        "three offsets": _entry(data_offsets=[0, 13568, 13568]),
        "no offsets": _entry(data_offsets=None),
        "an unreadable dtype": _entry(dtype="F64"),
        "a dtype of eight bits": _entry(dtype="F8_E4M3"),
        "an invented dtype": _entry(dtype="Q4_K\x1b[31m"),
        "a dtype that is a number": _entry(dtype=7),
        "a field too many": _entry(more=1),
        "a field too few": header(lambda entries: entries[HEAD].pop("dtype")),
        "a tensor described by a list": header(lambda entries: entries.update({HEAD: [1]})),
        "one tensor described twice": raw_header(lambda raw: raw.rstrip()[:-1] + b',"' + HEAD.encode() + b'":{}}'),
    }
    for name, spoil in entries.items():
        yield Case(f"header: {name}", "mllama", spoil, (WEIGHTS, HEAD))
    files: dict[str, Spoil] = {
        "with a tensor beyond the file": _moved(1 << 40, 1 << 40),
        "metadata in a list": header(lambda entries: entries.update(__metadata__=[])),
        "metadata of numbers": header(lambda entries: entries.update(__metadata__={"format": 1})),
        "of length 0": raw_header(lambda raw: raw, 0),
        "of length 2**63": raw_header(lambda raw: raw, 1 << 63),
        "of length 2**64 - 1": raw_header(lambda raw: raw, (1 << 64) - 1),
        "longer than the file": raw_header(lambda raw: raw, 1 << 26),
        "one byte too short": raw_header(lambda raw: raw + b"}"),
        "not JSON": raw_header(lambda raw: b"\x93NUMPY" + raw),
        "a list": raw_header(lambda raw: b"[" + raw + b"]"),
        "nested deeply": raw_header(lambda raw: b'{"a":' * 50_000),
        "nested deeper than is safe to walk": raw_header(lambda raw: b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"),
        "not UTF-8": raw_header(lambda raw: raw.replace(b"lm_head", b"lm_\xff\xfe")),
        "with half a character": raw_header(lambda raw: raw.replace(b"lm_head", b"lm_\\ud800")),
        "ending in NULs": raw_header(lambda raw: raw + bytes(8)),
        "of more than can be needed": raw_header(lambda raw: raw + b" " * 8_000_000),
        "full of empty lists": raw_header(lambda raw: b'{"a":[' + b"[]," * 1_300_000 + b"[]]}"),
    }
    for name, spoil in files.items():
        yield Case(f"header: {name}", "mllama", spoil, (WEIGHTS,))


def _sharded(weight_map: Callable[[dict[str, str]], Any]) -> Spoil:
    """An index beside the one file of weights. weight_map: of the right one, makes the one that is written."""

    def spoil(directory: Path) -> None:
        size = int.from_bytes((directory / WEIGHTS).read_bytes()[:8], "little")
        entries = json.loads((directory / WEIGHTS).read_bytes()[8 : 8 + size])
        right = {key: WEIGHTS for key in entries if key != "__metadata__"}
        (directory / INDEX).write_text(json.dumps({"weight_map": weight_map(right)}), encoding="utf-8")

    return spoil


def index_cases() -> Iterator[Case]:
    for name, shard in {
        "above the directory": "../outside.safetensors",
        "anywhere": "/etc/outside.safetensors",
        "below the directory": "inside/x.safetensors",
        "of another kind": "pytorch_model.bin",
        "with a NUL": "a\0.safetensors",
        "that is a number": 7,
    }.items():
        yield Case(f"index: a shard {name}", "mllama", _sharded(lambda right, s=shard: right | {"a": s}), (INDEX, "a "))
    missing = _sharded(lambda right: right | {HEAD: "model-00002-of-00002.safetensors"})
    yield Case("index: a missing shard", "mllama", missing, ("model-00002-of-00002.safetensors",))
    said = (INDEX, "is in model-", "but it is in: model-")
    yield Case("index: one shard is taken for the other", "mllama", _one_shard_for_the_other, said)
    endless = _sharded(lambda right: right | {HEAD: "x" * 5000 + ".safetensors"})
    yield Case("index: a name too long for a file", "mllama", endless, ("xxx.safetensors",))
    twice = write(INDEX, f'{{"weight_map": {{"{HEAD}": "{WEIGHTS}", "{HEAD}": "{WEIGHTS}"}}}}')
    yield Case("index: a key twice", "mllama", twice, (INDEX, HEAD))
    for name, weight_map in {"empty": {}, "a list": [], "null": None}.items():
        spoil = _sharded(lambda _, given=weight_map: given)
        yield Case(f"index: a map that is {name}", "mllama", spoil, (INDEX, "weight_map"))


def _one_shard_for_the_other(directory: Path) -> None:
    arrays = load_file(directory / WEIGHTS)
    (directory / WEIGHTS).unlink()
    names = ("model-1.safetensors", "model-2.safetensors")
    for name, keys in zip(names, (arrays.keys() - {HEAD}, {HEAD}), strict=True):
        write_safetensors(directory / name, {key: arrays[key] for key in keys}, {"format": "mlx"})
    weight_map = {key: names[key != HEAD] for key in arrays}
    (directory / INDEX).write_text(json.dumps({"weight_map": weight_map}), encoding="utf-8")


def _quantized(**parts: np.ndarray) -> Spoil:
    """A layer of 4 bits in groups of 32, but for these parts; None leaves one out."""
    sound = {
        "weight": np.zeros((32, 8), np.uint32),
        "scales": np.ones((32, 2), np.float16),
        "biases": np.zeros((32, 2), np.float16),
    }
    given = {f"{_LAYER}.{name}": part for name, part in (sound | parts).items() if part is not None}

    def edit(arrays: dict[str, np.ndarray]) -> None:
        del arrays[f"{_LAYER}.weight"]
        arrays |= given

    return tensors(edit)


def tensor_cases() -> Iterator[Case]:
    layer, tower = f"{_LAYER}.weight", "vision_model.class_embedding"
    faults: dict[str, Spoil] = {
        "missing": tensors(lambda arrays: arrays.pop(layer)),
        "transposed": tensors(lambda arrays: arrays.update({layer: arrays[layer].T.copy()})),
        "without dimensions": tensors(lambda arrays: arrays.update({layer: np.zeros((), np.float32)})),
        "of no rows": tensors(lambda arrays: arrays.update({layer: np.zeros((0, 64), np.float32)})),
        "of bytes": tensors(lambda arrays: arrays.update({layer: np.zeros((32, 64), np.uint8)})),
        "packed without scales": tensors(lambda arrays: arrays.update({layer: np.zeros((32, 8), np.uint32)})),
        "NaN": poisoned(layer, np.nan),
        "infinite": poisoned(layer, np.inf),
        "NaN in 16 bit": poisoned(layer, np.nan, np.float16),
        "quantized to 7 bits": _quantized(weight=np.zeros((32, 14), np.uint32)),
        "quantized to no bits": _quantized(weight=np.zeros((32, 0), np.uint32)),
        "quantized in a group of 64 and another": _quantized(scales=np.ones((32, 1), np.float16)),
        "quantized in groups of 1": _quantized(scales=np.ones((32, 64), np.float16)),
        "quantized with too few scales": _quantized(scales=np.ones((31, 2), np.float16)),
        "quantized without biases": _quantized(biases=None),
        "quantized without a weight": _quantized(weight=None),
        "quantized in floats": _quantized(weight=np.zeros((32, 8), np.float32)),
        "quantized with counted scales": _quantized(scales=np.ones((32, 2), np.uint32)),
        "quantized with NaN": _quantized(scales=np.full((32, 2), np.nan, np.float16)),
    }
    for name, spoil in faults.items():
        yield Case(f"a tensor {name}", "mllama", spoil, (_LAYER,))
    yield Case(
        "a tensor too many", "mllama", tensors(lambda a: a.update({"evil\x1b": np.zeros(1, np.float32)})), ("evil",)
    )
    yield Case("scales of a kernel", "mllama", tensors(_scale_of_kernel), ("vision_model.patch_embedding",))
    yield Case("a tower of NaN", "mllama", poisoned(tower, np.nan), (tower, WEIGHTS))
    for base in ("qwen2_vl", "qwen2_5_vl"):
        for path in ("visual.patch_embed.proj.weight", "model.norm.weight"):
            yield Case(f"{base}: NaN in {path}", base, poisoned(path, np.nan), (path, WEIGHTS))
    table = "model.visual.pos_embed.weight"
    yield Case(f"qwen3_vl: NaN in {table}", "qwen3_vl", poisoned(table, np.nan), (table, WEIGHTS))


def _scale_of_kernel(arrays: dict[str, np.ndarray]) -> None:
    arrays["vision_model.patch_embedding.scales"] = np.zeros(3, np.float16)
