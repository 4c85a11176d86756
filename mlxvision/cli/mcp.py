"""`mlxvision mcp`: the server, its entry in the files of hosts, and its check-up."""

import argparse
import shlex

from mlxvision.cli.terminal import write


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
