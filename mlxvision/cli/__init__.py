"""The command line: arguments in, an answer on stdout, one line on stderr for whatever goes wrong."""

from mlxvision.cli.entry import EXIT_CODES, main

__all__ = ["EXIT_CODES", "main"]
