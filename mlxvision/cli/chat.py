"""`mlxvision chat`: a conversation on a terminal, or line by line from anywhere else."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mlxvision.cli.arguments import add_debug, add_model, add_sampling
from mlxvision.cli.cache import use_disk
from mlxvision.cli.generate import NOTES, follow, load_model, to_sampling
from mlxvision.cli.terminal import Status, is_terminal, say
from mlxvision.errors import MLXVisionError, UsageError, shorten
from mlxvision.types import Image, Message, Sampling

if TYPE_CHECKING:
    from mlxvision.engine import Session
    from mlxvision.family import Model

_BLOCK = '"""'
_HELP = f"""\
/image PATH   show a picture with the next question; a path that is dropped here is offered first
/new          begin a new conversation
/save FILE    write the conversation to a new file
/quit         end, as Ctrl-D does; Ctrl-C only stops an answer
{_BLOCK}           begins and ends a text of several lines, in which nothing is a command"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask about images in turns. `/help` lists what else can be typed; Ctrl-C stops an answer."
    parser.set_defaults(run=run, logprobs=0)
    add_model(parser)
    add_sampling(parser)
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    from mlxvision.engine.sampling import check_sampling

    sampling = to_sampling(args)
    check_sampling(sampling)
    use_disk(args)
    with Status() as status:
        status.show(f"loading {args.model or 'the model'}")
        model = load_model(args)
    Chat(model, args.system, sampling).run()
    return 0


class Chat:
    """Reads lines and does as they say. Answers go to stdout; all else that is said to stderr."""

    def __init__(self, model: Model, system: str, sampling: Sampling) -> None:
        self._model, self._system, self._sampling = model, system, sampling
        self._session, self._images = self._begin(), list[Image]()
        self._reading = False
        self._at_terminal = is_terminal(sys.stdin) and is_terminal(sys.stdout)

    def run(self) -> None:
        """Until the end of the input."""
        if not isinstance(sys.stdin, TextIOWrapper):
            return  # started without one
        sys.stdin.reconfigure(errors="replace")
        if self._at_terminal:
            with suppress(ImportError):  # it gives lines a history; few Pythons lack it
                import readline  # noqa: F401
            say("/help lists the commands")
        signal.signal(signal.SIGINT, self._interrupt)
        while True:
            try:
                self._turn(self._line("> "))
            except EOFError:
                return
            except KeyboardInterrupt:
                say("")
            except MLXVisionError as error:
                say(f"mlxvision: {error}")

    def _turn(self, line: str) -> None:
        if line.startswith(_BLOCK):
            return self._ask(self._block(line.removeprefix(_BLOCK)))
        command, _, rest = line.strip().partition(" ")
        match command:
            case "":
                pass
            case "/image" | "/save" if not rest.strip():
                raise UsageError("a path is missing after", command, "Type both on one line")
            case "/image":
                self._show(_path(rest))
            case "/new":
                self._session, self._images = self._begin(), []
            case "/save":
                self._save(_path(rest))
            case "/help":
                say(_HELP)
            case "/quit":
                raise EOFError
            case _ if _is_file(path := _path(line)):
                self._offer(path)
            case _ if command.startswith("/"):
                raise UsageError("no such command", command, f"See /help; a text can stand between {_BLOCK}")
            case _:
                self._ask(line)

    def _ask(self, text: str) -> None:
        with Status() as status:
            done = follow(self._session.stream(text, tuple(self._images), self._sampling), status, write_text=True)
        self._images.clear()
        if done.finish_reason != "stop" and self._at_terminal:
            say(f"mlxvision: {NOTES[done.finish_reason]}")

    def _show(self, path: str) -> None:
        from mlxvision.images import open_image

        image = open_image(path)
        self._images.append(image)
        say(f"{image.source}: {image.width}x{image.height} px, shown with the next question")

    def _offer(self, path: str) -> None:
        """The file is not opened before this is agreed to."""
        question = f"{shorten(path)}: show it to the model? [y/N] "
        if not self._at_terminal:
            say(question)
        if self._line(question).strip().lower() in ("y", "yes"):
            self._show(path)

    def _save(self, path: str) -> None:
        from mlxvision.loading.arriving import write_whole

        place = Path(os.path.expanduser(path))
        try:
            if os.path.lexists(place):
                raise FileExistsError
            write_whole(place, "\n".join(map(_as_text, self._session.messages)).encode())
        except (OSError, ValueError) as error:
            raise UsageError("cannot write the conversation", path, "Give the path of a new file") from error

    def _begin(self) -> Session:
        from mlxvision.api import shared_engine
        from mlxvision.engine import Session

        return Session(shared_engine(), self._model, self._system)

    def _block(self, line: str) -> str:
        lines = [line]
        while not lines[-1].rstrip().endswith(_BLOCK):
            lines.append(self._line("... "))
        return "\n".join(lines).rstrip().removesuffix(_BLOCK).strip("\n")

    def _line(self, prompt: str) -> str:
        """Raises: EOFError, KeyboardInterrupt"""
        self._reading = True
        try:
            return input(prompt if self._at_terminal else "")
        except EOFError:
            if self._at_terminal:
                say("")
            raise
        finally:
            self._reading = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._reading:
            raise KeyboardInterrupt
        self._session.cancel()


def _path(text: str) -> str:
    """As terminals write a path that was dropped: quoted, or with escaped blanks."""
    try:
        (path,) = shlex.split(text)
    except ValueError:  # a quotation mark of its own, or blanks that nobody escaped
        return text.strip()
    return path


def _is_file(path: str) -> bool:
    """Whether this is the full path of a file; looks at its name only."""
    return path.startswith(("/", "~/")) and os.path.isfile(os.path.expanduser(path))


def _as_text(message: Message) -> str:
    parts = (part if isinstance(part, str) else f"[{part.source}]\n" for part in message.content)
    return f"## {message.role}\n\n{''.join(parts)}\n"
