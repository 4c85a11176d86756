"""What an image costs the first time and ever after, on a random mid-size checkpoint; needs no other engine.

    python -m tests.benchmarks.bars [--rounds 5]

Answers are compared before any time is taken. Times are CPU time of the process on one thread, as the median of ratios
of pairs that were measured one after the other, each with a new picture. Peaks are of fresh processes. A wrong answer
or a missed bar ends with exit code 1. Without an optimized BLAS the first look takes long: LD_PRELOAD one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from mlxvision.engine import DiskCache, Engine, ImageCache, Session, answer, draft
from mlxvision.families.mllama import FAMILY
from mlxvision.families.mllama.language import CrossAttention, Decoder
from mlxvision.families.mllama.vision import VisionModel
from mlxvision.family import Model
from mlxvision.types import Done, Event, Image, Message, Request, Sampling, Token
from mlxvision_weights.recipes import find_recipe
from tests.benchmarks.midsize import make_midsize, midsize_config, released_config
from tests.benchmarks.traffic import seeing_ratio

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PICTURES_PX = {0: (0, 0), 1: (200, 200), 2: (200, 400), 4: (400, 400)}  # by tiles
QUESTION = "What is written on the second line of this label?"
DRAWN = Sampling(max_tokens=16, temperature=1.0, seed=5)  # random weights only repeat themselves if they are greedy
ANSWER_PEAK = """
import sys
import mlx.core as mx
from mlxvision.engine import Engine
from tests.benchmarks.bars import ask, picture
engine = Engine()
model = engine.load(sys.argv[1], low_memory=sys.argv[2])
loaded = mx.get_peak_memory()
tokens = [t.id for t in ask(engine, model, picture(4, 0)).tokens]
print(loaded, engine.peak_bytes, *tokens)
"""


class Bars:
    """What was measured, and what was missed."""

    def __init__(self) -> None:
        self.missed = 0

    def tell(self, what: str, figure: float, bar: float | None = None, unit: str = "") -> None:
        """bar: what the figure may be at most; None: there is none."""
        ok = bar is None or figure <= bar
        self.missed += not ok
        limit = "" if bar is None else f"  (bar {bar}) {'ok' if ok else 'MISSED'}"
        print(f"{what:62} {figure:10.4g}{unit}{limit}", flush=True)


def picture(tiles: int, seed: int) -> Image:
    pixels = np.random.default_rng([tiles, seed]).integers(0, 256, (*PICTURES_PX[tiles], 3), np.uint8)
    return Image(pixels, "picture", 1, f"{tiles}-{seed}")


def ask(engine: Engine, model: Model, *images: Image, n_tokens: int = 16) -> Done:
    sampling = replace(DRAWN, max_tokens=n_tokens)
    return engine.stream(model, Request((Message("user", (*images, QUESTION)),), sampling)).result()


def open_model(directory: Path) -> Model:
    """Nothing but their length ends its answers."""
    model = Engine().load(directory)
    return replace(model, family=replace(model.family, stop_tokens=lambda _: frozenset()))


def first_token_s(events: Iterable[Event]) -> float:
    """CPU time until the first token; then the rest is waited for."""
    start, first_s = time.process_time(), 0.0
    for event in events:
        if isinstance(event, Token) and not first_s:
            first_s = time.process_time() - start
    return first_s


def seconds_per_token(events: Iterable[Event]) -> float:
    """CPU time for each token after the first."""
    moments = [time.process_time() for event in events if isinstance(event, Token)]
    return (moments[-1] - moments[0]) / (len(moments) - 1)


def timed(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


@contextmanager
def counted(kind: type | object, name: str) -> Iterator[list[int]]:
    """How often a function is called, as the one number of a list."""
    inner, calls = getattr(kind, name), [0]

    def count(*args: object, **named: object) -> object:
        calls[0] += 1
        return inner(*args, **named)

    setattr(kind, name, count)
    try:
        yield calls
    finally:
        setattr(kind, name, inner)


def second_question(bars: Bars, model: Model, rounds: int) -> None:
    ratios = []
    for seed in range(rounds):
        session = Session(Engine(), model)
        first_s = first_token_s(session.stream(QUESTION, (picture(1, seed),), DRAWN))
        with counted(VisionModel, "__call__") as towers, counted(CrossAttention, "project") as projections:
            events = list(session.stream("And on the third?", (), DRAWN))
        session.rewind()
        second_s = first_token_s(session.stream("And on the third?", (), DRAWN))
        ratios.append(second_s / first_s)
    done = events[-1]
    anew = Session(Engine(), model)
    anew.ask(QUESTION, (picture(1, rounds - 1),), DRAWN)
    anew._memory.forget()  # so that the second answer is computed from nothing
    if not isinstance(done, Done) or anew.ask("And on the third?", (), DRAWN).text != done.text:
        raise SystemExit("a second question is answered otherwise than anew")
    bars.tell("second question: passes of the tower", towers[0], 0)
    bars.tell("second question: cross-K/V projections", projections[0], 0)
    bars.tell("second question: tokens computed", done.usage.prompt_tokens - done.usage.cached_tokens)
    bars.tell("second question: time to first token / the first's", statistics.median(ratios), 0.1)


def restart(bars: Bars, model: Model, rounds: int, folder: Path) -> None:
    def engine() -> Engine:
        return Engine(ImageCache(disk=DiskCache(folder)))

    for tiles in (1, 4):
        ratios = []
        for seed in range(rounds):
            image, before = picture(tiles, seed), engine()
            fresh_s = first_token_s(before.stream(model, Request((Message("user", (image, QUESTION)),), DRAWN)))
            with counted(VisionModel, "__call__") as towers:
                done = ask(engine(), model, image)
            if done.text != ask(before, model, image).text:
                raise SystemExit("an image from disk is answered otherwise")
            again_s = first_token_s(engine().stream(model, Request((Message("user", (image, QUESTION)),), DRAWN)))
            ratios.append(again_s / fresh_s)
        bars.tell(f"after a restart, {tiles} tiles: passes of the tower", towers[0], 0)
        bars.tell(f"after a restart, {tiles} tiles: time to first token / the first's", statistics.median(ratios), 0.2)


def decoding(bars: Bars, model: Model, rounds: int) -> None:
    engine, config = Engine(), FAMILY.read_config(*midsize_config())
    floor = seeing_ratio(config)
    for tiles in (1, 4):
        image = picture(tiles, 0)
        ask(engine, model, image)
        pairs = [
            tuple(
                seconds_per_token(engine.stream(model, Request((Message("user", (*images, QUESTION)),), DRAWN)))
                for images in ((image,), ())
            )
            for _ in range(rounds)
        ]
        seeing, text_only = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"decode, {tiles} tiles: {seeing:.1f} ms CPU per token, without an image {text_only:.1f} ms")
        bars.tell(f"decode, {tiles} tiles: time per token / without an image", ratio, 1.3 if tiles == 1 else None)
        bars.tell(f"decode, {tiles} tiles: the same / the floor that its weights set", ratio / floor, 1.1)
    released = FAMILY.read_config(*released_config())
    large = replace(config, text=replace(config.text, vocab_size=released.text.vocab_size))
    for name, shapes in {"this checkpoint": config, "its layers, the 11B's vocabulary": large, "11B": released}.items():
        bars.tell(f"decode, floor of {name}: weights read, counted", seeing_ratio(shapes))
    bars.tell("cross-K/V projections for each further token", slope(model, engine, (CrossAttention, "project")), 0)
    started = slope(model, engine, (mx, "async_eval")) + slope(model, engine, (mx, "eval"))
    bars.tell("evaluations for each further token", started, 1)


def guessing(bars: Bars, model: Model) -> None:
    """Greedy answers of random weights repeat themselves, which is what guesses are for."""
    request = Request((Message("user", (picture(1, 0), QUESTION)),), Sampling(max_tokens=120))
    said, forwards = [], []
    for pays in (False, True):
        replaced = patch.object(answer, "pays", lambda pays=pays: pays), patch.object(draft, "LoopDetector", Endless)
        with replaced[0], replaced[1], counted(Decoder, "__call__") as calls:
            said.append([token.id for token in Engine().stream(model, request).result().tokens])
        forwards.append(calls[0])
    if said[0] != said[1]:
        raise SystemExit("an answer that is guessed is another")
    bars.tell("guessing: forwards of an answer that repeats itself / without", forwards[1] / forwards[0], 1.02)


class Endless:
    """Ends no answer for repeating itself."""

    def add(self, token: int) -> bool:
        return False


def slope(model: Model, engine: Engine, function: tuple[type | object, str]) -> float:
    """Calls for each further token."""
    n_calls = []
    for n_tokens in (4, 12):
        with counted(*function) as calls:
            ask(engine, model, picture(1, 0), picture(4, 0), n_tokens=n_tokens)
        n_calls.append(calls[0])
    return (n_calls[1] - n_calls[0]) / 8


def memory(bars: Bars, directory: Path) -> None:
    net = FAMILY.build(Engine().load(directory).config)
    parameters = tree_flatten(net.parameters())
    weights = sum(x.nbytes for _, x in parameters)
    tower = sum(x.nbytes for path, x in parameters if FAMILY.is_tower(path))
    print(f"mid-size weights: {weights / 1e6:.0f} MB, of which for encoding {tower / 1e6:.0f} MB")
    answers = set()
    for low_memory in ("off", "on"):
        command = [sys.executable, "-c", ANSWER_PEAK, str(directory), low_memory]
        said = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
        loaded, peak, *tokens = map(int, said.split())
        answers.add(tuple(tokens))
        bar = 1.15 if low_memory == "off" else None
        bars.tell(f"peak after loading / weights, 4 tiles, --low-memory {low_memory}", loaded / weights)
        bars.tell(f"peak of an answer / weights, 4 tiles, --low-memory {low_memory}", peak / weights, bar)
    if len(answers) > 1:
        raise SystemExit("in turns the answer is another")
    for bits in (16, 4):
        for n_tokens in (512, 4096):
            figure = released_peak(bits, n_tokens)
            bars.tell(f"11B in {bits} bits, 1 image, {n_tokens} tokens: computed peak / weights", figure, 1.15)


def released_peak(bits: int, n_tokens: int) -> float:
    """Computed from shapes: all weights, caches and the largest activations, over the weights."""
    config = FAMILY.read_config(*released_config())
    net, recipe = FAMILY.build(config), find_recipe("default")
    modules = dict(net.named_modules())
    weights = 0.0
    for path, x in tree_flatten(net.parameters()):
        module, _, leaf = path.rpartition(".")
        packed = bits < 16 and leaf == "weight" and isinstance(modules[module], nn.Linear | nn.Embedding)
        weights += x.size * ((bits + 0.5) / 8 if packed and not recipe.keeps(module) else 2)
    return 1 + FAMILY.request_bytes(config, 1, n_tokens) / weights


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    bars = Bars()
    with tempfile.TemporaryDirectory() as folder:
        directory, cached = Path(folder) / "model", Path(folder) / "cache"
        directory.mkdir()
        make_midsize(directory)
        mx.clear_cache()
        memory(bars, directory)
        model = open_model(directory)
        second_question(bars, model, rounds)
        restart(bars, model, rounds, cached)
        decoding(bars, model, rounds)
        guessing(bars, model)
    return 1 if bars.missed else 0


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.benchmarks.bars", *sys.argv[1:]], os.environ | ONE_THREAD
        )
    sys.exit(main())
