"""`mlxvision cache`, and who uses it: people who run a command, unless they say --no-cache."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import in_units, write
from mlxvision.errors import UsageError


def use_disk(args: argparse.Namespace) -> None:
    """Have the shared engine remember images on disk."""
    from mlxvision.api import shared_engine
    from mlxvision.engine import DiskCache

    if not args.no_cache:
        with suppress(RuntimeError):  # a user who has no home folder
            shared_engine().images.disk = DiskCache()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "What was computed of images, so that it is not computed again. Only its owner may read it."
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    stats = commands.add_parser("stats", help="where it is and how much")
    stats.set_defaults(run=run_stats)
    clear = commands.add_parser("clear", help="remove all of it")
    clear.set_defaults(run=run_clear)
    for command in (stats, clear):
        add_debug(command)


def run_stats(args: argparse.Namespace) -> int:
    from mlxvision.engine import DiskCache

    disk = DiskCache()
    with _said(disk.folder):
        n_entries, nbytes = disk.size()
    write(f"{disk.folder}: {n_entries} entries, {in_units(nbytes)} of at most {in_units(disk.limit_bytes)}\n")
    return 0


def run_clear(args: argparse.Namespace) -> int:
    from mlxvision.engine import DiskCache

    disk = DiskCache()
    with _said(disk.folder):
        n_entries, nbytes = disk.size()
        disk.clear()
    write(f"{disk.folder}: {n_entries} entries removed, {in_units(nbytes)}\n")
    return 0


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    """Raises: UsageError"""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot use the cache ({error.strerror})", folder, "Check its permissions") from error
