"""A process that gives images to one face while it is watched: `python -m tests.safety.images.program FACE ...`.

stdin: a JSON list of sources. stdout: a JSON object of what came of each, and of what the process did meanwhile.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from typing import Any

_PROCESSES = ("subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "pty.", "os.startfile")
_NETWORK = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")
_CODE = ("pickle.", "ctypes.dlopen", "code.", "sys.settrace")
_CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.utime",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Outcome = dict[str, Any]


class Watch:
    """What the process did while it was watched, apart from changes inside of its own folder."""

    def __init__(self, own_folder: str) -> None:
        self.did: list[str] = []
        self.opened: list[str] = []
        self._own_folder = own_folder
        sys.addaudithook(self._see)

    def _see(self, event: str, values: tuple[Any, ...]) -> None:
        if event.startswith((*_PROCESSES, *_NETWORK, *_CODE)):
            self.did.append(f"{event} {values[:1]!r}")
        elif event in _CHANGES and not self._is_own(values[0]):
            self.did.append(f"{event} {values[0]!r}")
        elif event == "open" and not isinstance(values[0], int):
            self.opened.append(os.fsdecode(values[0]))
            if values[2] & _WRITING and not self._is_own(values[0]):
                self.did.append(f"writes {values[0]!r}")

    def _is_own(self, path: str | bytes | int) -> bool:
        return isinstance(path, int) or os.fsdecode(path).startswith((self._own_folder, os.devnull))


def through_api() -> Callable[[str], Outcome]:
    """Each picture is opened, and shown to a toy."""
    from mlxvision import generate, open_image
    from mlxvision.errors import MLXVisionError
    from tests.fakes.toy import scripted

    model = scripted("ok")

    def give(source: str) -> Outcome:
        try:
            image = open_image(source)
            answer = generate(model, f"What is in {source}?", [source]).text
        except MLXVisionError as error:
            return {"error": type(error).__name__, "message": str(error), "cause": str(error.__cause__ or "")}
        except Exception as error:  # noqa: BLE001 the fault that is looked for
            return {"error": repr(error)}
        rows, columns = ([side // 4, side * 3 // 4] for side in (image.height, image.width))
        places = [(rows[0], columns[0]), (rows[0], columns[1]), (rows[1], columns[1]), (rows[1], columns[0])]
        colours = [image.pixels[place].tolist() for place in places]
        return {"answer": answer, "size": [image.width, image.height], "colours": colours, "sha256": image.sha256}

    return give


def through_prompt() -> Callable[[str], Outcome]:
    """Each source is a question, and the instructions before it."""
    from mlxvision import generate
    from tests.fakes.toy import scripted

    model = scripted("ok")
    return lambda source: {"answer": generate(model, source, system=source).text}


def through_command_line(*flags: str) -> Callable[[str], Outcome]:
    from mlxvision.cli import main

    def give(source: str) -> Outcome:
        """What stands for `{}` in a flag is the source."""
        out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["generate", "--max-tokens", "1", "--json", *(flag.replace("{}", source) for flag in flags)])
        return {"code": code, "stdout": _text(out), "stderr": _text(err)}

    return give


def _text(stream: TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def run(face: str, *flags: str) -> Outcome:
    give = {"api": through_api, "prompt": through_prompt, "command line": through_command_line}[face](*flags)
    sources = json.load(sys.stdin)
    give("gone.png")  # loads what is loaded only once
    watch = Watch(os.environ["MLXVISION_HOME"])
    outcomes, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in sources:
        start = time.process_time()
        outcomes.append(give(source) | {"cpu_s": time.process_time() - start})
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    growth_bytes = growth if sys.platform == "darwin" else growth * 1024
    return {"outcomes": outcomes, "did": watch.did, "opened": watch.opened, "growth_bytes": growth_bytes}


if __name__ == "__main__":
    json.dump(run(*sys.argv[1:]), sys.stdout)
