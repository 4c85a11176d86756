"""How far the logits of the bundled model move if it remembers text in few bits, on pictures of other programs.

    python -m tests.benchmarks.kv_bits

The model is given what stands in each picture as if it had said so. The figure is the root mean square of the change
over that of the logits, each less their mean, at all positions of the prompt and of 600 tokens of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mlx.core as mx

from mlxvision.engine import Engine
from mlxvision.engine.worker import shared_worker
from mlxvision.family import Model
from mlxvision.images import open_image
from mlxvision.types import Image, Message

REAL = Path(__file__).parents[2] / "weights" / "training" / "real"
PICTURES = ("receipt-grocer", "letter")
MOST_TOKENS = 600


def logits(model: Model, image: Image, text: str) -> tuple[mx.array, int]:
    """(L, V), around a mean of 0, and the bytes that the text takes."""
    family, net = model.family, model.net
    prompt = family.render([Message("user", (image, "Read the text."))], model.tokenizer, model.config)
    tokens = prompt + model.tokenizer.encode(text)[:MOST_TOKENS]
    cache = net.make_cache()
    cache.add_image(net.encode(family.preprocess(image, model.config), lambda: None))
    found = net.logits(net.hidden(mx.array([tokens]), cache))[0].astype(mx.float32)
    found = found - found.mean(axis=-1, keepdims=True)
    mx.eval(found)
    return found, sum(x.nbytes for x in cache.arrays)


def rms(x: mx.array) -> mx.array:
    return mx.sqrt(mx.square(x).mean())


def compare(models: Sequence[Model]) -> None:
    plain, *lean = models
    for name in PICTURES:
        image = open_image(REAL / "images" / f"{name}.png")
        text = (REAL / "truth" / f"{name}.txt").read_text(encoding="utf-8")
        whole, whole_bytes = logits(plain, image, text)
        for model in lean:
            moved, moved_bytes = logits(model, image, text)
            change, part = (rms(moved - whole) / rms(whole)).item(), moved_bytes / whole_bytes
            print(f"{name:15} {model.revision}: {change:.4f} of the logits, {part:.3f} of the bytes")


if __name__ == "__main__":
    loaded = [Engine().load(kv_bits=bits) for bits in (None, 8, 4)]
    shared_worker().submit(lambda: compare(loaded)).result()
