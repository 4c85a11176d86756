"""Read the held-out sets with the engine, on an exported or converted checkpoint.

Usage: python -m training.nano.evaluate MODEL --work DIR [--count N] [--show]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import PIL.Image

import mlxvision
from mlxvision import Sampling
from training.nano.heldout import SETS, held_out_samples
from training.nano.scores import score

_REQUEST = "Read the text."
_TOKENS = Sampling(max_tokens=700)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where fonts.json is")
    parser.add_argument("--count", type=int, default=50, help="pictures in each set")
    parser.add_argument("--show", action="store_true", help="print what was misread")
    options = parser.parse_args()
    model = mlxvision.load(options.model)
    for name in SETS:
        samples = held_out_samples(options.work, name, options.count)
        truths, answers, began = [sample.answer for sample in samples], [], time.monotonic()
        for sample in samples:
            picture = PIL.Image.fromarray(sample.picture)
            answers.append(mlxvision.generate(model, _REQUEST, [picture], sampling=_TOKENS).text)
        seconds = (time.monotonic() - began) / len(samples)
        print(f"{name}: {score(truths, answers)}, {seconds:.1f} s each, n = {len(samples)}", flush=True)
        if options.show:
            wrong = [(t, a) for t, a in zip(truths, answers, strict=True) if t != a]
            print("\n".join(f"  {truth!r}\n  {answer!r}\n" for truth, answer in wrong))


if __name__ == "__main__":
    main()
