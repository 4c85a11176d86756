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
from zlib import crc32

from mlxvision.cli.arguments import add_debug, add_model, add_plan, add_prompt
from mlxvision.cli.cache import use_disk
from mlxvision.cli.generate import load_model, read_prompt
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Answer a prompt about each of many images. Run again, it goes on where it ended."
    parser.set_defaults(run=run, image=())
    add = parser.add_argument
    add_prompt(parser)
    add("--images", required=True, metavar="PATTERN", help="which files, in quotes: 'DIR/**/*.jpg'")
    add("--out", required=True, metavar="FILE", help="gets a row of JSON for each image; those it has are not redone")
    add("--watch", action="store_true", help="go on with files that come later, until Ctrl-C")
    longest = Sampling().max_tokens
    add("--max-tokens", type=int, default=longest, metavar="N", help=f"length of an answer at most [{longest}]")
    add_plan(parser)
    add_model(parser)
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    """Usage errors come first, and only then the costly model."""
    from mlxvision.engine.sampling import check_sampling

    check_sampling(Sampling(max_tokens=args.max_tokens))
    share = Share()
    prompt, rows = read_prompt(args), Rows(args.out, share.rank)
    found = files(args.images, rows)
    if not args.watch:
        _check(found, args.images, share)
    use_disk(args)
    with Status() as status:
        status.show(f"loading {args.model or 'the model'}")
        model = load_model(args)
        folder = Folder(model, args, prompt, rows, share, status)
        if args.watch:
            folder.watch(args.images)
        folder.ask(list(found))
    n_failed = share.total(folder.n_failed)
    if share.rank:
        return 0
    rows.join()
    if n_failed:
        raise ImageError("pictures that failed", f"{n_failed} of {folder.n_ended}", f"See {args.out}")
    return 0


def _check(found: Mapping[str, Signature], pattern: str, share: Share) -> None:
    """Raises: UsageError"""
    if not found:
        raise UsageError("no file matches", pattern, "Give a pattern in quotes, such as 'DIR/**/*.jpg'")
    seen = crc32(repr([(path, size) for path, (size, _) in found.items()]).encode()) >> 8
    if share.total(seen) != share.n * seen:
        raise UsageError("the machines see different files", pattern, "Give all of them the same folder")


def files(pattern: str, rows: Rows) -> dict[str, Signature]:
    """The files that match, except the results themselves."""
    paths, found = sorted(glob(os.path.expanduser(pattern), recursive=True)), {}
    results = rows.places()
    for path in paths:
        with suppress(OSError):  # gone again
            about = os.stat(path)
            if stat.S_ISREG(about.st_mode) and (about.st_dev, about.st_ino) not in results:
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


class Share:
    """This machine's part of the pictures, of n machines that `mlx.launch` started.

    The content of a picture tells whose it is, so that pictures of the same content are counted by one machine.
    """

    def __init__(self) -> None:
        """Raises: UsageError"""
        from mlxvision.nn.sharing import launched

        self._group = launched()
        self.rank, self.n = (self._group.rank(), self._group.size()) if self._group else (0, 1)

    def holds(self, key: str) -> bool:
        return crc32(os.fsencode(key)) % self.n == self.rank

    def total(self, count: int) -> int:
        """Of all machines, for which this waits. Raises: UsageError"""
        from mlxvision.engine.worker import shared_worker
        from mlxvision.nn.sharing import sum_of_all

        group = self._group
        return shared_worker().submit(lambda: sum_of_all(count, group)).result() if group else count


class Folder:
    """Asks about pictures and writes down what is answered, except where that was done before."""

    def __init__(
        self, model: Model, args: argparse.Namespace, prompt: str, rows: Rows, share: Share, status: Status
    ) -> None:
        self._model, self._prompt, self._rows, self._share, self._status = model, prompt, rows, share, status
        self._system = (Message("system", (args.system,)),) if args.system else ()
        self._sampling, self._plan = Sampling(max_tokens=args.max_tokens), args.plan
        self._asked = {
            "prompt": prompt,
            "system": args.system,
            "plan": args.plan,
            "max_tokens": args.max_tokens,
            "min_pixels": args.min_pixels,
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
        """None for a picture that has its row, or is another machine's.

        Raises: ImageError
        """
        from mlxvision.images.decoding import decode
        from mlxvision.images.source import read

        try:
            data, name = read(Path(picture.path))
        except ImageError:
            if self._share.holds(picture.path):
                raise
            return None
        picture.sha256 = hashlib.sha256(data).hexdigest()
        if not self._share.holds(picture.sha256):
            return None
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
