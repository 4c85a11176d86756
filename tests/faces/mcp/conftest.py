"""The server as its hosts meet it: a process at the other end of two pipes, or a server object in this one."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mcp import Client

from mlxvision_mcp.server import Options, build_server

_PATIENCE_S = 60


class Host:
    """Speaks JSON-RPC with a server process, line by line."""

    def __init__(self, command: list[str], folder: Path, stderr: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, cwd=folder, env=environment
        )
        self.lines: list[bytes] = []
        self._arrived: queue.Queue[dict] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._id = 0

    def write(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict | None = None) -> int:
        """Send a request; its id."""
        self._id += 1
        self.write(json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}}).encode())
        return self._id

    def call(self, tool: str, **arguments: object) -> int:
        meta = {"progressToken": f"progress-{self._id + 1}"}
        return self.send("tools/call", {"name": tool, "arguments": arguments, "_meta": meta})

    def until(self, matches: Callable[[dict], bool]) -> dict:
        """Messages are dropped until one matches."""
        while not matches(message := self._arrived.get(timeout=_PATIENCE_S)):
            pass
        return message

    def answer(self, request: int) -> dict:
        return self.until(lambda message: message.get("id") == request)

    def start(self) -> None:
        client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.answer(self.send("initialize", client))
        self.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    def start_generating(self, picture: Path) -> int:
        """Begin an answer that takes long, and come back when its first tokens are there."""
        request = self.call("ask", image=str(picture), question="x", max_tokens=4096)
        self.until(lambda message: "decode" in str(message.get("params", {}).get("message")))
        return request

    def wait(self) -> int:
        """The exit code of a process that is to be gone within two seconds."""
        code = self.process.wait(2)
        self._reader.join(2)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()

    def _read(self) -> None:
        assert self.process.stdout
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                self._arrived.put(json.loads(line))
        except ValueError:  # a test closed it
            pass


@pytest.fixture
def host(picture: Path, parrot: Path) -> Iterator[Callable[..., Host]]:
    """Starts servers; patch: a change to the program, in Python."""
    hosts = []

    def start(*flags: str, patch: str = "", stderr: int = subprocess.PIPE) -> Host:
        program = (
            ("-c", f"{patch}\nfrom mlxvision_mcp.__main__ import main\nmain()") if patch else ("-m", "mlxvision_mcp")
        )
        hosts.append(Host([sys.executable, *program, "--model", str(parrot), *flags], picture.parent, stderr))
        return hosts[-1]

    yield start
    for one in hosts:
        one.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., Client]:
    """Connects to a server in this process that may read tmp_path."""

    def connect(keep_alive_s: float = 600, deadline_s: float = 50) -> Client:
        return Client(build_server(Options("toy", (str(tmp_path),), keep_alive_s, deadline_s)))

    return connect
