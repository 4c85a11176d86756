"""`mlxvision convert`, `pull`, `list` and `verify`."""

import argparse
import json
from pathlib import Path

from mlxvision.cli.terminal import Status, in_units, write
from mlxvision.errors import ModelFormatError

_CHECK_PROMPT = "What is the total on this receipt, and on which day was it printed?"


def run_convert(args: argparse.Namespace) -> int:
    from mlxvision.loading.compare import logit_change
    from mlxvision.loading.convert import convert
    from mlxvision.loading.resolve import resolve

    source, out = resolve(args.model), Path(args.out)
    with Status() as status:
        status.show(f"converting {args.model}")
        report = convert(source, out, name=args.model, bits=args.bits, group_size=args.group_size, recipe=args.recipe)
    sizes = f"{in_units(report.bytes_in)} -> {in_units(report.bytes_out)}"
    write(f"{out}: {sizes}, {report.bits_per_weight:.2f} bits per weight, peak memory {in_units(report.peak_bytes)}\n")
    if args.check:
        with Status() as status:
            status.show("comparing logits")
            change = logit_change(source, out, _CHECK_PROMPT)
        write(f"logits: largest change {change.max_abs:.3g}, mean divergence {change.kl:.3g} nats\n")
    return 0


def run_pull(args: argparse.Namespace) -> int:
    from mlxvision.loading.pull import pull

    with Status() as status:
        directory = pull(
            args.repository, lambda file, here, total: status.show(f"{in_units(here)} of {in_units(total)}  {file}")
        )
    write(f"{directory}\n")
    return 0


def run_list(args: argparse.Namespace) -> int:
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


def run_verify(args: argparse.Namespace) -> int:
    from mlxvision.loading.manifest import verify
    from mlxvision.loading.resolve import resolve

    problems = verify(resolve(args.model))
    for problem in problems:
        write(f"{problem}\n")
    if problems:
        raise ModelFormatError("not as it was written", args.model, "Delete its directory and get it again")
    return 0
