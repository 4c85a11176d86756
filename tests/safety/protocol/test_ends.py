"""However the host goes, the process goes: soon, quietly, and with all that it started."""

import itertools
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.mcp.test_life import INITIALIZE, SLOW

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
SIGNALS = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}
NOISE = """
import atexit, os, sys
print("at import, never flushed")
print("at import", flush=True)
os.write(1, b"descriptor\\n")
"""
NOISE_AT_EXIT = """
import atexit
atexit.register(lambda: print("at exit"))
print("never flushed")
"""
HOST = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(server.pid, flush=True)
for line in sys.stdin.buffer:
    server.stdin.write(line)
    server.stdin.flush()
    print(server.stdout.readline().decode(), end="", flush=True)
"""


@pytest.fixture
def idle(tmp_path):
    """A server that has answered a first message."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "mlxvision_mcp"], **pipes, cwd=tmp_path) as process:
        process.stdin.write(INITIALIZE + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        yield process
        process.kill()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_an_idle_server(idle, number):
    idle.send_signal(number)
    assert idle.wait(2) == SIGNALS[number]
    assert idle.stderr.read() == b""


def test_a_hangup_ends_a_server_that_generates(host, picture):
    server = host(patch=SLOW)
    server.start()
    server.start_generating(picture)
    server.process.send_signal(signal.SIGHUP)
    assert server.wait() == 0
    assert server.process.stderr.read() == b""


@pytest.mark.parametrize("order", list(itertools.permutations(["stdin", "stdout", "stderr"])), ids="-".join)
def test_the_pipes_may_be_closed_in_any_order(idle, order):
    for name in order:
        getattr(idle, name).close()
    assert idle.wait(2) == 0


@linux
@pytest.mark.parametrize("flags", [[], ["--isolate"]], ids=["inside", "isolated"])
def test_a_host_that_is_killed_leaves_no_orphan(parrot, picture, flags):
    command = [sys.executable, "-m", "mlxvision_mcp", "--model", str(parrot), *flags]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOST, *command], **pipes, cwd=picture.parent) as parent:
        pid = int(parent.stdout.readline())
        arguments = {"image": str(picture), "question": "x", "max_tokens": 2}
        for line in (
            INITIALIZE,
            json.dumps(
                {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}}
            ).encode(),
        ):
            parent.stdin.write(line + b"\n")
            parent.stdin.flush()
            answer = parent.stdout.readline()
        assert b"ab ab " in answer
        pids = [pid, *children(pid)]
        assert len(pids) == 1 + len(flags)
        watched = [os.pidfd_open(one) for one in pids]
        parent.kill()
    for one in watched:
        assert select.select([one], [], [], 5)[0]
        os.close(one)


def children(pid):
    return [
        int(one)
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for one in file.read_text(encoding="utf-8").split()
    ]


@pytest.mark.parametrize("flags", [[], ["--isolate"]], ids=["inside", "isolated"])
def test_what_is_printed_at_import_and_at_exit_does_not_reach_stdout(host, picture, tmp_path, monkeypatch, flags):
    """Noise in modules that the server and its child import while they serve."""
    (tmp_path / "noisy").mkdir()
    (tmp_path / "noisy" / "noise.py").write_text(NOISE + NOISE_AT_EXIT, encoding="utf-8")
    (tmp_path / "noisy" / "sitecustomize.py").write_text(FINDER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'noisy'}{os.pathsep}{os.environ['PYTHONPATH']}")
    server = host(*flags)
    server.start()
    answer = server.answer(server.call("ask", image=str(picture), question="x", max_tokens=2))
    assert answer["result"]["content"][0]["text"] == "ab ab "
    server.process.stdin.close()
    assert server.wait() == 0
    assert {json.loads(line)["jsonrpc"] for line in server.lines} == {"2.0"}
    assert b"descriptor" in server.process.stderr.read()


FINDER = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "tokenizers"):
            import noise

sys.meta_path.insert(0, Finder())
"""
