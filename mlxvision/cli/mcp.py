"""`mlxvision mcp`: the server, its entry in the files of hosts, and its check-up."""

import argparse
import shlex

from mlxvision.cli.arguments import add_debug
from mlxvision.cli.terminal import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Read pictures for assistants, over the Model Context Protocol."
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    install = commands.add_parser("install", help="enter the server into hosts' configurations")
    install.description = "Enter the server into the configuration of a host, with absolute paths. A copy is kept."
    install.set_defaults(run=run_install)
    install.add_argument("--allow", nargs="+", default=[], metavar="DIR", help="folders whose pictures may be read")
    install.add_argument("--dry-run", action="store_true", help="write nothing, and show what would change")
    doctor = commands.add_parser("doctor", help="check the way from a host to the text")
    doctor.description = "Start the server as a host would, and let it read a picture; exit code 1 if anything fails."
    doctor.set_defaults(run=run_doctor)
    names = "claude-desktop, claude-code, cursor, vscode, codex or gemini"
    install.add_argument("--client", metavar="NAME", help=f"{names} [all that are found]")
    doctor.add_argument("--client", metavar="NAME", help=f"{names} [the command that `install` writes]")
    for command in (install, doctor):
        command.add_argument("--model", help="a directory, a pulled OWNER/NAME[@REVISION] or a card's name")
        add_debug(command)
    # No argument of the server is this parser's own: nothing begins with a NUL.
    serve = commands.add_parser(
        "serve", help="the server; takes the flags of mlxvision-mcp", prefix_chars="\0", add_help=False
    )
    serve.add_argument("flags", nargs=argparse.REMAINDER)
    serve.set_defaults(run=run_serve, debug=False)


def run_serve(args: argparse.Namespace) -> int:
    from mlxvision_mcp.__main__ import main

    main(args.flags)
    return 0


def run_install(args: argparse.Namespace) -> int:
    """All changes are known to be possible before the first file is written."""
    from mlxvision_mcp import install

    entry = install.to_entry(args.allow, args.model)
    for change in [install.plan(host, entry) for host in install.chosen(args.client)]:
        host = change.host
        if change.after == change.before:
            write(f"{host.title}: {host.path} is as it should be\n")
        elif args.dry_run:
            write(f"{host.title}: {host.path} would change:\n{change.difference}\n")
        else:
            backup = install.write(change)
            kept = f", the former file is {backup.name}" if backup else ""
            write(f"{host.title}: {host.path} is written{kept}; restart {host.title}\n")
    return 0


def run_doctor(args: argparse.Namespace) -> int:
    from mlxvision_mcp.doctor import Check, examine, to_command
    from mlxvision_mcp.install import chosen

    command = to_command(chosen(args.client)[0] if args.client else None, args.model)
    write(f"command: {shlex.join([command.command, *command.args])}\n")
    checks: list[Check] = []

    def tell(check: Check) -> None:
        checks.append(check)
        write(f"{check.name}: {'ok' if check.ok else 'failed'}: {check.said}\n")

    examine(command, tell)
    return 0 if all(check.ok for check in checks) else 1
