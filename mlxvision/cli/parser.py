"""All commands. Only the chosen one is imported, and nothing that computes, so that `--help` is instant."""

import argparse
from importlib import import_module
from typing import Any, NoReturn

from mlxvision import __version__
from mlxvision.errors import UsageError

_COMMANDS = {
    "generate": "answer a prompt about images",
    "batch": "answer a prompt about each of many images",
    "chat": "ask about images in turns",
    "convert": "write a quantized copy of a model",
    "pull": "bring a model to this machine",
    "list": "list the models on this machine",
    "verify": "check the files of a model",
    "bench": "measure a model on this machine",
    "cache": "what is remembered of images on disk",
    "mcp": "serve assistants, and tell their hosts so",
}
"""Each is a module of this folder, with a function `add_arguments` that also tells what to run."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line as all else is reported. module: adds the arguments when they are needed, if any."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # pyright: ignore
        self.allow_abbrev = False
        if self.module:
            import_module(self.module).add_arguments(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise UsageError("cannot read the command line", message, f"See `{self.prog} --help`")


def build_parser() -> Parser:
    parser = Parser(prog="mlxvision", description="Ask a vision-language model about images.")
    parser.add_argument("--version", action="version", version=f"mlxvision {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, about in _COMMANDS.items():
        commands.add_parser(name, help=about).module = f"mlxvision.cli.{name}"
    return parser
