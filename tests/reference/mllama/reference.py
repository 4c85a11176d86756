"""A random tiny checkpoint in transformers, laid out like a repository, and the numbers that it gives.

transformers 5.23 departs from the model as trained in two places, and `correct` mends both:

1. It keeps the OUTPUTS of the vision blocks named in `intermediate_layers_indices`. Meta's reference code, and
   transformers up to 4.46, keep their INPUTS.
2. It lets tokens before the first image attend to every image, and masks only the MLP of a cross-attention block for
   them. Meta's reference code masks the attention too, so such a block leaves these tokens as they are.

test_corrections.py shows that nothing else differs.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessorPil,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

KINDS = ("odd grid", "fourfold grid", "few tiles")
"""What the random configs are drawn from: patches in a tile are 1 or 0 modulo 8; fewer tiles than released models."""

PICTURES = {
    "one tile": (0.8, 0.6),
    "two tiles": (0.9, 1.7),
    "three tiles": (0.9, 2.8),
    "four tiles": (1.9, 1.8),
    "tall": (3.7, 0.9),
}
"""(height, width) in tiles."""

ROWS: dict[str, tuple[int | str, ...]] = {
    "no image": (40,),
    "one tile": (1, "one tile", 20),
    "two tiles": (1, "two tiles", 20),
    "three tiles": (1, "three tiles", 20),
    "four tiles": (1, "four tiles", 40),
    "tall": (4, "tall", 12),
    "2x3 px": (1, "2x3 px", 12),
    "4000x500 px": (1, "4000x500 px", 12),
    "image first": ("four tiles", 12),
    "text before the image": (30, "two tiles", 9),
    "two adjacent images": (3, "one tile", "four tiles", 14),
    "two separated images": (3, "two tiles", 8, "one tile", 11),
    "three images": (2, "one tile", "two tiles", 7, "four tiles", 9),
    "three adjacent images": (5, "tall", "2x3 px", "one tile", 9),
    "image last": (5, "one tile", 6, "two tiles"),
}
"""Prompts: a number stands for so many random text tokens, a name for a picture."""

_SPECIAL = (
    *("begin_of_text", "end_of_text", "start_header_id", "end_header_id"),
    *("eom_id", "eot_id", "python_tag", "finetune_right_pad_id"),
)
_CORPUS = ("What is the total of this receipt?\n\n", "user assistant system", "Cutting Knowledge Date: December 2023\n")


@dataclass(frozen=True)
class Row:
    ids: list[int]
    pictures: list[np.ndarray]


class Reference:
    """plain: transformers as it is. model: the same weights, corrected."""

    def __init__(self, plain: MllamaForConditionalGeneration, processor: MllamaImageProcessorPil) -> None:
        self.config, self.plain, self.processor = plain.config, plain, processor
        self.model = correct(copy.deepcopy(plain))

    def process(self, pictures: Sequence[np.ndarray]) -> Any:
        return self.processor(images=[[PILImage.fromarray(p) for p in pictures]], return_tensors="pt")

    def image_inputs(self, pictures: Sequence[np.ndarray], ids: list[int]) -> dict[str, torch.Tensor]:
        """Nothing without pictures. cross_attention_mask: (1, L, images, T), which tiles each token sees."""
        if not pictures:
            return {}
        batch = self.process(pictures)
        spans = get_cross_attention_token_mask(ids, self.config.image_token_index)
        most = self.config.vision_config.max_num_tiles
        mask = torch.tensor(convert_sparse_cross_attention_mask_to_dense([spans], batch.num_tiles, most, len(ids)))
        names = ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")
        return {name: batch[name] for name in names} | {"cross_attention_mask": mask}

    @torch.no_grad()
    def logits(
        self, ids: list[int], pictures: Sequence[np.ndarray], model: MllamaForConditionalGeneration | None = None
    ) -> np.ndarray:
        """(L, V), all computed at once."""
        inputs = self.image_inputs(pictures, ids)
        return (model or self.model)(input_ids=torch.tensor([ids]), use_cache=False, **inputs).logits[0].numpy()

    @torch.no_grad()
    def greedy(self, row: Row, count: int) -> tuple[list[int], list[float]]:
        """The likeliest tokens, all computed anew for each; and each one's lead as a share of the largest logit."""
        ids, leads = list(row.ids), []
        inputs = self.image_inputs(row.pictures, ids)
        for _ in range(count):
            last = self.model(input_ids=torch.tensor([ids]), use_cache=False, **inputs).logits[0, -1].numpy()
            second, first = np.sort(last)[-2:]
            leads.append(float((first - second) / np.abs(last).max()))
            ids.append(int(last.argmax()))
            if inputs:
                mask = inputs["cross_attention_mask"]
                inputs["cross_attention_mask"] = torch.cat([mask, mask[:, -1:]], dim=1)
        return ids[len(row.ids) :], leads


class RandomReference(Reference):
    """A checkpoint drawn from a seed and saved to a directory; pictures and prompts to go with it."""

    def __init__(self, directory: Path, seed: int, kind: str) -> None:
        self.directory = directory
        self.rng = np.random.default_rng([seed, KINDS.index(kind)])
        vocabulary, spares = 320, int(self.rng.integers(0, 8))
        config = random_config(self.rng, kind, vocabulary, spares)
        side = config.vision_config.image_size
        processor = MllamaImageProcessorPil(
            size={"height": side, "width": side},
            max_image_tiles=config.vision_config.max_num_tiles,
            image_mean=self.rng.uniform(0.3, 0.6, 3).tolist(),
            image_std=self.rng.uniform(0.2, 0.4, 3).tolist(),
        )
        super().__init__(random_model(config, int(self.rng.integers(1 << 30))), processor)
        self.tokenizer = build_tokenizer(vocabulary, spares)
        for part in (self.plain, self.processor, self.tokenizer):
            part.save_pretrained(directory)
        sizes = {name: (h * side, w * side) for name, (h, w) in PICTURES.items()}
        sizes |= {"2x3 px": (3, 2), "4000x500 px": (500, 4000)}
        self.pictures = {name: self.picture(int(h), int(w)) for name, (h, w) in sizes.items()}
        self.rows = {name: self._row(parts) for name, parts in ROWS.items()}
        self.row_logits = cache(lambda name: self.logits(self.rows[name].ids, self.rows[name].pictures))

    def picture(self, height: int, width: int) -> np.ndarray:
        return self.rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    def text(self, count: int) -> list[int]:
        """Random ids of ordinary tokens."""
        return self.rng.integers(0, 256, count).tolist()

    def _row(self, parts: tuple[int | str, ...]) -> Row:
        ids: list[int] = []
        for part in parts:
            ids += self.text(part) if isinstance(part, int) else [self.config.image_token_index]
        return Row(ids, [self.pictures[part] for part in parts if isinstance(part, str)])


def correct(model: MllamaForConditionalGeneration) -> MllamaForConditionalGeneration:
    """Undo the two departures that the module's head describes."""
    encoder = model.model.vision_model.transformer

    def keep_inputs(hidden_states: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        states: tuple[torch.Tensor, ...] = ()
        for layer in encoder.layers:
            states += (hidden_states,)
            hidden_states = layer(hidden_states, attention_mask=attention_mask)
        return BaseModelOutput(last_hidden_state=hidden_states, hidden_states=states)

    encoder.forward = keep_inputs
    for layer in model.model.language_model.layers:
        if hasattr(layer, "cross_attn"):
            _mask_rows(layer)
    return model


def _mask_rows(layer: torch.nn.Module) -> None:
    seen: list[torch.Tensor] = []

    def remember(_layer: Any, _args: Any, arguments: dict[str, Any]) -> None:
        seen[:] = [arguments["full_text_row_masked_out_mask"][:, 0]]

    layer.register_forward_pre_hook(remember, with_kwargs=True)
    layer.cross_attn.register_forward_hook(lambda _layer, _args, out: (out[0] * seen[0], out[1]))


def random_config(rng: np.random.Generator, kind: str, vocabulary: int, spares: int) -> MllamaConfig:
    tiles = int(rng.choice([2, 3])) if kind == "few tiles" else 4
    grid = int(rng.choice({"odd grid": [3, 5], "fourfold grid": [4], "few tiles": [2, 3, 6]}[kind]))
    heads, head_dim = rng.choice([(2, 16), (3, 8), (5, 8), (3, 10)]).tolist()
    first_kept = ("fourfold grid", "odd grid").index(kind) if kind != "few tiles" else int(rng.integers(0, 2))
    vision = {
        "hidden_size": heads * head_dim,
        "attention_heads": heads,
        "num_hidden_layers": int(rng.integers(6, 8)),
        "num_global_layers": int(rng.integers(1, 4)),
        "intermediate_size": int(rng.choice([28, 64])),
        "vision_output_dim": heads * head_dim * 4,
        "intermediate_layers_indices": _spread(rng, first_kept, (1, 2)),
        "norm_eps": float(rng.choice([1e-4, 1e-3])),
        "patch_size": (patch := int(rng.choice([4, 6, 7]))),
        "image_size": grid * patch,
        "max_num_tiles": tiles,
        "supported_aspect_ratios": [[r, c] for r in range(1, 5) for c in range(1, 5) if r * c <= tiles],
    }
    heads, kv_heads, head_dim = rng.choice([(4, 2, 8), (6, 3, 16), (6, 2, 16), (4, 1, 16), (8, 2, 4)]).tolist()
    scaled = {"odd grid": True, "fourfold grid": False}.get(kind, rng.random() < 0.5)
    text = {
        "vocab_size": vocabulary,
        "hidden_size": heads * head_dim,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "num_hidden_layers": int(rng.integers(7, 9)),
        "intermediate_size": int(rng.choice([56, 96])),
        "cross_attention_layers": _spread(rng, int(rng.integers(0, 2)), (2, 3)),
        "rms_norm_eps": float(rng.choice([1e-4, 1e-3])),
        "max_position_embeddings": 4096,
        "rope_parameters": _rope(rng, scaled),
        "bos_token_id": vocabulary - len(_SPECIAL),
        "eos_token_id": vocabulary - len(_SPECIAL) + 1,
        "pad_token_id": vocabulary - 1,
    }
    return MllamaConfig(vision_config=vision, text_config=text, image_token_index=vocabulary + spares)


def _rope(rng: np.random.Generator, scaled: bool) -> dict[str, Any]:
    plain = {"rope_type": "default", "rope_theta": float(rng.choice([500.0, 10000.0]))}
    if not scaled:
        return plain
    factors = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    return plain | factors | {"rope_type": "llama3", "original_max_position_embeddings": int(rng.choice([24, 48]))}


def _spread(rng: np.random.Generator, first: int, gaps: tuple[int, ...]) -> list[int]:
    return list(accumulate([first, *rng.permutation(gaps).tolist()]))


def random_model(config: MllamaConfig, seed: int) -> MllamaForConditionalGeneration:
    """Gates open and norms off one, each differently."""
    model = MllamaForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.numel() == 1:
                p.copy_(noise.sign() * (0.4 + 0.3 * noise.abs()))
            elif name.endswith("norm.weight") or "layernorm" in name:
                p.copy_(0.2 * noise + (1 if name.endswith("weight") else 0))
            elif (p.ndim > 1 and "embed" not in name) or "patch_embedding" in name:
                p.copy_(noise / p[0].numel() ** 0.5)
            else:
                p.copy_(noise * 0.4)
    return model


def build_tokenizer(vocabulary: int, spares: int) -> PreTrainedTokenizerFast:
    """Byte-level pairs and Llama 3's special tokens; the image token follows `vocabulary` and the spares."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = vocabulary - len(_SPECIAL)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_CORPUS, trainer)
    names = [f"<|reserved_special_token_{i}|>" for i in range(size - tokenizer.get_vocab_size())]
    names += [f"<|{name}|>" for name in _SPECIAL]
    names += [f"<|spare_token_{i}|>" for i in range(spares)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in [*names, "<|image|>"]])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>",
    )
