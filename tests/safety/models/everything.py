"""Loads and asks every model of the corpus in one process: a line about each, what was said and what else happened.

Run as `python -m tests.safety.models.everything FOLDER`. A crash of this process is a finding.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

PROMPT = "Read the text."
_LIMIT_BYTES = 12 << 30  # so that a finding does not take the machine with it
_COMMAND_EVERY = 4


class Watch:
    """Notes sockets, processes, code of the model's directory, and files written anywhere but in our own home."""

    def __init__(self, home: Path) -> None:
        self.home, self.model = home, home
        self.seen: list[str] = []

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system", "pty.")):
            self.seen.append(event)
        elif event in ("import", "exec", "compile"):
            places = [arg.co_filename if isinstance(arg, CodeType) else arg for arg in args]
            if any(isinstance(place, str) and place.startswith(str(self.model)) for place in places):
                self.seen.append(event)
        elif event == "open" and self._writes(*args):
            self.seen.append(f"writes {args[0]}")

    def _writes(self, path: Any, mode: Any, flags: int) -> bool:
        ours = not isinstance(path, str) or path.startswith((str(self.home), os.devnull))
        return not ours and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@contextmanager
def _streams(home: Path, said: dict[str, Any]) -> Iterator[None]:
    """What comes out of both streams of the process, whoever writes."""
    before = [(number, os.dup(number)) for number in (1, 2)]
    places = [home / "stdout", home / "stderr"]
    for (number, _), place in zip(before, places, strict=True):
        with place.open("wb") as file:
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for number, copy in before:
            os.dup2(copy, number)
            os.close(copy)
        said["stdout"], said["stderr"] = (place.read_text(encoding="utf-8", errors="replace") for place in places)


def _ask(directory: Path, picture: Path) -> dict[str, Any]:
    """Through the functions of the package."""
    import mlxvision

    try:
        model = mlxvision.load(directory)
        done = mlxvision.generate(model, PROMPT, [picture], sampling=mlxvision.Sampling(max_tokens=3))
    except Exception as error:  # noqa: BLE001 whichever it is, is what the tests look at
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None, "text": done.text}


def _command(directory: Path, picture: Path, home: Path) -> dict[str, Any]:
    """Through the command line."""
    from mlxvision.cli import main

    said: dict[str, Any] = {}
    arguments = [
        "generate",
        "--model",
        str(directory),
        "--prompt",
        PROMPT,
        "--image",
        str(picture),
        "--max-tokens",
        "3",
    ]
    with _streams(home, said):
        said["code"] = main(arguments)
    return said


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT_BYTES, _LIMIT_BYTES))
    os.chdir(folder)
    home = folder / "home"
    home.mkdir()
    os.environ["MLXVISION_HOME"] = str(home)

    from PIL import Image

    from tests.safety.corpus.models import MARKER, broken_models, hostile_models, write_base

    cases = [*hostile_models(), *broken_models()]
    bases = sorted({case.base for case in cases})
    picture = folder / "picture.png"
    Image.linear_gradient("L").resize((90, 40)).convert("RGB").save(picture)
    for base in bases:
        write_base(base, folder / base)
        print(json.dumps({"name": base, **_ask(folder / base, picture)}), flush=True)
    watch = Watch(home)
    sys.addaudithook(watch)
    for number, case in enumerate(cases):
        model = watch.model = folder / f"model-{number}"
        shutil.copytree(folder / case.base, model, symlinks=True)
        case.spoil(model)
        watch.seen.clear()
        peak, start, streams = _peak_bytes(), time.perf_counter(), {}
        with _streams(home, streams):
            result = _ask(model, picture)
        result |= {"seconds": time.perf_counter() - start, "stray": streams["stdout"] + streams["stderr"]}
        result |= {"grown_bytes": _peak_bytes() - peak}
        result |= {"command": None if number % _COMMAND_EVERY else _command(model, picture, home)}
        ran = [str(place) for place in (folder / MARKER, model / MARKER) if place.exists()]
        print(json.dumps({"name": case.name, **result, "seen": [*watch.seen, *ran]}), flush=True)
        shutil.rmtree(model)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
