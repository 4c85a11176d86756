"""`mlxvision-mcp`, and `python -m mlxvision_mcp`: the arguments, and the life of the process."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence

from mlxvision import __version__
from mlxvision_mcp.access import default_folders
from mlxvision_mcp.wire import claim, end


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the host goes away, and end the process there: a thread may still compute."""
    arguments = _parser().parse_args(argv)
    wire = claim()
    # NumPy would start a thread for each core, at 50 ms of CPU, for products of matrices that it is never asked for.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    # Imported only now, so that the protocol's stream is out of reach of whatever an import may print.
    import anyio

    from mlxvision_mcp.server import Options, serve

    limits = arguments.keep_alive, arguments.deadline
    options = Options(arguments.model, tuple(arguments.allow), *limits, arguments.isolate)
    anyio.run(serve, options, wire)
    end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlxvision-mcp",
        description="Serve describe_image, ocr and ask to an MCP host, over stdin and stdout.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"mlxvision-mcp {__version__}")
    add("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name [$MLXVISION_MODEL, else nano]")
    folders = "the working directory; on a Mac also Pictures, Desktop, Documents and Downloads"
    allowed = f"whose pictures may be read [{folders}]"
    add("--allow", nargs="+", type=_folder, default=default_folders(), metavar="DIR", help=allowed)
    add("--keep-alive", type=_seconds, default=600, metavar="S", help="keep an idle model for S seconds [600]")
    add("--deadline", type=_seconds, default=50, metavar="S", help="end an answer S seconds after its call [50]")
    add("--isolate", action="store_true", help="give the model a process of its own, started anew if it dies")
    return parser


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty name would stand for the working directory")
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


if __name__ == "__main__":
    main()
