"""`mlxvision verify`."""

import argparse

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import write
from mlxvision.errors import ModelFormatError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check every file of a pulled or converted model; exit code 4 if any differs."
    parser.set_defaults(run=run)
    parser.add_argument("model", help="a directory or a pulled OWNER/NAME[@REVISION]")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    from mlxvision.loading.manifest import verify
    from mlxvision.loading.resolve import resolve

    problems = verify(resolve(args.model))
    for problem in problems:
        write(f"{problem}\n")
    if problems:
        raise ModelFormatError("not as it was written", args.model, "Delete its directory and get it again")
    return 0
