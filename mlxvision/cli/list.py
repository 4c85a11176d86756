"""`mlxvision list`."""

import argparse
import json

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import in_units, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the models on this machine."
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="one JSON array instead of a table")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
    from mlxvision.loading.pull import list_models

    models = list_models()
    if args.json:
        rows = [{"name": m.name, "directory": str(m.directory), "size_bytes": m.size_bytes} for m in models]
        write(json.dumps(rows) + "\n")
        return 0
    width = max(len(model.name) for model in models)
    for model in models:
        write(f"{model.name:{width}}  {in_units(model.size_bytes):>9}  {model.directory}\n")
    return 0
