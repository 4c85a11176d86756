"""A family small enough to read: a tower with a kernel, a projector and a decoder, without attention."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mlxvision import families
from mlxvision.errors import ModelFormatError
from mlxvision.family import Family

PROMPT = "the cat sat on the mat"
DTYPES = {np.dtype("uint8"): "U8", np.dtype("uint32"): "U32", np.dtype("float16"): "F16", np.dtype("float32"): "F32"}


class Tower(nn.Module):
    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, width, side, side, bias=False)
        self.tile_embedding = nn.Embedding(5, width)
        self.fc = nn.Linear(width, width)


class Decoder(nn.Module):
    def __init__(self, width: int, vocab: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, width)
        self.layers = [nn.Linear(width, width), nn.Linear(width, 48)]
        self.gate = mx.zeros(1)
        self.norm = nn.RMSNorm(48)
        self.lm_head = nn.Linear(48, vocab, bias=False)


class Toy(nn.Module):
    def __init__(self, config: dict[str, int]) -> None:
        super().__init__()
        self.vision_model = Tower(config["width"], config["side"])
        self.multi_modal_projector = nn.Linear(config["width"], config["width"])
        self.language_model = Decoder(config["width"], config["vocab"])

    def encode(self, image: Any, each_step: Any) -> mx.array:
        tile = self.vision_model.tile_embedding(mx.array([image.height % 5]))
        return self.multi_modal_projector(self.vision_model.fc(tile))

    def make_cache(self, padding: Any = (0,)) -> "Images":
        return Images()

    def hidden(self, tokens: mx.array, cache: "Images") -> mx.array:
        x = sum(cache, self.language_model.embed_tokens(tokens))
        for layer in self.language_model.layers:
            x = mx.tanh(layer(x))
        return self.language_model.norm(x)

    def logits(self, hidden: mx.array) -> mx.array:
        return self.language_model.lm_head(hidden)


class Images(list):
    add_image = list.append


def read_config(config: Any, preprocessor: Any) -> dict[str, int]:
    for key in ("width", "side", "vocab"):
        if not isinstance(config.get(key), int):
            raise ModelFormatError("the config lacks a key", key, "Use the original config")
    return {key: config[key] for key in ("width", "side", "vocab")}


def rename(key: str) -> str | None:
    return None if key.endswith("inv_freq") else key.replace("vision_tower.", "vision_model.")


def unused(*_: Any) -> Any:
    raise NotImplementedError


FAMILY = Family(
    name="toy",
    read_config=read_config,
    build=Toy,
    rename=rename,
    is_tower=lambda path: not path.startswith("language_model."),
    context_length=lambda config: 100,
    request_bytes=lambda config, images, tokens: 2 * tokens * config["width"],
    preprocess=lambda image, config: image,
    render=lambda messages, tokenizer, config: tokenizer.encode(PROMPT),
    image_token=unused,
    stop_tokens=unused,
    rows=unused,
)


@dataclass
class Checkpoints:
    """Writes model directories of the toy family."""

    folder: Path

    def arrays(self, side: int = 2, vocab: int = 8) -> dict[str, np.ndarray]:
        """Random weights in the hub layout, in float16."""
        random = np.random.default_rng(0)
        net = Toy({"width": 64, "side": side, "vocab": vocab})
        shapes = {path: x.shape for path, x in tree_flatten(net.parameters())}
        shapes["vision_model.patch_embedding.weight"] = (64, 3, side, side)
        return {path: random.standard_normal(shape, np.float32).astype(np.float16) for path, shape in shapes.items()}

    def write(
        self,
        name: str = "model",
        shards: dict[str, dict[str, np.ndarray]] | None = None,
        metadata: dict[str, str] | None = None,
        **config: Any,
    ) -> Path:
        """A complete directory. shards: {file name: {key: array}}; config: changes to config.json."""
        directory = self.folder / name
        directory.mkdir()
        values = {"model_type": "toy", "width": 64, "side": 2, "vocab": 8, **config}
        (directory / "config.json").write_text(json.dumps(values), encoding="utf-8")
        (directory / "preprocessor_config.json").write_text("{}", encoding="utf-8")
        Tokenizer(WordLevel({"[UNK]": 0, PROMPT: 5}, unk_token="[UNK]")).save(str(directory / "tokenizer.json"))
        for file, arrays in (shards or {"model.safetensors": self.arrays(values["side"], values["vocab"])}).items():
            write_safetensors(directory / file, arrays, metadata or {"format": "pt"})
        return directory


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    entries: dict[str, Any] = {"__metadata__": metadata}
    position = 0
    for key, x in arrays.items():
        entry = {"dtype": DTYPES[x.dtype], "shape": x.shape, "data_offsets": [position, position + x.nbytes]}
        position += x.nbytes
        entries[key] = entry
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"".join(x.tobytes() for x in arrays.values()))


def register(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(families._MODULES, "toy", __name__)
