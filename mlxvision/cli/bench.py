"""`mlxvision bench`: what a picture and a token cost on this machine, and at best on others."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import Status, in_units, write
from mlxvision.types import Done, Image, Message, Request, Sampling

if TYPE_CHECKING:
    from mlxvision.engine import Engine, Memory
    from mlxvision.family import Model

BANDWIDTHS_GB_S = {
    "M1": 68,
    "M1 Pro": 200,
    "M1 Max": 400,
    "M1 Ultra": 800,
    "M2": 100,
    "M2 Pro": 200,
    "M2 Max": 400,
    "M2 Ultra": 800,
    "M3": 100,
    "M3 Pro": 150,
    "M3 Max": 400,
    "M3 Ultra": 819,
    "M4": 120,
    "M4 Pro": 273,
    "M4 Max": 546,
}
"""Of memory, as Apple states it."""

_SIDE_PX = 1120
_QUESTION = "What is written on the second line of this label?"
_SECOND_QUESTION = "And on the third?"
_SENTENCE = "The quick brown fox jumps over the lazy dog. "
_N_PREFILL, _N_DECODE = 512, 48
# Drawn by chance, so that no answer repeats itself; with no token that ends it, so that all have one length.
_SAMPLING = Sampling(max_tokens=_N_DECODE, temperature=1.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure what a picture and a token cost on this machine, and predict the limits of Macs."
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name [$MLXVISION_MODEL, else nano]")
    add("--force", action="store_true", help="load a model that does not seem to fit into memory")
    add("--json", action="store_true", help="one JSON object instead of the tables")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    from mlxvision.api import load
    from mlxvision.loading.memory import widens

    with Status() as status:
        status.show(f"loading {args.model or 'the model'}")
        model = load(args.model, force=args.force)
        endless = replace(model, family=replace(model.family, stop_tokens=lambda _: frozenset()))
        status.show("measuring")
        report = {"machine": _machine(), "model": _about(model), "measured": _measure(endless)}
    image_bytes = report["measured"]["image_bytes"] // (2 if widens() else 1)
    bytes_per_token = _bytes_per_token(model) + image_bytes
    report["predicted"] = {
        "bytes_per_token": bytes_per_token,
        "most_tokens_per_s": {chip: round(gb * 1e9 / bytes_per_token, 1) for chip, gb in BANDWIDTHS_GB_S.items()},
    }
    write(json.dumps(report) + "\n" if args.json else "".join(f"{line}\n" for line in _table(report)))
    return 0


def _machine() -> dict[str, str]:
    from importlib.metadata import version

    import mlx.core as mx

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "device": str(mx.device_info()["device_name"]),
        "mlx": version("mlx"),
    }


def _about(model: Model) -> dict[str, str]:
    return {"name": model.name, "family": model.family.name, "revision": model.revision}


def _measure(model: Model) -> dict[str, float]:
    from mlxvision.engine import Engine, Memory

    engine, memory = Engine(), Memory()
    _ask(engine, model, Message("user", ("Hello",)))  # reads the weights, and prepares kernels
    text = _SENTENCE * (_N_PREFILL // len(model.tokenizer.encode(_SENTENCE)))
    prefill = _ask(engine, model, Message("user", (text,)))
    question = Message("user", (_picture(), _QUESTION))
    first = _ask(engine, model, question, memory=memory)
    turns = (question, Message("assistant", (first.text,)), Message("user", (_SECOND_QUESTION,)))
    second = _ask(engine, model, *turns, memory=memory)
    return {
        "vision_ms": first.timings_ms["encode"],
        "image_bytes": engine.images.nbytes,
        "prefill_tokens_per_s": _per_s(prefill.usage.prompt_tokens, prefill.timings_ms["prefill"]),
        "decode_tokens_per_s": _per_s(len(first.tokens), first.timings_ms["generate"]),
        "second_question_ratio": round(_wait_ms(second) / _wait_ms(first), 4),
        "peak_bytes": engine.peak_bytes,
    }


def _ask(engine: Engine, model: Model, *messages: Message, memory: Memory | None = None) -> Done:
    return engine.stream(model, Request(messages, _SAMPLING, "whole"), memory).result()


def _wait_ms(done: Done) -> float:
    """Until the first token is computed."""
    return done.timings_ms["encode"] + done.timings_ms["prefill"]


def _per_s(n: int, ms: float) -> float:
    return round(1000 * n / ms, 1)


def _picture() -> Image:
    """Square, as large as the largest that models take in tiles of 560 px, with edges at every scale."""
    import numpy as np

    across, down = np.meshgrid(np.arange(_SIDE_PX), np.arange(_SIDE_PX))
    pixels = np.stack([across ^ down, across & down, across + down], axis=-1).astype(np.uint8)
    return Image(pixels, "test picture", 1, "bench")


def _bytes_per_token(model: Model) -> int:
    """Of weights that are read for each: not the tower's, nor the table of embeddings unless it is the head as well.

    Floats are counted as they are on Macs, in 16 bits.
    """
    import mlx.core as mx
    from mlx.nn import Embedding, QuantizedEmbedding
    from mlx.utils import tree_flatten

    from mlxvision.loading.stored import StoredNet

    net = cast(StoredNet, model.net).module
    modules = dict(net.named_modules())
    has_head = any(path.endswith("lm_head") for path in modules)
    nbytes = 0
    for path, x in cast(Iterator[tuple[str, mx.array]], tree_flatten(net.parameters())):
        is_table = isinstance(modules[path.rpartition(".")[0]], Embedding | QuantizedEmbedding)
        if not model.family.is_tower(path) and not (is_table and has_head):
            nbytes += x.size * min(x.itemsize, 2) if mx.issubdtype(x.dtype, mx.floating) else x.nbytes
    return nbytes


def _table(report: Mapping[str, Any]) -> Iterator[str]:
    machine, model, measured, predicted = (report[key] for key in ("machine", "model", "measured", "predicted"))
    rows = {
        "machine": f"{machine['device']}, {machine['system']}, MLX {machine['mlx']}",
        "model": f"{model['name']} ({model['family']}, revision {model['revision']})",
        "vision": f"{measured['vision_ms']:.0f} ms for {_SIDE_PX} x {_SIDE_PX} px",
        "kept of the image": in_units(measured["image_bytes"]),
        "prefill": f"{measured['prefill_tokens_per_s']:.1f} tokens/s",
        "decode": f"{measured['decode_tokens_per_s']:.1f} tokens/s",
        "second question": f"first token after {measured['second_question_ratio']:.3f} of the first one's time",
        "peak memory": in_units(measured["peak_bytes"]),
    }
    yield from (f"{name:17}  {value}" for name, value in rows.items())
    yield ""
    read = in_units(predicted["bytes_per_token"])
    yield f"Predicted, not measured: tokens/s at most, as {read} are read for each from memory"
    for chip, tokens_per_s in predicted["most_tokens_per_s"].items():
        yield f"{chip:17}  {tokens_per_s:8.1f}"
