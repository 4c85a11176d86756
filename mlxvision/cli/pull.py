"""`mlxvision pull`."""

import argparse

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import Status, in_units, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Bring a model to this machine, pinned to a commit and verified. The only use of the network."
    parser.set_defaults(run=run)
    parser.add_argument("repository", metavar="OWNER/NAME[@REVISION]")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    from mlxvision.loading.pull import pull

    with Status() as status:
        directory = pull(
            args.repository, lambda file, here, total: status.show(f"{in_units(here)} of {in_units(total)}  {file}")
        )
    write(f"{directory}\n")
    return 0
