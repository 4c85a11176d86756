"""`mlxvision convert`."""

import argparse
from pathlib import Path

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import Status, in_units, write

_CHECK_PROMPT = "What is the total on this receipt, and on which day was it printed?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a quantized copy of a model."
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--model", required=True, help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name")
    add("--out", required=True, metavar="DIR", help="the directory to make")
    add("--bits", type=int, default=4, metavar="N", help="bits of a quantized weight [4]")
    add("--group-size", type=int, default=64, metavar="N", help="weights that share a scale [64]")
    add("--recipe", default="default", metavar="NAME", help="which modules stay as they are [default]")
    add("--check", action="store_true", help="tell how far the logits of a prompt have moved")
    add_debug(parser)


def run(args: argparse.Namespace) -> int:
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
