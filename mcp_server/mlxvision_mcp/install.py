"""Writing this server into the configuration of a host, and nothing else there."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mlxvision.errors import UsageError
from mlxvision.loading.arriving import write_whole
from mlxvision.loading.resolve import resolve
from mlxvision_mcp.hosts import Host, hosts

_UV_CACHE = "archive-v0"  # where uvx makes its environments, in uv's cache

Entry = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a host's file. before: None where there is no file."""

    host: Host
    before: str | None
    after: str

    @property
    def difference(self) -> str:
        """The lines that go and come, without their neighbours: those may hold the secrets of other servers."""
        before, after = (self.before or "").splitlines(), self.after.splitlines()
        return "\n".join(list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:])


def chosen(name: str | None) -> list[Host]:
    """The host of this name, or all that are on this machine.

    Raises: UsageError
    """
    known = hosts()
    if name is None:
        here = [host for host in known.values() if host.is_here]
        if not here:
            raise UsageError("no host was found", ", ".join(known), "Name one of these with --client to make its file")
        return here
    if name not in known:
        raise UsageError("unknown host", name, f"Use {', '.join(known)}; the README tells what others need")
    return [known[name]]


def to_entry(folders: Sequence[str], model: str | None) -> Entry:
    """How a host shall start this server: with absolute paths, since apps know no shell and no working directory.

    Raises: UsageError, ModelNotFoundError
    """
    if _UV_CACHE in Path(sys.prefix).parts:
        next_step = "Run `uv tool install mlxvision`, and then `mlxvision mcp install`"
        raise UsageError("this copy of mlxvision is one that uv may delete", sys.prefix, next_step)
    arguments = ["-m", "mlxvision_mcp"]
    if folders:
        arguments += ["--allow", *map(_folder, folders)]
    if model is not None:
        resolve(model)
        directory = os.path.expanduser(model)
        arguments += ["--model", os.path.abspath(directory) if os.path.isdir(directory) else model]
    return {"command": sys.executable, "args": arguments}


def plan(host: Host, entry: Entry) -> Change:
    """Raises: UsageError"""
    before = host.read()
    if before is None and host.own_command:
        command = shlex.join([str(entry["command"]), *entry["args"]])
        raise UsageError(f"{host.title} has no configuration yet", host.path, f"Run `{host.own_command} {command}`")
    return Change(host, before, host.with_entry(before or "", entry))


def write(change: Change) -> Path | None:
    """Put a change in place at once or not at all; the copy of the former file, if there was one.

    Raises: UsageError
    """
    path = Path(os.path.realpath(change.host.path))  # a link stays a link
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        backup = _back_up(path) if change.before is not None else None
        write_whole(path, change.after.encode(), like=backup)
    except OSError as error:
        raise UsageError(f"cannot write the configuration of {change.host.title}", path, "Check its folder") from error
    return backup


def _folder(given: str) -> str:
    folder = os.path.abspath(os.path.expanduser(given))
    if not os.path.isdir(folder):
        raise UsageError("no such folder", given, "Give --allow folders that exist")
    return folder


def _back_up(path: Path) -> Path:
    backup = next(free for n in count(1) if not (free := path.with_name(f"{path.name}.bak{n}")).exists())
    write_whole(backup, path.read_bytes(), like=path)
    return backup
