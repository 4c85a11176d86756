"""`mlxvision batch`: one question about many pictures."""

from __future__ import annotations

import argparse
import hashlib
import os
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlxvision.cli.cache import use_disk
from mlxvision.cli.generate import read_prompt
from mlxvision.cli.rows import Rows
from mlxvision.cli.terminal import Status
from mlxvision.errors import ImageError, MLXVisionError, UsageError
from mlxvision.types import Done, Message, Request, Sampling

if TYPE_CHECKING:
    from mlxvision.family import Model

_BAR_WIDTH = 30
_POLL_S = 1

Signature = tuple[int, int]
"""Size and time of change of a file."""


def run(args: argparse.Namespace) -> int:
    """Usage errors come first, and only then the costly model."""
    from mlxvision.api import load
    from mlxvision.engine.sampling import check_sampling

    check_sampling(Sampling(max_tokens=args.max_tokens))
    prompt, rows = read_prompt(args), Rows(args.out)
    found = files(args.images, rows)
    if not found and not args.watch:
        raise UsageError("no file matches", args.images, "Give a pattern in quotes, such as 'DIR/**/*.jpg'")
    use_disk(args)
    with Status() as status:
        status.show(f"loading {args.model or 'the model'}")
        model = load(args.model, force=args.force, low_memory=args.low_memory, max_pixels=args.max_pixels)
        folder = Folder(model, args, prompt, rows, status)
        if args.watch:
            folder.watch(args.images)
        folder.ask(list(found))
    if folder.n_failed:
        raise ImageError("pictures that failed", f"{folder.n_failed} of {folder.n_ended}", f"See {args.out}")
    return 0


def files(pattern: str, rows: Rows) -> dict[str, Signature]:
    """The files that match, except the results themselves."""
    found = {}
    for path in sorted(glob(os.path.expanduser(pattern), recursive=True)):
        with suppress(OSError):  # gone again
            about = os.stat(path)
            if stat.S_ISREG(about.st_mode) and not rows.is_at(about):
                found[path] = about.st_size, about.st_mtime_ns
    return found


def settled(now: Mapping[str, Signature], before: Mapping[str, Signature], taken: Mapping[str, Signature]) -> list[str]:
    """The files that nobody has written to since they were looked at before, and that were not taken like this."""
    return [path for path, signature in now.items() if before.get(path) == signature != taken.get(path)]


@dataclass
class _Picture:
    """sha256: of the file, once it was read. failed: whether its row tells an error."""

    path: str
    sha256: str | None = None
    failed: bool = False


class Folder:
    """Asks about pictures and writes down what is answered, except where that was done before."""

    def __init__(self, model: Model, args: argparse.Namespace, prompt: str, rows: Rows, status: Status) -> None:
        self._model, self._prompt, self._rows, self._status = model, prompt, rows, status
        self._system = (Message("system", (args.system,)),) if args.system else ()
        self._sampling, self._plan = Sampling(max_tokens=args.max_tokens), args.plan
        self._asked = {
            "prompt": prompt,
            "system": args.system,
            "plan": args.plan,
            "max_tokens": args.max_tokens,
            "max_pixels": args.max_pixels,
            "revision": model.revision,
        }
        self._contents: dict[str, str | None] = {}  # the sha256 of each path that has a row of this run
        self.n_known = self.n_ended = self.n_failed = 0

    def watch(self, pattern: str) -> NoReturn:
        """Ask about files as they come, until a signal ends the process."""
        before: dict[str, Signature] = {}
        taken: dict[str, Signature] = {}
        while True:
            now = files(pattern, self._rows)
            new = settled(now, before, taken)
            taken.update((path, now[path]) for path in new)
            before = now
            if new:
                self.ask(new)
            self._status.show(f"watching, {self._count()}")
            time.sleep(_POLL_S)

    def ask(self, paths: Sequence[str]) -> None:
        """Raises: UsageError if a row cannot be written"""
        from mlxvision.api import shared_engine

        pictures = [_Picture(path) for path in paths]
        self.n_known += len(pictures)
        jobs = [partial(self._to_request, picture) for picture in pictures]
        self._show()
        for number, result in shared_engine().batch(self._model, jobs):
            picture = pictures[number]
            if result is not None:
                picture.failed = not isinstance(result, Done)
                self._rows.add({"path": picture.path, "sha256": picture.sha256, **_told(result), "asked": self._asked})
                self._contents[picture.path] = picture.sha256
            self.n_ended += 1
            self.n_failed += picture.failed
            self._show()

    def _to_request(self, picture: _Picture) -> Request | None:
        """None for a picture that has its row.

        Raises: ImageError
        """
        from mlxvision.images.decoding import decode
        from mlxvision.images.source import read

        data, name = read(Path(picture.path))
        picture.sha256 = hashlib.sha256(data).hexdigest()
        failed = self._rows.take(picture.sha256, self._asked)
        if failed is not None or self._contents.get(picture.path) == picture.sha256:
            picture.failed = bool(failed)
            return None
        question = Message("user", (decode(data, name), self._prompt))
        return Request((*self._system, question), self._sampling, self._plan)

    def _show(self) -> None:
        bar = "#" * (_BAR_WIDTH * self.n_ended // max(self.n_known, 1))
        self._status.show(f"[{bar:.<{_BAR_WIDTH}}] {self._count()}")

    def _count(self) -> str:
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        return f"{self.n_ended} of {self.n_known} pictures{failed}"


def _told(result: Done | MLXVisionError) -> dict[str, Any]:
    if isinstance(result, MLXVisionError):
        return {"error": str(result)}
    return {
        "text": result.text,
        "finish_reason": result.finish_reason,
        "tokens": [token.id for token in result.tokens],
    }
