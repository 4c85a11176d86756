"""Measure a converted model with the engine, and Debian's tesseract beside it on the same pictures.

Usage: python -m training.nano.evaluate MODEL --work DIR [--count N] [--sets NAME ...] [--show]

Text is scored by characters, always after blank lines, separators, leaders and needless blanks are dropped. Answers
must be exact.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

import mlxvision
from training.nano.cases import READ, SETS, Case, held_out_cases, real_cases
from training.nano.scores import score

_LEADERS = re.compile(r"([.·…_-] ?){4,}")
_REAL = {"real set": True, "real questions": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="a converted checkpoint [the bundled one]")
    parser.add_argument("--work", type=Path, help="where fonts.json is; without it, only the real set is measured")
    parser.add_argument("--count", type=int, default=60, help="cases in each drawn set")
    parser.add_argument("--sets", nargs="+", choices=[*SETS, *_REAL], default=[*SETS, *_REAL], metavar="NAME")
    parser.add_argument("--show", action="store_true", help="print what was misread")
    options = parser.parse_args()
    model = mlxvision.load(options.model)
    for name in options.sets:
        if name in _REAL:
            cases = real_cases(read=_REAL[name])
        elif options.work:
            cases = held_out_cases(options.work, name, options.count)
        else:
            continue
        measure(name, cases, lambda case: ask(model, case), show=options.show)
        if cases[0].question == READ and shutil.which("tesseract"):
            for layout in ("3", "6"):
                measure(f"{name}, tesseract --psm {layout}", cases, lambda case, layout=layout: tesseract(case, layout))


def measure(name: str, cases: list[Case], answer: Callable[[Case], str], *, show: bool = False) -> None:
    began = time.monotonic()
    answers = [tidy(answer(case)) for case in cases]
    seconds = (time.monotonic() - began) / len(cases)
    truths = [tidy(case.answer) for case in cases]
    print(f"{name}: {score(truths, answers)}, {seconds:.1f} s each, n = {len(cases)}", flush=True)
    if show:
        for i, (case, truth, said) in enumerate(zip(cases, truths, answers, strict=True)):
            if truth != said:
                print(f"  {i} {case.question}\n    {truth!r}\n    {said!r}")


def ask(model: mlxvision.Model, case: Case) -> str:
    return mlxvision.generate(model, case.question, [PIL.Image.fromarray(case.picture)]).text


def tesseract(case: Case, layout: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        PIL.Image.fromarray(np.asarray(case.picture)).save(file.name)
        command = ["tesseract", file.name, "-", "-l", "eng", "--psm", layout]
        return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def tidy(text: str) -> str:
    """Without blank lines, needless blanks, separators such as "-----", and leaders, which nobody reads."""
    lines = (" ".join(_LEADERS.sub(" ", line).split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line.strip("-=_*.~#+ "))


if __name__ == "__main__":
    main()
