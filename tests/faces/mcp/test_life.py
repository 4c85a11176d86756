"""How the process lives, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import pytest

SLOW = """
import time, mlxvision.engine.guards as guards
guards.LoopDetector.add = lambda self, token: time.sleep(0.005)
"""
NOISY = """
import os, sys, mlxvision_mcp.pictures as pictures
real = pictures.open_picture
def noisy(*arguments):
    print("never flushed")
    print("flushed", flush=True)
    sys.__stdout__.write("original")
    os.write(1, b"descriptor\\n")
    os.system("echo child")
    return real(*arguments)
pictures.open_picture = noisy
"""
# As it happens when a thread comes back from MLX while the interpreter goes down.
CRASHING_AT_EXIT = "import atexit, os; atexit.register(os._exit, 134)"
INITIALIZE = b"""{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
 "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}""".replace(
    b"\n", b""
)
SHORT_LINES = "import mlxvision_mcp.wire as wire; wire.LONGEST_LINE_BYTES = 4096"


def close_stdin(host):
    host.process.stdin.close()


def close_stdout(host):
    os.dup2(os.open(os.devnull, os.O_RDONLY), host.process.stdout.fileno())


def close_stderr(host):
    host.process.stderr.close()


def terminate(host):
    host.process.send_signal(signal.SIGTERM)


def interrupt(host):
    host.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("leave", "code"),
    [(close_stdin, 0), (close_stdout, 0), (close_stderr, 0), (terminate, 0), (interrupt, 130)],
)
def test_the_process_is_gone_soon_after_its_host_while_it_generates(host, picture, leave, code):
    server = host(patch=SLOW)
    server.start()
    server.start_generating(picture)
    leave(server)
    assert server.wait() == code
    if leave is not close_stderr:
        assert server.process.stderr.read() == b""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_process_is_gone_soon_after_one_end_is_closed_while_it_is_idle(stream):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "mlxvision_mcp"], **pipes) as process:
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        assert b'"id":1' in process.stdout.readline()
        getattr(process, stream).close()
        assert process.wait(2) == 0


def test_nothing_runs_that_could_crash_at_exit(host):
    server = host(patch=CRASHING_AT_EXIT)
    server.start()
    close_stdin(server)
    assert server.wait() == 0


def test_a_server_without_stderr_serves(host, picture):
    """As after `2>&-` in a shell."""
    server = host(patch="import os; os.close(2)")
    server.start()
    answer = server.answer(server.call("ask", image=str(picture), question="x", max_tokens=2))
    assert answer["result"]["content"][0]["text"] == "ab ab "


def test_stdout_carries_the_protocol_only_whatever_prints(host, picture):
    server = host(patch=NOISY)
    server.start()
    server.answer(server.call("ask", image=str(picture), question="x", max_tokens=2))
    close_stdin(server)
    assert server.wait() == 0
    assert len(server.lines) >= 3
    assert {json.loads(line)["jsonrpc"] for line in server.lines} == {"2.0"}
    assert b"child" in server.process.stderr.read()


def test_it_answers_after_lines_that_are_no_messages(host):
    server = host(patch=SHORT_LINES)
    hidden = b'{"jsonrpc": "2.0", "id": 99, "method": "ping"}'
    for line in (
        b"",
        b"garbage",
        b"[]",
        b"\xff\xfe",
        b"{" * 1000,
        b"x" * 100_000,
        b"x" * 4096 + hidden,
        b"\xe9" * 9999,
    ):
        server.write(line)
    server.start()
    server.answer(server.send("ping"))
    assert not any(b"99" in line for line in server.lines)


def test_half_a_character_is_answered(host):
    server = host()
    server.start()
    server.write(
        rb'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ocr","arguments":{"image":"\ud83d.png"}}}'
    )
    assert "absolute path: \ufffd.png" in server.answer(7)["result"]["content"][0]["text"]


def test_of_many_calls_each_is_answered_once_and_a_ping_at_once(host, picture):
    server = host(patch=SLOW)
    server.start()
    long = server.start_generating(picture)
    calls = [server.call("ask", image=str(picture), question="x", max_tokens=1) for _ in range(100)]
    ping = server.send("ping")
    refused = []
    server.until(lambda message: refused.append(message) or message.get("id") == ping)
    server.write(
        json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": long}}).encode()
    )
    answered = []
    while len({message["id"] for message in (*refused, *answered) if "id" in message}) < 101:
        answered.append(server.until(lambda message: "id" in message))
    close_stdin(server)
    assert server.wait() == 0
    ids = [message["id"] for message in map(json.loads, server.lines) if "id" in message]
    assert sorted(ids) == sorted({1, *calls, ping})
    texts = [m["result"]["content"][0]["text"] for m in (*refused, *answered) if m.get("id") in calls]
    assert sorted({text.partition(":")[0] for text in texts}) == ["ab ", "the server is busy"]
    assert texts.count("ab ") == 4


def test_starting_computes_nothing():
    program = [sys.executable, "-X", "importtime", "-m", "mlxvision_mcp"]
    done = subprocess.run(program, input=INITIALIZE, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "mlxvision"
    imported = {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}
    assert "mlxvision_mcp.server" in imported
    assert not imported & {"mlx", "mlx.core", "numpy", "PIL", "tokenizers", "mlxvision.engine", "mlxvision.images"}


@pytest.mark.parametrize(
    "flags", [["--deadline", "0"], ["--keep-alive", "soon"], ["--nonsense"], ["--allow"], ["--allow", ""]]
)
def test_a_wrong_command_line_is_told_on_stderr(flags):
    done = subprocess.run([sys.executable, "-m", "mlxvision_mcp", *flags], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert flags[0].encode() in done.stderr
