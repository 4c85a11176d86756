"""Arguments that several commands have."""

import argparse
from typing import get_args

from mlxvision.types import Plan, Sampling

_DEFAULT = Sampling()


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Every command has it."""
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")


def add_prompt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the question; `-` reads stdin, `@FILE` a file")


def add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan",
        choices=get_args(Plan),
        default="auto",
        help="show the picture as a whole, or zoom: read it line by line, larger; auto: as suits the model [auto]",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--system", default="", metavar="TEXT", help="instructions that precede the conversation")
    add("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name [$MLXVISION_MODEL, else nano]")
    add("--force", action="store_true", help="load a model that does not seem to fit into memory")
    add(
        "--low-memory",
        choices=("auto", "on", "off"),
        default="auto",
        help="read the part that sees and the part that answers in turns; auto: if both do not fit into memory [auto]",
    )
    add("--min-pixels", type=int, metavar="N", help="scale small pictures up to at least so many pixels [as they say]")
    add(
        "--max-pixels",
        type=int,
        metavar="N",
        help="scale pictures down to at most so many pixels; for models that show them in their own size [as they say]",
    )
    add(
        "--kv-bits",
        type=int,
        choices=(8, 4),
        help="remember text in so many bits: long conversations take less memory, answers are less exact [off]",
    )
    add("--no-cache", action="store_true", help="leave nothing of images on disk, and use nothing from there")


def add_sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sampling")

    def add(flag: str, kind: type, default: float, about: str) -> None:
        group.add_argument(flag, type=kind, default=default, metavar="N", help=f"{about} [{default}]")

    add("--max-tokens", int, _DEFAULT.max_tokens, "length of the answer at most")
    add("--temperature", float, _DEFAULT.temperature, "0 always takes the likeliest token")
    add("--top-p", float, _DEFAULT.top_p, "sample from the likeliest tokens that together have this probability")
    add("--top-k", int, _DEFAULT.top_k, "sample from so many of the likeliest tokens; 0: from all")
    add("--min-p", float, _DEFAULT.min_p, "sample from tokens at least this likely, as a part of the likeliest")
    add("--repetition-penalty", float, _DEFAULT.repetition_penalty, "above 1 makes tokens already used less likely")
    add("--seed", int, _DEFAULT.seed, "the same seed gives the same answer")
    group.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end before this text; repeatable")
