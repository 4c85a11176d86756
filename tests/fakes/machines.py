"""Several processes of one machine that meet as several machines do, each with its rank."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen


def start(n: int, folder: Path, *arguments: object, folders: Sequence[Path] = ()) -> list[Popen[str]]:
    """Start Python with these arguments n times, in a folder or one of folders each; one alone is not launched."""
    hosts = folder / "hosts.json"
    hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in free_ports(n)]), encoding="utf-8")
    command = [sys.executable, *map(str, arguments)]
    started = []
    for rank in range(n):
        place = {"MLX_RANK": str(rank), "MLX_HOSTFILE": str(hosts)} if n > 1 else {}
        where = folders[rank] if folders else folder
        started.append(
            Popen(
                command,
                env=os.environ | place,
                cwd=where,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                text=True,
                encoding="utf-8",
            )
        )
    return started


def ended(processes: list[Popen[str]]) -> list[subprocess.CompletedProcess[str]]:
    """What became of each."""
    said = [process.communicate(timeout=120) for process in processes]
    return [subprocess.CompletedProcess("", p.returncode, *both) for p, both in zip(processes, said, strict=True)]


def run(
    n: int, folder: Path, *arguments: object, folders: Sequence[Path] = ()
) -> list[subprocess.CompletedProcess[str]]:
    return ended(start(n, folder, *arguments, folders=folders))


def free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
