"""mlxvision beside mlx-vlm and transformers on a random mid-size Llama 3.2 Vision checkpoint: answers, then cost.

    pip install ".[benchmark]" && python -m tests.benchmarks.peers

Answers: the greedy tokens of mlxvision must be those of the model as trained (transformers with the two corrections
that the reference ladder explains). mlx-vlm follows plain transformers, so it is held to that. Cost: CPU time of the
process for each decoded token, the two engines in turns; projections of image keys and values, counted; peak memory of
the vision tower. A wrong answer or a missed bar ends with exit code 1.

The bar of the time is for MLX as its wheel for Linux is. With a fast BLAS preloaded, what mlx-vlm projects again for
every token costs a fortieth, and the ratio shows little more than that both read the same weights.
"""

import argparse
import copy
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import torch
from mlx_vlm.generate.ar import generate_step
from mlx_vlm.utils import load_model as load_mlx_vlm
from PIL import Image as PILImage
from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaImageProcessorPil
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

from mlxvision import Engine, Image, Message, Request, Sampling, Token
from mlxvision.engine import ImageCache
from mlxvision.family import Model
from tests.reference.mllama.reference import build_tokenizer, correct

TILE, TILES, VOCABULARY, SPARES = 224, 4, 2048, 0
PICTURES = {1: (200, 200), 2: (200, 400), 4: (400, 400)}  # tiles: (height, width)
BARS = {"decode time": 0.12, "vision peak": 0.6}
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def build_config() -> MllamaConfig:
    vision = {
        "hidden_size": 512,
        "num_hidden_layers": 8,
        "num_global_layers": 2,
        "attention_heads": 16,  # mlx-vlm assumes this number whatever the config says
        "intermediate_size": 2048,
        "vision_output_dim": 512 * 4,
        "intermediate_layers_indices": [1, 3, 6],
        "image_size": TILE,
        "patch_size": 14,
        "max_num_tiles": TILES,
    }
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 1024,
        "num_hidden_layers": 8,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "intermediate_size": 2816,
        "cross_attention_layers": [1, 4, 6],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    }
    return MllamaConfig(vision_config=vision, text_config=text, image_token_index=VOCABULARY + SPARES)


def build_checkpoint(directory: Path, seed: int) -> MllamaForConditionalGeneration:
    """A checkpoint that all three engines read, with open gates so that the image matters to every token."""
    model = MllamaForConditionalGeneration(build_config()).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.numel() == 1:
                p.fill_(1.0)
            elif p.ndim > 1:
                p.copy_(torch.randn(p.shape, generator=generator) * (1.0 / p[0].numel()) ** 0.5)
            elif name.endswith("class_embedding"):
                p.copy_(torch.randn(p.shape, generator=generator))
    model.save_pretrained(directory)
    MllamaImageProcessorPil(
        size={"height": TILE, "width": TILE}, max_image_tiles=TILES, image_mean=MEAN, image_std=STD
    ).save_pretrained(directory)
    build_tokenizer(VOCABULARY, SPARES).save_pretrained(directory)
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["text_config"] |= {"rope_theta": 10000.0, "rope_scaling": None}  # the dialect that mlx-vlm reads
    path.write_text(json.dumps(config), encoding="utf-8")
    return model


class Task:
    """One picture, one prompt, and how each engine answers it."""

    def __init__(self, tiles: int, rng: np.random.Generator, processor: MllamaImageProcessorPil) -> None:
        self.tiles = tiles
        self.pixels = rng.integers(0, 256, (*PICTURES[tiles], 3), dtype=np.uint8)
        text = rng.integers(3, 256, 48).tolist()
        self.ids = [0, *text[:5], VOCABULARY + SPARES, *text[5:]]
        batch = processor(images=PILImage.fromarray(self.pixels), return_tensors="np")
        if batch["num_tiles"] != [[tiles]]:
            raise SystemExit(f"the picture for {tiles} tiles has {batch['num_tiles']}")
        spans = get_cross_attention_token_mask(self.ids, VOCABULARY + SPARES)
        mask = convert_sparse_cross_attention_mask_to_dense([spans], [[tiles]], TILES, len(self.ids))
        names = ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")
        self.inputs = {name: batch[name] for name in names} | {"cross_attention_mask": mask}
        self.images = ImageCache()
        self.features: mx.array | None = None

    @torch.no_grad()
    def transformers(self, model: MllamaForConditionalGeneration, count: int) -> list[int]:
        """Greedy by full recomputation: the plainest thing that can be written."""
        inputs = {name: torch.from_numpy(value) for name, value in self.inputs.items()}
        states = model.model.vision_model(
            *(inputs[n] for n in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask"))
        )
        projected = model.model.multi_modal_projector(states.last_hidden_state)
        features = projected.reshape(-1, projected.shape[-2], projected.shape[-1])
        ids, mask = list(self.ids), inputs["cross_attention_mask"]
        for _ in range(count):
            out = model(
                input_ids=torch.tensor([ids]),
                cross_attention_states=features,
                cross_attention_mask=mask,
                use_cache=False,
            )
            ids.append(int(out.logits[0, -1].argmax()))
            mask = torch.cat([mask, mask[:, -1:]], dim=1)
        return ids[len(self.ids) :]

    def mlx_vlm(self, model: nn.Module, count: int) -> Iterator[int]:
        """The image is encoded in the first call only, so that later ones time the decoder."""
        inputs = {name: mx.array(value) for name, value in self.inputs.items()}
        pixels = inputs.pop("pixel_values")
        if self.features is None:
            states = model.vision_tower(pixels, inputs["aspect_ratio_ids"], inputs["aspect_ratio_mask"])[0]
            projected = model.multi_modal_projector(states)
            self.features = projected.reshape(1, -1, projected.shape[-1])
            mx.eval(self.features)
        inputs["cached_image_features"] = self.features
        steps = generate_step(mx.array([self.ids]), model, pixels, None, max_tokens=count, temperature=0.0, **inputs)
        return (int(token) for token, _ in steps)

    def mlxvision(self, model: Model, count: int) -> Iterator[int]:
        """Through the engine; the prompt's ids are given instead of rendered, and the image is encoded once."""
        fixed = dataclasses.replace(model.family, render=lambda *_: self.ids, stop_tokens=lambda _: frozenset())
        request = Request(
            (Message("user", (Image(self.pixels, "picture", 1, str(id(self))),)),), Sampling(max_tokens=count)
        )
        events = Engine(self.images).stream(dataclasses.replace(model, family=fixed), request)
        return (event.id for event in events if isinstance(event, Token))


def seconds_per_token(tokens: Iterator[int]) -> float:
    """CPU time of the whole process for each token after the first."""
    next(tokens)
    start, count = time.process_time(), sum(1 for _ in tokens)
    return (time.process_time() - start) / count


def agreeing(tokens: list[int], expected: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(tokens, expected, strict=True)) if a != b), len(expected))


class Counting(nn.Module):
    """Stands in for a projection and counts how many rows of images it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.rows = inner, 0

    def __call__(self, x: mx.array) -> mx.array:
        self.rows += x.shape[-2]
        return self.inner(x)


def count_image_rows(layers: list[nn.Module], run: Callable[[], object]) -> int:
    """Rows that the key projections of cross-attention are given while run lasts."""
    attentions = [layer.cross_attn for layer in layers if "cross_attn" in layer]
    counters = [Counting(attention.k_proj) for attention in attentions]
    for attention, counter in zip(attentions, counters, strict=True):
        attention.k_proj = counter
    run()
    for attention, counter in zip(attentions, counters, strict=True):
        attention.k_proj = counter.inner
    return sum(counter.rows for counter in counters)


def peak_bytes(run: Callable[[], mx.array]) -> int:
    mx.clear_cache()
    base = mx.get_active_memory()
    mx.reset_peak_memory()
    mx.eval(run())
    return mx.get_peak_memory() - base


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        plain = build_checkpoint(Path(folder), arguments.seed)
        ours, theirs = Engine().load(folder), load_mlx_vlm(Path(folder))
        processor = MllamaImageProcessorPil.from_pretrained(folder)
        rng = np.random.default_rng(arguments.seed)
        tasks = [Task(tiles, rng, processor) for tiles in PICTURES]
        corrected = correct(copy.deepcopy(plain))
        missed += compare_answers(tasks, plain, corrected, theirs, ours, arguments.tokens)
        missed += compare_time(tasks, theirs, ours, arguments.tokens, arguments.rounds)
        missed += compare_projections(tasks[0], theirs, ours)
        missed += compare_vision_memory(tasks[0], theirs, ours)
    print("missed: " + ", ".join(missed) if missed else "every bar is met")
    return 1 if missed else 0


def compare_answers(tasks, plain, corrected, theirs, ours, count) -> list[str]:
    missed = []
    print("tiles | mlxvision = model as trained | mlx-vlm = plain transformers  (leading equal tokens)")
    for task in tasks:
        mine = agreeing(list(task.mlxvision(ours, count)), task.transformers(corrected, count))
        other = agreeing(list(task.mlx_vlm(theirs, count)), task.transformers(plain, count))
        print(f"{task.tiles:5} | {mine:3} of {count} {'':18} | {other:3} of {count}")
        missed += [f"tokens at {task.tiles} tiles"] if mine < count else []
    return missed


def compare_time(tasks, theirs, ours, count, rounds) -> list[str]:
    missed = []
    print(f"tiles | CPU ms per token: mlxvision, mlx-vlm, median ratio of {rounds} pairs (bar {BARS['decode time']})")
    for task in tasks:
        pairs = [
            (seconds_per_token(task.mlxvision(ours, count)), seconds_per_token(task.mlx_vlm(theirs, count)))
            for _ in range(rounds)
        ]
        ratio = statistics.median(mine / other for mine, other in pairs)
        mine, other = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{task.tiles:5} | {mine:8.1f} {other:8.1f} {ratio:8.3f}")
        missed += [f"decode time at {task.tiles} tiles"] if ratio > BARS["decode time"] else []
    return missed


def compare_projections(task, theirs, ours) -> list[str]:
    def rows(count: int) -> tuple[int, int]:
        task.images = ImageCache()  # so that the image's one projection is counted too
        mine = count_image_rows(ours.net.module.language_model.model.layers, lambda: list(task.mlxvision(ours, count)))
        other = count_image_rows(theirs.language_model.model.layers, lambda: list(task.mlx_vlm(theirs, count)))
        return mine, other

    few, many = rows(4), rows(12)
    print("image rows given to key projections, 1 tile, 3 layers: for 4 tokens, for 12 tokens")
    for name, a, b in zip(("mlxvision", "mlx-vlm"), few, many, strict=True):
        print(f"{name:>10} {a:8} {b:8}")
    return ["projections grow with tokens"] if few[0] != many[0] else []


def compare_vision_memory(task, theirs, ours) -> list[str]:
    image = Image(task.pixels, "picture", 1, "")
    inputs = [mx.array(task.inputs[n]) for n in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")]
    prepared = ours.family.preprocess(image, ours.config)
    net = ours.net.module
    mine = peak_bytes(lambda: net.multi_modal_projector(net.vision_model(prepared, lambda: None)))
    other = peak_bytes(lambda: theirs.multi_modal_projector(theirs.vision_tower(*inputs)[0]))
    ratio = mine / other
    print(
        f"vision peak, 1 tile: mlxvision {mine / 1e6:.1f} MB, mlx-vlm {other / 1e6:.1f} MB, ratio {ratio:.2f}", end=" "
    )
    print(f"(bar {BARS['vision peak']})")
    return ["vision peak"] if ratio > BARS["vision peak"] else []


if __name__ == "__main__":
    sys.exit(main())
