"""The arguments of every command. Imports nothing that computes, so that `--help` is instant."""

import argparse
from typing import NoReturn, get_args

from mlxvision import __version__
from mlxvision.cli import batch, bench, cache, chat, generate, mcp, models
from mlxvision.errors import UsageError
from mlxvision.types import Plan, Sampling

_DEFAULT = Sampling()


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line as all else is reported."""

    def error(self, message: str) -> NoReturn:
        raise UsageError("cannot read the command line", message, f"See `{self.prog} --help`")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="mlxvision", description="Ask a vision-language model about images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"mlxvision {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = commands.add_parser
    _add_generate(add("generate", help="answer a prompt about images", allow_abbrev=False))
    _add_batch(add("batch", help="answer a prompt about each of many images", allow_abbrev=False))
    _add_chat(add("chat", help="ask about images in turns", allow_abbrev=False))
    _add_convert(add("convert", help="write a quantized copy of a model", allow_abbrev=False))
    _add_pull(add("pull", help="bring a model to this machine", allow_abbrev=False))
    _add_list(add("list", help="list the models on this machine", allow_abbrev=False))
    _add_verify(add("verify", help="check the files of a model", allow_abbrev=False))
    _add_bench(add("bench", help="measure a model on this machine", allow_abbrev=False))
    leaves = list(commands.choices.values())
    leaves += _add_cache(add("cache", help="what is remembered of images on disk", allow_abbrev=False))
    leaves += _add_mcp(add("mcp", help="serve assistants, and tell their hosts so", allow_abbrev=False))
    for command in leaves:
        command.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Answer a prompt about images. stdout is the answer and one newline, nothing else."
    parser.set_defaults(run=generate.run)
    add = parser.add_argument
    _add_prompt(parser)
    add(
        "--image",
        action="append",
        default=[],
        help="an image file, shown before the prompt; `-` reads stdin; repeatable",
    )
    _add_plan(parser)
    _add_model(parser)
    _add_sampling(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON object instead of the text")
    output.add_argument(
        "--logprobs", type=int, default=0, metavar="N", help="so many likeliest tokens for each token, with --json [0]"
    )
    output.add_argument(
        "--show-input", metavar="DIR", help="write the very pixels the model sees, and a receipt, to DIR"
    )
    output.add_argument(
        "--draw-boxes", metavar="FILE", help="draw the boxes of the answer on the image, and write that to a new PNG"
    )
    loudness = output.add_mutually_exclusive_group()
    loudness.add_argument("--verbose", action="store_true", help="tell model, images, tokens and times on stderr")
    loudness.add_argument("--quiet", action="store_true", help="nothing but errors on stderr")


def _add_batch(parser: argparse.ArgumentParser) -> None:
    parser.description = "Answer a prompt about each of many images. Run again, it goes on where it ended."
    parser.set_defaults(run=batch.run, image=())
    add = parser.add_argument
    _add_prompt(parser)
    add("--images", required=True, metavar="PATTERN", help="which files, in quotes: 'DIR/**/*.jpg'")
    add("--out", required=True, metavar="FILE", help="gets a row of JSON for each image; those it has are not redone")
    add("--watch", action="store_true", help="go on with files that come later, until Ctrl-C")
    add(
        "--max-tokens",
        type=int,
        default=_DEFAULT.max_tokens,
        metavar="N",
        help=f"length of an answer at most [{_DEFAULT.max_tokens}]",
    )
    _add_plan(parser)
    _add_model(parser)


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask about images in turns. `/help` lists what else can be typed; Ctrl-C stops an answer."
    parser.set_defaults(run=chat.run, logprobs=0)
    _add_model(parser)
    _add_sampling(parser)


def _add_prompt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the question; `-` reads stdin, `@FILE` a file")


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan",
        choices=get_args(Plan),
        default="auto",
        help="show the picture as a whole, or zoom: read it line by line, larger; auto: as suits the model [auto]",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
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


def _add_sampling(parser: argparse.ArgumentParser) -> None:
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


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write a quantized copy of a model."
    parser.set_defaults(run=models.run_convert)
    add = parser.add_argument
    add("--model", required=True, help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name")
    add("--out", required=True, metavar="DIR", help="the directory to make")
    add("--bits", type=int, default=4, metavar="N", help="bits of a quantized weight [4]")
    add("--group-size", type=int, default=64, metavar="N", help="weights that share a scale [64]")
    add("--recipe", default="default", metavar="NAME", help="which modules stay as they are [default]")
    add("--check", action="store_true", help="tell how far the logits of a prompt have moved")


def _add_pull(parser: argparse.ArgumentParser) -> None:
    parser.description = "Bring a model to this machine, pinned to a commit and verified. The only use of the network."
    parser.set_defaults(run=models.run_pull)
    parser.add_argument("repository", metavar="OWNER/NAME[@REVISION]")


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the models on this machine."
    parser.set_defaults(run=models.run_list)
    parser.add_argument("--json", action="store_true", help="one JSON array instead of a table")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check every file of a pulled or converted model; exit code 4 if any differs."
    parser.set_defaults(run=models.run_verify)
    parser.add_argument("model", help="a directory or a pulled OWNER/NAME[@REVISION]")


def _add_cache(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The commands below this one that take `--debug`."""
    parser.description = "What was computed of images, so that it is not computed again. Only its owner may read it."
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    stats = commands.add_parser("stats", help="where it is and how much", allow_abbrev=False)
    stats.set_defaults(run=cache.run_stats)
    clear = commands.add_parser("clear", help="remove all of it", allow_abbrev=False)
    clear.set_defaults(run=cache.run_clear)
    return [stats, clear]


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure what a picture and a token cost on this machine, and predict the limits of Macs."
    parser.set_defaults(run=bench.run)
    add = parser.add_argument
    add("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name [$MLXVISION_MODEL, else nano]")
    add("--force", action="store_true", help="load a model that does not seem to fit into memory")
    add("--json", action="store_true", help="one JSON object instead of the tables")


def _add_mcp(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The commands below this one that take `--debug`."""
    parser.description = "Read pictures for assistants, over the Model Context Protocol."
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    install = commands.add_parser("install", help="enter the server into hosts' configurations", allow_abbrev=False)
    install.description = "Enter the server into the configuration of a host, with absolute paths. A copy is kept."
    install.set_defaults(run=mcp.run_install)
    install.add_argument("--allow", nargs="+", default=[], metavar="DIR", help="folders whose pictures may be read")
    install.add_argument("--dry-run", action="store_true", help="write nothing, and show what would change")
    doctor = commands.add_parser("doctor", help="check the way from a host to the text", allow_abbrev=False)
    doctor.description = "Start the server as a host would, and let it read a picture; exit code 1 if anything fails."
    doctor.set_defaults(run=mcp.run_doctor)
    names = "claude-desktop, claude-code, cursor, vscode, codex or gemini"
    install.add_argument("--client", metavar="NAME", help=f"{names} [all that are found]")
    doctor.add_argument("--client", metavar="NAME", help=f"{names} [the command that `install` writes]")
    for command in (install, doctor):
        command.add_argument("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name")
    # No argument of the server is this parser's own: nothing begins with a NUL.
    serve = commands.add_parser(
        "serve", help="the server; takes the flags of mlxvision-mcp", prefix_chars="\0", add_help=False
    )
    serve.add_argument("flags", nargs=argparse.REMAINDER)
    serve.set_defaults(run=mcp.run_serve, debug=False)
    return [install, doctor]
