"""Random tiny checkpoints in transformers, laid out like a repository, and the numbers that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
)

KINDS = ("tied", "untied", "merged by three")
"""What the random configs are drawn from: whether the head is the table of embeddings; patches to a token's side."""

PICTURES = {
    "four tokens": (2.1, 1.9),
    "wide": (1.2, 6.8),
    "tall": (7.4, 0.9),
    "square": (4.4, 4.6),
    "large": (19.5, 11.2),
    "half tokens": (2.5, 3.5),
}
"""(height, width) in image tokens; those of "large" are more than a picture may have."""

SIZES = {"2x3 px": (3, 2), "1x1 px": (1, 1), "600x3 px": (3, 600), "5x1000 px": (1000, 5)}
"""(height, width) in pixels; the last two are 200 times as long as they are wide."""

ROWS: dict[str, tuple[int | str, ...]] = {
    "no image": (30,),
    "four tokens": (1, "four tokens", 20),
    "wide": (1, "wide", 12),
    "tall": (4, "tall", 12),
    "large": (3, "large", 9),
    "half tokens": (1, "half tokens", 5),
    "2x3 px": (1, "2x3 px", 12),
    "600x3 px": (1, "600x3 px", 12),
    "5x1000 px": (2, "5x1000 px", 7),
    "image first": ("square", 12),
    "text before the image": (20, "wide", 9),
    "two adjacent images": (3, "four tokens", "tall", 14),
    "two separated images": (3, "tall", 8, "square", 11),
    "three images": (2, "wide", "four tokens", 7, "2x3 px", 9),
    "image last": (5, "tall", 6, "square"),
}
"""Prompts: a number stands for so many random text tokens, a name for a picture."""

_SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
ORDINARY = 256
"""Tokens below are bytes of text; an image token in an answer would lack its feature."""

_CORPUS = ("What is the total of this receipt?\n\n", "user assistant system\n", "You are a helpful assistant.\n")


@dataclass(frozen=True)
class Row:
    ids: list[int]
    pictures: list[np.ndarray]


class Reference:
    """A model of transformers, its processor, and the numbers that they give."""

    def __init__(self, model: PreTrainedModel, processor: Qwen2VLImageProcessorPil) -> None:
        self.config, self.model, self.processor = model.config, model, processor

    def process(self, pictures: Sequence[np.ndarray]) -> Any:
        return self.processor(images=[PILImage.fromarray(p) for p in pictures], return_tensors="pt")

    def inputs(self, ids: list[int], pictures: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        tokens = torch.tensor([ids])
        if not pictures:
            return {"input_ids": tokens}
        kinds = (tokens == self.config.image_token_id).int()
        return {"input_ids": tokens, "mm_token_type_ids": kinds, **self.process(pictures)}

    def span(self, pixels: np.ndarray) -> list[int]:
        """The tokens that an image becomes."""
        n = int(self.process([pixels]).image_grid_thw.prod()) // self.config.vision_config.spatial_merge_size**2
        config = self.config
        return [config.vision_start_token_id, *[config.image_token_id] * n, config.vision_end_token_id]

    @torch.no_grad()
    def logits(self, ids: list[int], pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(L, V), all computed at once."""
        return self.model(**self.inputs(ids, pictures), use_cache=False).logits[0].numpy()

    def positions(self, ids: list[int], pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(3, L)"""
        inputs = self.inputs(ids, pictures)
        inputs.pop("pixel_values")
        return self.model.model.get_rope_index(**inputs)[0][:, 0].numpy()

    def greedy(self, row: Row, count: int) -> tuple[list[int], list[float]]:
        """The likeliest ordinary tokens, all computed anew for each; and their leads as shares of the largest logit."""
        ids, leads = list(row.ids), []
        for _ in range(count):
            last = self.logits(ids, row.pictures)[-1, :ORDINARY]
            second, first = np.sort(last)[-2:]
            leads.append(float((first - second) / np.abs(last).max()))
            ids.append(int(last.argmax()))
        return ids[len(row.ids) :], leads


class RandomReference(Reference):
    """A checkpoint drawn from a seed and saved to a directory; pictures and prompts to go with it."""

    def __init__(self, directory: Path, rng: np.random.Generator, model: PreTrainedModel) -> None:
        self.directory, self.rng = directory, rng
        vision = model.config.vision_config
        side = vision.patch_size * vision.spatial_merge_size
        processor = Qwen2VLImageProcessorPil(
            size={"shortest_edge": 4 * side**2, "longest_edge": 40 * side**2},
            patch_size=vision.patch_size,
            merge_size=vision.spatial_merge_size,
            temporal_patch_size=vision.temporal_patch_size,
            image_mean=rng.uniform(0.3, 0.6, 3).tolist(),
            image_std=rng.uniform(0.2, 0.4, 3).tolist(),
        )
        randomize(model, int(rng.integers(1 << 30)))
        super().__init__(model, processor)
        self.tokenizer = build_tokenizer(model.config.text_config.vocab_size)
        for part in (self.model, self.processor, self.tokenizer):
            part.save_pretrained(directory)
        sizes = {name: (int(h * side), int(w * side)) for name, (h, w) in PICTURES.items()} | SIZES
        self.pictures = {name: self.picture(h, w) for name, (h, w) in sizes.items()}
        self.rows = {name: self._row(parts) for name, parts in ROWS.items()}
        self.row_logits = cache(lambda name: self.logits(self.rows[name].ids, self.rows[name].pictures))

    def picture(self, height: int, width: int) -> np.ndarray:
        return self.rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    def text(self, count: int) -> list[int]:
        """Random ids of ordinary tokens."""
        return self.rng.integers(0, ORDINARY, count).tolist()

    def _row(self, parts: tuple[int | str, ...]) -> Row:
        ids: list[int] = []
        for part in parts:
            ids += self.text(part) if isinstance(part, int) else self.span(self.pictures[part])
        return Row(ids, [self.pictures[part] for part in parts if isinstance(part, str)])


def draw(directory: Path, seed: int, kind: str) -> RandomReference:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    text = text_config(rng)
    heads, head_dim = rng.choice([(2, 8), (3, 12), (2, 16), (3, 4)]).tolist()
    vision = {
        "depth": int(rng.integers(3, 5)),
        "embed_dim": heads * head_dim,
        "hidden_size": text["hidden_size"],
        "num_heads": heads,
        "mlp_ratio": int(rng.choice([2, 3])),
        "patch_size": int(rng.choice([2, 4, 5])),
        "spatial_merge_size": 3 if kind == "merged by three" else 2,
        "temporal_patch_size": 2,
    }
    config = Qwen2VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=kind == "tied", **special_tokens(text)
    )
    return RandomReference(directory, rng, Qwen2VLForConditionalGeneration(config))


def text_config(rng: np.random.Generator) -> dict[str, Any]:
    heads, kv_heads, head_dim = rng.choice([(4, 2, 8), (6, 3, 16), (4, 1, 16), (8, 2, 12)]).tolist()
    times = int(rng.integers(1, head_dim // 2 - 1))
    rows = int(rng.integers(1, head_dim // 2 - times))
    return {
        "vocab_size": 320,
        "hidden_size": heads * head_dim,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "num_hidden_layers": int(rng.integers(2, 4)),
        "intermediate_size": int(rng.choice([64, 96])),
        "rms_norm_eps": float(rng.choice([1e-4, 1e-3])),
        "max_position_embeddings": 4096,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": float(rng.choice([500.0, 10000.0, 1e6])),
            "mrope_section": [times, rows, head_dim // 2 - times - rows],
        },
        "bos_token_id": None,
        "eos_token_id": 320 - len(_SPECIAL) + _SPECIAL.index("<|im_end|>"),
    }


def special_tokens(text: dict[str, Any]) -> dict[str, int]:
    first = text["vocab_size"] - len(_SPECIAL)
    names = {"image_token_id": "image_pad", "video_token_id": "video_pad"}
    names |= {f"{name}_token_id": name for name in ("vision_start", "vision_end")}
    return {key: first + _SPECIAL.index(f"<|{name}|>") for key, name in names.items()}


def randomize(model: PreTrainedModel, seed: int) -> None:
    """Norms off one and biases off zero, each differently."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.ndim == 1:
                p.copy_(0.2 * noise + (1 if name.endswith("weight") else 0))
            elif "embed_tokens" in name:
                p.copy_(noise * 0.4)
            else:
                p.copy_(noise / p[0].numel() ** 0.5)


def build_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level pairs, and at the end of the vocabulary Qwen's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    size = vocabulary - len(_SPECIAL)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_CORPUS, trainer)
    names = [f"<|spare_{i}|>" for i in range(size - tokenizer.get_vocab_size())]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in [*names, *_SPECIAL]])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
